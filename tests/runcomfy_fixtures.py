"""The simulators that most tests of the RunComfy backend run against; a module names this in ``pytest_plugins``."""

import pytest
from runcomfy_runs import place_for
from runcomfy_simulator import Simulator, rendering


@pytest.fixture
def simulator():
    """One whose renders are plain tones, at once."""
    with Simulator(compose=rendering.tone) as running:
        yield running


@pytest.fixture
def musical():
    """One that renders music, and so gives edits back with their context."""
    with Simulator() as running:
        yield running


@pytest.fixture
def place(simulator, tmp_path):
    """A fresh ComfyUI's place that talks to ``simulator``."""
    return place_for(simulator, tmp_path)
