"""`run.py --jobs --deployment` against the simulator: lost answers, ends at any moment, and nothing run twice."""

import json
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import readme
from runcomfy_simulator import Simulator, rendering
from runcomfy_simulator.serverless import DEPLOYMENT_ID
from runner.deployment_run import signed_in
from runner.errors import RunError
from runner.jobs.deployment import DeploymentEngine
from runner.jobs.graphs import Job
from runner.jobs.records import Records
from runner_command import Command, own_cache, run
from test_jobs_run import ending, records, write

pytestmark = pytest.mark.slow
LINES = [{"name": f"piece {n}", "1.seed": n} for n in range(6)]


@pytest.fixture
def simulator():
    with Simulator(compose=rendering.tone) as running:
        running.deployments.seconds = 0.3
        yield running


@pytest.fixture
def variables(simulator, tmp_path):
    environment = {"ACESTEP_RUNCOMFY_SERVERLESS_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
    return environment | own_cache(tmp_path / "cache")


@pytest.fixture
def command(tmp_path):
    file = write(tmp_path / "pieces.jsonl", *LINES)
    given = readme.arguments("deploy jobs", DEPLOYMENT_ID=DEPLOYMENT_ID, pieces=file)
    return [*given, "--out", tmp_path / "out"]


def submitted(simulator):
    return [json.dumps(run.body, sort_keys=True) for run in simulator.deployments.runs if not run.cancelled]


def test_every_job_is_sent_once_and_as_many_at_a_time_as_asked(simulator, variables, command, tmp_path):
    now, most = [0], [0]

    def on_step(step, moment):
        # From the submission's arrival until its file was fetched a request is under way.
        if (step, moment) in (("submit", "arrived"), ("file", "answered")):
            now[0] += 1 if step == "submit" else -1
            most[0] = max(most[0], now[0])

    simulator.on_step = on_step
    code, out, err = run(*command, **variables)
    assert code == 0 and "6 of 6 jobs are in" in out and "max_cost_usd" not in err, out + err
    assert len(set(submitted(simulator))) == len(submitted(simulator)) == 6 and most[0] == 3
    found = records(tmp_path / "out" / "pieces")
    assert {found[line["name"]]["request_ids"][0] for line in LINES} == {
        run.request_id for run in simulator.deployments.runs
    }
    # Settled, so that a library of any length leaves room in the journal.
    journal = Path(variables["ACESTEP_CACHE"], "user", "__acestep", "deployments", "journal.json")
    assert [entry["state"] for entry in json.loads(journal.read_bytes())["entries"]] == ["delivered"] * 6
    code, out, err = run(*command, **variables)
    assert code == 0 and len(submitted(simulator)) == 6, out + err


def test_without_a_workflow_each_line_overrides_inputs_of_the_deployed_one(simulator, variables, tmp_path):
    file = write(
        tmp_path / "texts.jsonl",
        {"name": "calm", "1.seed": 3, "1.tags": "soft {what}", "what": ["piano", "harp"]},
        {"name": "as deployed"},
    )
    command = ["--jobs", file, "--deployment", DEPLOYMENT_ID, "--set", "1.duration=20", "--out", tmp_path / "out"]
    for _ in range(2):  # and nothing is run twice
        code, out, err = run(*command, **variables)
        assert code == 0 and "3 of 3 jobs are in" in out, out + err
        assert sorted(map(json.loads, submitted(simulator)), key=str) == [
            {"overrides": {"1": {"inputs": {"duration": 20, "seed": 3, "tags": "soft harp"}}}},
            {"overrides": {"1": {"inputs": {"duration": 20, "seed": 3, "tags": "soft piano"}}}},
            {"overrides": {"1": {"inputs": {"duration": 20}}}},
        ]
    found = records(tmp_path / "out" / "texts")
    assert found["calm-harp"]["inputs"] == {"1.duration": 20, "1.seed": 3, "1.tags": "soft harp"}
    assert "soft piano" in (tmp_path / "out" / "texts" / "index.html").read_text(encoding="utf-8")


def test_a_trial_on_the_simulator_is_not_taken_for_what_the_deployment_made(simulator, variables, command, tmp_path):
    folder = tmp_path / "out" / "pieces"
    for _ in range(2):  # a trial goes on as well
        code, out, err = run(*command, "--simulator", **variables)
        assert code == 0 and f"6 of 6 jobs are in {folder / 'simulator'}" in out, out + err
        assert submitted(simulator) == []
    assert [path.name for path in folder.iterdir()] == ["simulator"] and len(list(folder.rglob("*.flac"))) == 6
    assert "pieces.jsonl, a trial" in (folder / "simulator" / "index.html").read_text(encoding="utf-8")
    code, out, err = run(*command, **variables)
    assert code == 0 and len(submitted(simulator)) == 6 and "done already" not in out, out + err
    kept = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    code, out, err = run(*command, "--simulator", **variables)
    assert code == 0 and kept == {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}, out + err


def test_whatever_ends_it_the_same_command_goes_on_and_nothing_is_run_twice(simulator, variables, command, tmp_path):
    chance = random.Random(23)
    for number, step, moment, limit in (
        (signal.SIGINT, "status", "answered", 2),
        (signal.SIGKILL, "status", "answered", 3),
        (signal.SIGKILL, "result", "answered", 2),
        (signal.SIGKILL, "file", "answered", 2),
    ):
        started = Command(*command, **variables)
        simulator.on_step = ending(started.process, number, step, moment, chance.randint(1, limit))
        code, out, err = started.end()
        assert code == (130 if number == signal.SIGINT else -signal.SIGKILL), out + err
        simulator.on_step = lambda step, moment: None
        assert len(set(submitted(simulator))) == len(submitted(simulator))
    # Of a request that was on its way at a kill nobody knows what became of it: that ends its job, and no other.
    unknown = []
    for _ in range(2):
        code, out, err = run(*command, **variables)
        unknown = [each for each in records(tmp_path / "out" / "pieces").values() if each["state"] == "failed"]
        assert code == (69 if unknown else 0) and {each["kind"] for each in unknown} <= {"OutcomeUnknown"}, out + err
        assert len(set(submitted(simulator))) == len(submitted(simulator))
    code, out, err = run(*command, "--retry-unknown", **variables)
    assert code == 0 and "6 of 6 jobs are in" in out, out + err
    assert len(set(submitted(simulator))) == 6 and len(submitted(simulator)) <= 6 + len(unknown)


@pytest.mark.parametrize("moment", ["before it begins", "when it has begun"])
def test_what_a_lane_has_taken_when_it_is_stopped_is_not_sent(simulator, variables, tmp_path, moment):
    place, account = signed_in(tmp_path / "private", variables)
    place = replace(place, patience=replace(place.patience, submission=0.05))  # how long `stop` waits for this lane
    engine = DeploymentEngine(DEPLOYMENT_ID, 1, place, account, Records(tmp_path / "out"), tmp_path)
    if moment == "before it begins":
        engine.stop()
    job = Job("piece", 1, "pieces.jsonl, line 1", {}, {}, {}, overrides={"1": {"inputs": {"seed": 1}}})
    with pytest.raises(RunError, match="Stopped"):
        engine.render(0, job, engine.stop)
    assert simulator.deployments.runs == []


def test_a_lost_answer_ends_its_job_alone_until_it_is_said_to_send_it_again(simulator, variables, command, tmp_path):
    simulator.fault("submit", "drop_after")
    for _ in range(3):
        code, out, err = run(*command, **variables)
        assert code == 69 and "1 of 6 jobs failed" in err, out + err
        assert len(submitted(simulator)) == 6
    [failed] = [record for record in records(tmp_path / "out" / "pieces").values() if record["state"] == "failed"]
    assert failed["kind"] == "OutcomeUnknown" and "--retry-unknown" in failed["error"]
    code, out, err = run(*command, "--retry-unknown", **variables)
    assert code == 0 and len(submitted(simulator)) == 7 and len(set(submitted(simulator))) == 6, out + err


def test_a_sound_that_is_gone_is_fetched_by_its_id_and_never_run_again(simulator, variables, command, tmp_path):
    code, out, err = run(*command, **variables)
    assert code == 0, out + err
    folder = tmp_path / "out" / "pieces"
    paid = records(folder)["piece 2"]["request_ids"]
    # Neither a journal that has forgotten the request, nor one that says that RunComfy has, makes it run again.
    (folder / "piece 2.flac").unlink()
    Path(variables["ACESTEP_CACHE"], "user", "__acestep", "deployments", "journal.json").unlink()
    code, out, err = run(*command, **variables)
    assert code == 0 and "6 of 6 jobs are in" in out and len(submitted(simulator)) == 6, out + err
    assert records(folder)["piece 2"]["request_ids"] == paid
    sound = (folder / "piece 2.flac").read_bytes()
    (folder / "piece 2.flac").unlink()
    simulator.deployments.forget(paid[0])
    for again in ([], [], ["--retry-unknown"]):
        code, out, err = run(*command, *again, **variables)
        failed = records(folder)["piece 2"]
        assert code == 69 and len(submitted(simulator)) == 5 and failed["kind"] == "NothingToFetch", out + err
        assert failed["request_ids"] == paid and "another seed in the job's line" in failed["error"]
        assert "submits it anew" not in failed["error"]
    (folder / "piece 2.flac").write_bytes(sound)
    code, out, err = run(*command, **variables)
    assert code == 0 and "6 of 6 jobs are done already" in out, out + err


def test_what_a_kill_has_left_without_an_answer_is_sent_again_as_soon_as_that_is_said(
    simulator, variables, command, tmp_path
):
    started = Command(*command, **variables)
    simulator.on_step = ending(started.process, signal.SIGKILL, "submit", "arrived", 1)
    code, out, err = started.end()
    assert code == -signal.SIGKILL, out + err
    simulator.on_step = lambda step, moment: None
    code, out, err = run(*command, "--retry-unknown", **variables)
    assert code == 0 and "6 of 6 jobs are in" in out, out + err
