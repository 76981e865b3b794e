"""The code itself: lint, format and types, by the settings of pyproject.toml and the ones below."""

import subprocess
import sys
from pathlib import Path

import pinned
import pytest
from runner.places import PACK_DIR

# The backends implement their interface with the request each method takes, which is a narrower type, as nodes do
# with the inputs they have; ComfyUI gives its server the attribute `instance` only when it starts.
SETTINGS = """
project-includes = ["{packs}/acestep_nodes/nodes"]
search-path = ["{packs}", "{comfyui}"]
python-interpreter-path = "{python}"
python-version = "3.10"
replace-imports-with-any = ["server"]
[errors]
bad-override = false
inconsistent-inheritance = false
"""


def run(program, *arguments):
    command = [Path(sys.executable).with_name(program), *arguments]
    done = subprocess.run(command, cwd=PACK_DIR, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")])
def test_ruff_has_nothing_to_say(arguments):
    code, said = run("ruff", *arguments, "--no-cache", ".")
    assert code == 0, said


def test_types_agree(tmp_path):
    # Under a name that can be imported, which the folder of a clone may not have.
    (tmp_path / "acestep_nodes").symlink_to(PACK_DIR)
    settings = tmp_path / "pyrefly.toml"
    settings.write_text(SETTINGS.format(packs=tmp_path, comfyui=pinned.tree(), python=sys.executable), encoding="utf-8")
    code, said = run("pyrefly", "check", "--config", settings)
    assert code == 0, said
