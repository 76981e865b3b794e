"""The code itself: lint, format and types, by the settings of pyproject.toml and the ones below."""

import json
import subprocess
import sys
from pathlib import Path

import pinned
import pytest
from runner.places import PACK_DIR

# The backends implement their interface with the request each method takes, which is a narrower type.
CHECKS = {"typeCheckingMode": "standard", "reportIncompatibleMethodOverride": False, "pythonVersion": "3.10"}


def run(program, *arguments):
    command = [Path(sys.executable).with_name(program), *arguments]
    done = subprocess.run(command, cwd=PACK_DIR, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")])
def test_ruff_has_nothing_to_say(arguments):
    code, said = run("ruff", *arguments, "--no-cache", ".")
    assert code == 0, said


@pytest.mark.slow
def test_types_agree(tmp_path):
    settings = CHECKS | {"include": [str(PACK_DIR / "nodes")], "extraPaths": [str(pinned.tree())]}
    config = tmp_path / "pyrightconfig.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    code, said = run("basedpyright", "--project", config, "--pythonpath", sys.executable)
    assert code == 0, said
