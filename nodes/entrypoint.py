"""What ComfyUI calls when it loads the pack."""

from .minimum_comfyui import check_comfyui_version

check_comfyui_version()


async def comfy_entrypoint():
    """The extension with the pack's five nodes (ComfyUI's V3 entry point)."""
    from .extension import ACEStepExtension

    return ACEStepExtension()
