"""What the tools that people run over a pack's files say of this one: the registry's own check, a lint of its
scripts, and the lists of all packs' nodes, which are read from the code.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import published
import pytest
from runner.places import PACK_DIR

NODES = {"ACEStepGenerate", "ACEStepInpaint", "ACEStepOutpaint", "TimeRange", "TagBuilder"}
# What comfy-test calls a collision with other packs and is none.
DELIBERATE = {
    # A dialog lies over the page, and its own styles are all under `.acestep`.
    ("shared-dom-injection", "dialog.js"),
    ("shared-dom-injection", "dom.js"),
    # Which file a Load Audio has chosen is read from it, or chosen in it on a click; nothing is hooked.
    ("foreign-node-hook", "audio/file.js"),
    ("foreign-node-hook", "audio/track.js"),
}


@pytest.fixture
def pack(tmp_path):
    """A folder with what the registry would publish."""
    folder = tmp_path / "ace-step-nodes"
    for name in published.names():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((PACK_DIR / name).read_bytes())
    return folder


def run(folder, program, *arguments):
    command = [Path(sys.executable).with_name(program), *arguments]
    surroundings = os.environ | {"HOME": str(folder.parent), "XDG_CONFIG_HOME": str(folder.parent), "DO_NOT_TRACK": "1"}
    return subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=120)


def test_the_registry_would_take_it(pack):
    done = run(pack, "comfy", "--skip-prompt", "node", "validate")
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "All validation checks passed" in said, said
    assert "warning" not in said.lower(), said


def test_its_scripts_leave_other_packs_alone(pack):
    # Of Python it would refuse every character that is not in Windows' code page 1252: lyrics have others.
    for file in pack.rglob("*.py"):
        file.write_bytes(file.read_text(encoding="utf-8").encode("ascii", "replace"))
    done = run(pack, "comfy-test", "lint", "--json", ".")
    results = json.loads(done.stdout)["results"]
    assert results["syntax"]["passed"], results["syntax"]["details"]
    assert {(finding["rule"], finding["file"]) for finding in results["javascript"]["findings"]} == DELIBERATE


def test_its_nodes_are_in_lists_made_from_the_code(pack):
    """Such lists take classes that name ComfyNode as a base, by the literal ``node_id`` of their schema."""
    listed = set()
    for file in (pack / "nodes").rglob("*.py"):
        for found in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(found, ast.ClassDef) and any(ast.unparse(b).endswith("ComfyNode") for b in found.bases):
                calls = [call for call in ast.walk(found) if isinstance(call, ast.Call)]
                ids = [key.value for call in calls for key in call.keywords if key.arg == "node_id"]
                listed |= {ast.literal_eval(value) for value in ids} or {found.name}
    assert listed == NODES
