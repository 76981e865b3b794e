"""`--deployment` against the simulator's serverless deployment: nothing is run twice, nothing is lost."""

import json

import pytest
import readme
from runcomfy_simulator import Simulator, rendering
from runcomfy_simulator.serverless import DEPLOYMENT_ID
from runner import deployment_run, graph
from runner.deployment import Job
from runner.errors import RunError
from runner_command import run as run_py

STAND_IN = {"DEPLOYMENT_ID": DEPLOYMENT_ID}


@pytest.fixture
def simulator():
    with Simulator(compose=rendering.tone) as running:
        yield running


@pytest.fixture
def run(simulator, tmp_path):
    """Runs a job on the simulated deployment; the sounds."""
    variables = {"ACESTEP_RUNCOMFY_SERVERLESS_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}

    def run(job, **changes):
        (tmp_path / "out").mkdir(exist_ok=True)
        return deployment_run.run(job, tmp_path / "user", variables | changes, tmp_path / "out")

    return run


def song(seed=7):
    name, wanted = graph.load("text_to_music")
    return Job(DEPLOYMENT_ID, name, graph.with_setting(wanted, graph.Setting("1", "seed", seed)), {})


def journal(tmp_path):
    path = tmp_path / "user" / "deployments" / "journal.json"
    return [(e["state"], e["request_id"]) for e in json.loads(path.read_bytes())["entries"]]


def test_a_workflow_runs_in_the_place_of_the_deployed_one(run, simulator, tmp_path):
    (heard,) = run(song())
    (sent,) = simulator.deployments.runs
    assert sent.body == {"workflow_api_json": song().graph}
    assert heard.audio.name == "text_to_music.flac" and heard.sound.seconds == pytest.approx(5, abs=0.1)
    assert journal(tmp_path) == [("delivered", sent.request_id)]


def test_the_deployed_workflow_takes_overrides(run, simulator):
    (heard,) = run(Job(DEPLOYMENT_ID, "deployment", {}, {"1": {"inputs": {"duration": 9}}}))
    assert simulator.deployments.runs[0].body == {"overrides": {"1": {"inputs": {"duration": 9}}}}
    assert heard.audio.name == "deployment.flac"


def test_the_same_job_is_fetched_and_another_seed_is_run(run, simulator, capsys):
    run(song())
    run(song())
    assert len(simulator.deployments.runs) == 1 and "nothing is run again" in capsys.readouterr().out
    run(song(seed=8))
    assert len(simulator.deployments.runs) == 2


def test_an_open_seed_is_a_new_run_that_can_be_named_again(simulator, capsys):
    first, second = song(-1).with_drawn_seeds(), song(-1).with_drawn_seeds()
    assert first.body != second.body
    seed = first.graph["1"]["inputs"]["seed"]
    assert 0 <= seed < 2**31 and f"--set 1.seed={seed}" in capsys.readouterr().out
    assert song(seed).body == first.body


@pytest.mark.parametrize("fault, accepted", [("drop_after", 1), ("drop_before", 0), ("unreadable", 1)])
def test_a_submission_without_an_answer_is_not_repeated(run, simulator, tmp_path, fault, accepted):
    simulator.fault("submit", fault, 9)
    with pytest.raises(RunError, match="not known whether RunComfy accepted") as first:
        run(song())
    assert first.value.exit_code == 69 and len(simulator.deployments.runs) == accepted
    simulator.faults.clear()
    with pytest.raises(RunError, match="outcome is unknown"):
        run(song())
    assert len(simulator.deployments.runs) == accepted
    run(song())  # the user has been told to look, and asks again
    assert len(simulator.deployments.runs) == accepted + 1
    assert journal(tmp_path)[0] == ("unknown", None)


def test_a_refusal_is_said_and_leaves_nothing_open(run, simulator, tmp_path):
    with pytest.raises(RunError, match="does not know") as refusal:
        run(Job("another", "x", {}, {}))
    assert refusal.value.exit_code == 65 and journal(tmp_path) == [("refused", None)]


def test_a_rejected_token_is_never_shown(run, capsys):
    with pytest.raises(RunError) as refusal:
        run(song(), RUNCOMFY_API_TOKEN="dummy-and-wrong")
    assert refusal.value.exit_code == 77
    assert "dummy-and-wrong" not in str(refusal.value) + "".join(capsys.readouterr())


def test_no_token_is_said_before_anything_is_sent(run, simulator):
    with pytest.raises(RunError, match="RUNCOMFY_API_TOKEN") as refusal:
        run(song(), RUNCOMFY_API_TOKEN="", RUNCOMFY_API_TOKEN_FILE="")
    assert refusal.value.exit_code == 77 and simulator.requests == []


def test_another_machine_is_never_a_test_server(run):
    with pytest.raises(RunError, match="loopback"):
        run(song(), ACESTEP_RUNCOMFY_SERVERLESS_URL="http://example.com")


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C the moment the deployment is seen to run."""

    def show(self, **facts):
        if facts.get("state") == "in_progress":
            raise KeyboardInterrupt

    monkeypatch.setattr(deployment_run.Progress, "show", show)


def test_ctrl_c_cancels(run, simulator, tmp_path, interrupted, capsys):
    simulator.deployments.seconds = 600
    with pytest.raises(KeyboardInterrupt):
        run(song())
    (sent,) = simulator.deployments.runs
    assert sent.cancelled and journal(tmp_path) == [("cancelled", sent.request_id)]
    assert f"{sent.request_id} was cancelled" in capsys.readouterr().err


def test_ctrl_c_during_the_submission_awaits_its_answer(run, simulator, tmp_path, monkeypatch):
    simulator.deployments.seconds = 600
    simulator.fault("submit", "slow", seconds=0.5)

    def press(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(deployment_run, "wait_for", press)
    with pytest.raises(KeyboardInterrupt):
        run(song())
    (sent,) = simulator.deployments.runs
    assert sent.cancelled and journal(tmp_path) == [("cancelled", sent.request_id)]


def test_a_cancel_without_an_answer_is_not_called_one(run, simulator, tmp_path, interrupted, capsys):
    simulator.deployments.seconds = 600
    simulator.fault("cancel", "http", 99, status=500)
    with pytest.raises(KeyboardInterrupt):
        run(song())
    (sent,) = simulator.deployments.runs
    assert "not known whether" in capsys.readouterr().err and journal(tmp_path) == [("accepted", sent.request_id)]


def test_a_run_that_was_cut_off_is_fetched_by_the_same_command(run, simulator, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(deployment_run, "wait_for_result", die)
        with pytest.raises(Killed):
            run(song())
    (heard,) = run(song())
    assert len(simulator.deployments.runs) == 1 and heard.audio.exists()


@pytest.mark.parametrize("address", ["https://example.com/x.flac", "http://127.0.0.1:1/x.flac", "file:///etc/hostname"])
def test_files_come_from_runcomfy_alone(run, simulator, address):
    outputs = {"1": {"audio": [{"url": address, "filename": "../../x.flac"}]}}
    simulator.fault("result", "change", 9, set={"outputs": outputs})
    with pytest.raises(RunError, match="not fetched"):
        run(song())


def test_names_in_the_answer_are_never_paths():
    entries = [{"url": "u", "filename": "../../evil.sh"}, {"url": "v", "filename": "a/b.FLAC"}, {"filename": "no url"}]
    found = deployment_run._sound_files({"outputs": {"../1:2": {"audio": entries, "images": [{"url": "w"}]}, "2": []}})
    assert found == [("---1-2", "u", ".audio"), ("---1-2", "v", ".flac")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "given, name",
    [
        (readme.arguments("deploy", **STAND_IN), "deployment"),
        (readme.arguments("deploy a graph", **STAND_IN), "vocal_song_1_5"),
    ],
)
def test_the_whole_command(tmp_path, given, name):
    code, out, err = run_py(*given, "--simulator", "--out", tmp_path)
    assert code == 0, err
    assert "not RunComfy: nothing is charged" in out and "accepted request run-" in out
    assert (tmp_path / f"{name}.flac").exists() and (tmp_path / f"{name}_waveform.png").exists()
