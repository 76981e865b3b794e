"""The pack's own code without ComfyUI: `import runner.pack` first, then `from acestep_nodes.nodes… import …`."""

import sys
import types

from .places import PACK_DIR

# An empty package with the pack's path: its own __init__.py is for ComfyUI alone.
if "acestep_nodes" not in sys.modules:
    sys.modules["acestep_nodes"] = types.ModuleType("acestep_nodes")
    sys.modules["acestep_nodes"].__path__ = [str(PACK_DIR)]
