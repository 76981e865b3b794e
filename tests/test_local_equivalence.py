"""The local backend samples as upstream's formulas say, on each supported generation of ComfyUI."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pinned
import pytest

SCRIPT = Path(__file__).parent / "local_models" / "equivalence.py"
TOLERANCE = 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("version", ["0.20.1", "0.27.0", "0.30.0"])
def test_repaint_and_song_follow_the_formulas(version):
    found = json.loads(_run(version, seed=7).stdout)
    # Three ratios, both guidances, partial strengths, v1 with and without guided steps, and whole edits.
    assert len(found) == 26
    assert {name for name in found if "ratio 0.5" in name and "guidance 1" in name}
    too_far = {name: far for name, far in found.items() if not far < TOLERANCE}
    assert not too_far


def _run(version: str, seed: int) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), str(pinned.tree(version)), str(seed)]
    # The models are so small that threads would mostly wait for each other.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert run.returncode == 0, run.stderr[-4000:]
    return run
