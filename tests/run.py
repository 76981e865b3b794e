#!/usr/bin/env python3
"""Run every test: python3 tests/run.py [arguments of pytest]. Or a program: python3 tests/run.py tests/bench/sketch.py

Any Python 3.10 to 3.13 will do: the environment is built on the first run, the same one that workflows/run.py uses.
With arguments only pytest runs; without any, the JavaScript tests run too, where Node.js is installed. A first
argument that is a Python file and no test file, such as a benchmark, is run as a program with the other arguments.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Any Python 3 can read this file up to here, so an unsuitable one is told so.
if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        "This needs Python 3.10 to 3.13 and was started with {}.{}; start it with another one, for example: "
        "python3.12 tests/run.py".format(*sys.version_info)
    )

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflows"))

from runner import environment, process  # noqa: E402  (the path must be set first)
from runner.errors import INTERRUPTED, RunError  # noqa: E402
from runner.places import PACK_DIR  # noqa: E402
from runner.terminal import complain, say  # noqa: E402

PATIENCE_SECONDS = 30
# Two processes; which tests stay together is in conftest.py.
EVERYTHING = ["-q", "--durations=20", "--numprocesses=2", "--dist=loadscope", "--no-loadscope-reorder"]


def main(arguments: list[str]) -> int:
    process.interrupt_on_signals()
    environment.forget_outer_python()
    try:
        home = environment.required(tree=None)
        if not home.is_this_one:
            home.build()
            home.add(PACK_DIR / "tests" / "requirements.txt")
            return home.continue_inside(Path(__file__).resolve(), arguments)
        if arguments and is_program(arguments[0]):
            return run([sys.executable, *arguments])
        return run_all(arguments)
    except RunError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("Stopped.")
        return INTERRUPTED


def is_program(argument: str) -> bool:
    """Whether an argument names a Python file that is not one of tests; relative to the root, as for pytest."""
    path = PACK_DIR / argument
    return path.suffix == ".py" and path.is_file() and not path.name.startswith("test_")


def names_tests(argument: str) -> bool:
    """Whether an argument of pytest is a path of tests, or one test in such a path."""
    return argument.startswith("tests") and (PACK_DIR / argument.split("::")[0]).exists()


def run_all(arguments: list[str]) -> int:
    # Without a path pytest would start at the root, whose __init__.py only ComfyUI can import.
    everything = [] if any(map(names_tests, arguments)) else ["tests"]
    options = arguments or EVERYTHING
    if not arguments:  # more threads than cores wait for each other
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // 2)))
    results = {"pytest": run([sys.executable, "-m", "pytest", *options, *everything])}
    scripts = [] if arguments else sorted(str(path) for path in (PACK_DIR / "tests" / "js").glob("*.test.mjs"))
    if scripts and (node := shutil.which("node")):
        results["JavaScript"] = run([node, "--test", *scripts])
    elif scripts:
        say(f"The {len(scripts)} JavaScript test files did not run: Node.js is not installed.")
    failed = [name for name, code in results.items() if code != 0]
    say("Failed: " + ", ".join(failed) if failed else "Passed: " + ", ".join(results))
    return next((code for code in results.values() if code != 0), 0)


def run(command: list[str]) -> int:
    child = process.start(command, cwd=PACK_DIR, stdin=subprocess.DEVNULL)
    try:
        return child.wait()
    finally:
        process.end(child, PATIENCE_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
