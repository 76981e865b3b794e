"""The local backend samples as upstream's formulas say, on each supported generation of ComfyUI."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pinned
import pytest
import torch
from local_models import equivalence

SCRIPT = Path(equivalence.__file__)
TOLERANCE = 1e-5


@pytest.mark.slow
def test_repaint_and_song_follow_the_formulas_in_the_oldest():
    _assert_small(json.loads(_run("0.26.0", seed=7).stdout))


@pytest.mark.slow
def test_repaint_and_song_follow_the_formulas_in_the_newest(comfy_path):
    with torch.no_grad():
        _assert_small(equivalence.differences(7))


def _assert_small(found: dict[str, float]) -> None:
    # Three ratios, both guidances, partial strengths, with and without correction; songs; v1 with and without guided
    # steps; whole edits; the templates; and the pipeline of diffusers.
    assert len(found) == 63
    templates = {name: far for name, far in found.items() if name.startswith("template ")}
    assert len(templates) == 13 and set(templates.values()) == {0.0}, templates
    assert {name for name in found if "ratio 0.5" in name and "guidance 1" in name and "DCW 0.05" in name}
    too_far = {name: far for name, far in found.items() if not far < TOLERANCE}
    assert not too_far


def _run(version: str, seed: int) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), str(pinned.tree(version)), str(seed)]
    # The models are so small that threads would mostly wait for each other.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert run.returncode == 0, run.stderr[-4000:]
    return run
