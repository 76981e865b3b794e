"""Start ComfyUI's main.py in this process: `python launch_comfyui.py TREE [flags of ComfyUI]`.

With ACESTEP_OWNER_PIPE=1 standard input is a pipe from whoever started the server. When it closes, its owner
has died without a chance to clean up, and the server ends itself: nothing is ever left behind.
"""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path

from torch_builds import declare_torchvision_operators


def end_with_owner() -> None:
    while os.read(0, 4096):  # sys.stdin would be locked by this thread when the interpreter shuts down
        pass
    if hasattr(os, "killpg"):
        os.killpg(os.getpid(), signal.SIGKILL)  # the server leads its own group
    os._exit(1)


def main() -> None:
    for name in ("SIGINT", "SIGBREAK"):  # SIGINT is ignored in what was started in the background
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    if os.environ.get("ACESTEP_OWNER_PIPE") == "1":
        threading.Thread(target=end_with_owner, daemon=True).start()
    tree = Path(sys.argv[1])
    # From here on ComfyUI's own modules win over what lies beside this script.
    sys.path[0] = str(tree)
    declare_torchvision_operators()
    os.chdir(tree)
    sys.argv = [str(tree / "main.py"), *sys.argv[2:]]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
