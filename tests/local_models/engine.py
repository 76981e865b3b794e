"""ComfyUI's engine in this process, on the CPU."""

import sys

import torch


def start_engine(comfy_path: str) -> None:
    """Make ``comfy``, ``folder_paths`` and ``latent_preview`` of a ComfyUI tree importable, set to run on the CPU."""
    if "comfy" in sys.modules:
        return
    _stand_in_for_torchvision_operators()
    sys.path.append(str(comfy_path))
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    import comfy.model_management  # noqa: F401  (it reads the arguments when it is imported)


def _stand_in_for_torchvision_operators() -> None:
    """torchvision built for CUDA cannot register its operators on a CPU-only PyTorch; it only looks for their names."""
    signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for name in ("nms", "qnms"):
        try:
            torch.library.define(f"torchvision::{name}", signature)
        except RuntimeError:
            return  # torchvision's own are there
