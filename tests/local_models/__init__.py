"""Small ACE-Step models of ComfyUI's own classes, and marker files its own loaders accept."""
