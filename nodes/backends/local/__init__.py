"""ACE-Step on the user's own GPU, through ComfyUI's engine: its loaders, samplers, memory and interrupts.

Nothing here is patched for good: a run works on a clone of the model, and what it swaps on the network
for the time of a call is put back when the call ends.
"""

from .backend import LocalBackend

__all__ = ["LocalBackend"]
