"""Start ComfyUI's main.py in this process: `python launch_comfyui.py TREE [flags of ComfyUI]`.

With ACESTEP_OWNER_PIPE=1 the server ends when whoever started it does.
"""

import os
import runpy
import signal
import sys
from pathlib import Path

# Both lie beside this script.
from owner_pipe import end_with_owner  # pyright: ignore[reportMissingImports]
from torch_builds import declare_torchvision_operators  # pyright: ignore[reportMissingImports]


def main() -> None:
    for name in ("SIGINT", "SIGBREAK"):  # SIGINT is ignored in what was started in the background
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    if os.environ.get("ACESTEP_OWNER_PIPE") == "1":
        end_with_owner()
    tree = Path(sys.argv[1])
    # From here on ComfyUI's own modules win over what lies beside this script.
    sys.path[0] = str(tree)
    declare_torchvision_operators()
    os.chdir(tree)
    sys.argv = [str(tree / "main.py"), *sys.argv[2:]]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
