"""ACE-Step for ComfyUI: generate, repair and extend music, on your own GPU or on RunComfy."""

from .nodes.comfyui.entrypoint import comfy_entrypoint

WEB_DIRECTORY = "./js"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
