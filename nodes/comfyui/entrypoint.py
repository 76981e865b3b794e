"""What ComfyUI calls when it loads the pack."""

from .minimum_version import check_comfyui_version

check_comfyui_version()


async def comfy_entrypoint():
    """The extension with the pack's five nodes, without any in a second copy of the pack (ComfyUI's V3 entry point)."""
    from .extension import ACEStepExtension, SecondCopy
    from .pack_folder import stands_back

    return SecondCopy() if stands_back() else ACEStepExtension()
