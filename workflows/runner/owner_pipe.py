"""Lets a helper process end itself when whoever started it dies, however that happens.

Its standard input is a pipe from its owner. When that closes, the owner has died without a chance to clean up,
and the helper ends itself and everything it started: nothing is ever left behind. What comes through it says that the
start is over.
"""

import gc
import os
import signal
import threading


def end_with_owner() -> None:
    """Watch standard input from now on. The process must lead its own group (see process.start)."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while os.read(0, 4096):  # sys.stdin would be locked by this thread when the interpreter shuts down
        # ComfyUI collects garbage after a prompt, and looks each time through all that its start has made, which stays:
        # 0.4 s between two jobs.
        gc.collect()
        gc.freeze()
    if hasattr(os, "killpg"):
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
