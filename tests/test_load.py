"""A small load of load.py: what a long one shows is asserted here on 20 prompts."""

import pytest
from conftest import NEWEST_VERSION
from load import TAKES, WIDE_NODES, attack, prompts
from runcomfy_runs import hosted_by
from runcomfy_simulator import Simulator, rendering

pytestmark = [pytest.mark.server, pytest.mark.slow]
PROMPTS = 20


def test_a_full_queue_starves_nobody_and_leaves_nothing_behind(comfyui_servers):
    with Simulator(compose=rendering.tone) as simulator:
        comfyui = comfyui_servers.get(NEWEST_VERSION, environment=hosted_by(simulator))
        seen = attack(comfyui, simulator, PROMPTS, pages=3)
        inputs = [node["inputs"] for prompt in prompts(PROMPTS) for node in prompt.values()]
        takes = sum(each["batch_size"] for each in inputs if each.get("backend") == "runcomfy")
        # One song warmed the server up, and Stop ended a prompt of the widest kind.
        assert simulator.paid == takes + 1 + WIDE_NODES * TAKES
    assert (seen.done, seen.failed) == (PROMPTS, [])
    assert seen.wide == 2 and seen.starved == 0
    assert seen.at_once == WIDE_NODES * TAKES
    assert seen.running_after_stop == 0
    assert seen.threads_left == 0
    assert seen.held == 0
    assert min(seen.messages) > 0
