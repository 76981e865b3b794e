"""ComfyUI's engine of a given tree in this process, on the CPU, and the pack under the name tests use."""

import sys
import types
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]


def start(tree: str, cpu: bool = True) -> None:
    """Make ``comfy``, ``folder_paths``, ``latent_preview`` of ``tree`` and ``acestep_nodes`` importable."""
    sys.path[:0] = [str(ROOT / "workflows"), str(tree)]
    from runner.torch_builds import declare_torchvision_operators

    declare_torchvision_operators()
    from comfy.cli_args import args

    args.cpu = cpu
    if "acestep_nodes" not in sys.modules:
        pack = types.ModuleType("acestep_nodes")
        pack.__path__ = [str(ROOT)]
        sys.modules["acestep_nodes"] = pack
    torch.set_grad_enabled(False)
