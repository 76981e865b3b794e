"""What ComfyUI asks of the pack: its loader, the inputs that nodes share, and what it calls besides running a node."""
