"""Start the tests' RunComfy simulator in this process: `python launch_simulator.py [its arguments]`."""

import runpy
import sys
from pathlib import Path

from owner_pipe import end_with_owner  # pyright: ignore[reportMissingImports]  (beside this script)

if __name__ == "__main__":
    end_with_owner()
    sys.path[0] = str(Path(__file__).resolve().parents[2] / "tests")
    runpy.run_module("runcomfy_simulator", run_name="__main__")
