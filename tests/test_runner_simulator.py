"""`--simulator` end to end: RunComfy's side of an example without RunComfy."""

import json
import re
import signal
import threading

import numpy
import pytest
import readme
from runcomfy_runs import wait_until
from runcomfy_simulator import Simulator, rendering
from runcomfy_simulator.rendering import read
from runner import sound, workspace
from runner.places import cache_dir
from runner_command import Command, assert_stopped, own_cache, run

pytestmark = [pytest.mark.server, pytest.mark.slow]
SIMULATED = ["--backend", "runcomfy", "--simulator"]


def bill(out):
    """(US dollars, requests) that the test server's ledger holds, as run.py says it."""
    dollars, count = re.search(r"Cost: \$([0-9.]+) for (\d+) request", out).groups()
    return float(dollars), int(count)


def report_in(folder):
    (path,) = folder.glob("*_report.json")
    return json.loads(path.read_text(encoding="utf-8"))


def journal_of_the_cache():
    path = cache_dir() / "user" / "__acestep" / "journal.json"
    return path.read_bytes() if path.exists() else None


def test_a_repair_of_the_example_music_on_the_test_server_keeps_everything_outside_its_range(tmp_path):
    before = journal_of_the_cache()
    command = [*readme.arguments("simulate"), "--out", tmp_path]
    code, out, err = run(*command, RUNCOMFY_API_TOKEN="dummy-that-must-not-be-sent")
    assert code == 0, err
    assert sound.EXAMPLE_FILE in out
    [said] = [line for line in out.splitlines() if "test server on this machine" in line]
    assert "nothing is charged" in said and "sketch" in said
    source, repaired = (read(path.read_bytes()) for path in (sound.example(), tmp_path / "section_repair.flac"))
    assert repaired.rate == source.rate and repaired.samples.shape == source.samples.shape
    # FLAC as ComfyUI writes it has 16 bits and cannot go beyond full scale.
    difference = numpy.abs(repaired.samples - source.samples.clip(-1, 1 - 2**-15))
    first, last = round(12 * source.rate), round(20 * source.rate)
    assert max(difference[:, :first].max(), difference[:, last:].max()) <= 1 / 32768
    assert difference[:, first:last].max() > 0.05
    report = report_in(tmp_path)
    assert report["backend"] == "runcomfy"
    assert bill(out) == (pytest.approx(report["cost_usd"]), 1) and report["cost_usd"] > 0
    assert journal_of_the_cache() == before


def test_stopped_while_the_test_server_renders(tmp_path):
    command = Command("text_to_music", *SIMULATED, "--out", tmp_path)
    command.wait_for_line("Running ACE-Step Generate")
    assert any("launch_simulator" in word for process in command.descendants() for word in process.cmdline())
    assert_stopped(command, signal.SIGINT)
    assert list(tmp_path.iterdir()) == []
    assert command.folders_left() == []


def test_the_test_server_ends_when_its_owner_is_killed(tmp_path):
    command = Command("text_to_music", *SIMULATED, "--out", tmp_path)
    command.wait_for_line("test server on this machine")
    helpers = command.descendants()
    command.process.kill()
    command.process.communicate(timeout=20)
    for process in helpers:
        process.wait(timeout=30)
    assert command.descendants() == []


def test_only_the_user_folder_of_a_simulated_run_is_private(tmp_path):
    place = workspace.for_pack(None)
    try:
        assert place.user == cache_dir() / "user"
        private = place.with_private_user()
        assert private.folder in private.user.parents and private.models == place.models
        assert str(private.user) in private.flags() and str(place.user) not in private.flags()
    finally:
        place.remove()


def test_ctrl_c_waits_for_the_answer_to_a_paid_request_and_cancels_it(tmp_path):
    answered = threading.Event()
    with Simulator(compose=rendering.tone, queue_seconds=600.0) as simulator:
        simulator.fault("submit", "slow", until=answered)
        variables = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
        variables |= own_cache(tmp_path / "cache")
        command = Command("text_to_music", "--backend", "runcomfy", "--out", tmp_path / "out", **variables)
        wait_until(lambda: simulator.paid == 1, 240)
        command.process.send_signal(signal.SIGINT)
        command.wait_for_complaint("waiting up to")
        # Longer than a ComfyUI that is being closed waits by itself.
        threading.Timer(8.0, answered.set).start()
        code, _, _ = command.end()
        assert code == 130 and [job.state() for job in simulator.service.jobs()] == ["cancelled"]
