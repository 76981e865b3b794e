"""The pack's routes on ComfyUI's server, for its front end."""
