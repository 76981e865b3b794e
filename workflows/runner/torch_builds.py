"""Which PyTorch this machine needs, and how torchvision and torchaudio import beside a CPU-only one.

The package index serves torchvision and torchaudio as CUDA builds. Beside a CPU build of torch their binary
parts cannot be loaded. ComfyUI imports both (torchaudio only until about 0.36) but on the CPU needs none of those
binaries: torchaudio degrades to pure Python once its libraries are gone, and torchvision imports once the two
operators it wants to describe are declared. Both are done inside the private environment only, and only when the
binaries really don't load.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class TorchBuild:
    """A set of versions that are known to work together."""

    name: str
    matched: tuple[str, ...]
    without_dependencies: tuple[str, ...]
    disk_gigabytes: int  # of the whole environment, with what pip keeps while it installs
    server_flags: tuple[str, ...]

    @property
    def pins(self) -> tuple[str, ...]:
        return self.matched + self.without_dependencies

    def asked_for(self, requirements: list[str]) -> "TorchBuild":
        """The same without the packages that a ComfyUI with these requirements does not ask for."""
        names = {package_of(line) for line in requirements}

        def asked(pins: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(pin for pin in pins if package_of(pin) in names)

        return replace(self, matched=asked(self.matched), without_dependencies=asked(self.without_dependencies))


# `==2.13.0` also takes `2.13.0+cpu`, and pip prefers it wherever its configuration offers one.
CPU = TorchBuild("CPU", ("torch==2.13.0",), ("torchvision==0.28.0", "torchaudio==2.11.0"), 8, ("--cpu",))
CUDA = TorchBuild("CUDA", ("torch==2.11.0", "torchaudio==2.11.0", "torchvision==0.26.0"), (), 12, ())


def package_of(requirement: str) -> str:
    """``"torch>=2.4; python_version > '3'"`` → torch"""
    return re.split(r"[^\w-]", requirement, maxsplit=1)[0]


def build_for_this_machine() -> TorchBuild:
    return CUDA if _has_nvidia_driver() else CPU


def _has_nvidia_driver() -> bool:
    if Path("/proc/driver/nvidia/version").exists():
        return True
    if not (tool := shutil.which("nvidia-smi")):
        return False
    try:
        return subprocess.run([tool, "-L"], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def drop_unloadable_torchaudio_libraries() -> None:
    """Remove torchaudio's binaries when this environment's torch cannot load them. Runs inside the environment."""
    import importlib.util

    import torch

    package = importlib.util.find_spec("torchaudio")
    folders = (package and package.submodule_search_locations) or []
    for library in (file for folder in folders for file in Path(folder, "lib").glob("*.so")):
        try:
            torch.ops.load_library(library)
        except OSError:
            library.unlink()


def declare_torchvision_operators() -> None:
    """Declare the operators torchvision's import asks for, when its own binary cannot be loaded.

    Call before the first import of torchvision in a process; later calls do nothing.
    """
    import importlib.util
    import sys

    import torch

    package = importlib.util.find_spec("torchvision")
    if package is None or "torchvision" in sys.modules or hasattr(torch.ops.torchvision, "nms"):
        return
    folders = package.submodule_search_locations or []
    if any(_loads(library) for folder in folders for library in Path(folder).glob("_C*")):
        return
    for operator in ("nms", "qnms"):
        torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _loads(library: Path) -> bool:
    import torch

    try:
        torch.ops.load_library(library)
    except OSError:
        return False
    return True
