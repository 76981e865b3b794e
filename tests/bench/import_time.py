"""How long ComfyUI waits for the pack: import, entry point and the five schemas, in a fresh process each time.

    python tests/bench/import_time.py [COMFYUI_FOLDER]

Without a folder the pinned ComfyUI is used. Goal: 30 ms at most.
"""

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
RUNS = 9
PROGRAM = """
import asyncio, importlib.util, sys, time, types
sys.path.insert(0, sys.argv[1])
from comfy.cli_args import args
args.cpu = True
nodes = sys.modules["nodes"] = types.ModuleType("nodes")  # ComfyUI's, which would load everything
nodes.NODE_CLASS_MAPPINGS = {}
import torch, comfy_api.v0_0_2, comfy_execution.graph_utils, comfy.utils, aiohttp.web
started = time.perf_counter()
spec = importlib.util.spec_from_file_location("pack", sys.argv[2] + "/__init__.py")
pack = importlib.util.module_from_spec(spec)
sys.modules["pack"] = pack
spec.loader.exec_module(pack)
for node in asyncio.run(asyncio.run(pack.comfy_entrypoint()).get_node_list()):
    node.GET_SCHEMA()
print(1000 * (time.perf_counter() - started))
"""


def main() -> None:
    import pinned

    tree = sys.argv[1] if len(sys.argv) > 1 else str(pinned.tree())
    times = []
    for _ in range(RUNS):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, tree, str(ROOT)], capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout.splitlines()[-1]))
    print(f"import of the pack: median {statistics.median(times):.1f} ms, {min(times):.1f} to {max(times):.1f} ms")


if __name__ == "__main__":
    main()
