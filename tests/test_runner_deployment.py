"""`--deployment` against the simulator's serverless deployment: nothing is run twice, nothing is lost."""

import base64
import errno
import json
import signal

import pytest
import readme
from acestep_nodes.nodes.backends.runcomfy.place import Place
from runcomfy_runs import HURRIED
from runcomfy_simulator import Simulator, rendering
from runcomfy_simulator.serverless import DEPLOYMENT_ID
from runner import cli, delivery, deployment, deployment_files, deployment_run, graph
from runner.deployment import Job
from runner.errors import RunError
from runner_command import Command, own_cache
from runner_command import run as run_py

SONG = "acestep-ai/ace-step/text-to-audio"
STAND_IN = {"DEPLOYMENT_ID": DEPLOYMENT_ID}


@pytest.fixture
def simulator():
    with Simulator(compose=rendering.tone) as running:
        yield running


@pytest.fixture
def run(simulator, tmp_path, monkeypatch):
    """Runs a job on the simulated deployment; the sounds. What could not be brought is raised, as the command does."""
    variables = {"ACESTEP_RUNCOMFY_SERVERLESS_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
    # What the pack waits a minute for passes at once.
    monkeypatch.setattr(deployment_run, "Place", lambda *where: Place(*where, patience=HURRIED))

    def run(job, **changes):
        (tmp_path / "out").mkdir(exist_ok=True)
        ran = deployment_run.run(job, tmp_path / "user", variables | changes, tmp_path / "out")
        if ran.problem:
            raise ran.problem
        return ran.sounds

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


def test_a_renewed_token_finds_what_the_old_one_sent(run, simulator):
    simulator.fault("status", "documented", code=401001)
    with pytest.raises(RunError, match="rejected the token"):
        run(song())
    simulator.service.token = "renewed-token"
    run(song(), RUNCOMFY_API_TOKEN="renewed-token")
    assert len(simulator.deployments.runs) == 1


def test_an_open_seed_is_a_new_run_that_can_be_named_again(simulator, capsys):
    first, second = song(-1).with_drawn_seeds(), song(-1).with_drawn_seeds()
    assert first.body != second.body
    seed = first.graph["1"]["inputs"]["seed"]
    assert 0 <= seed < 2**31 and f"--set 1.seed={seed}" in capsys.readouterr().out
    assert song(seed).body == first.body


@pytest.mark.parametrize("fault, accepted", [("drop_after", 1), ("drop_before", 0), ("unreadable", 1)])
def test_a_submission_without_an_answer_is_not_repeated(run, simulator, tmp_path, fault, accepted):
    simulator.fault("submit", fault, 9)
    with pytest.raises(
        RunError, match="not known whether RunComfy accepted.*Look in the deployment's requests"
    ) as first:
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


# The files


def delivered_as(simulator, *entries, node="1", times=9):
    """Let the result name these files of one node; URL stands for a good one."""
    good = f"{simulator.url}/files/deployment.flac"
    audio = [json.loads(json.dumps(entry).replace("URL", good)) for entry in entries]
    simulator.fault("result", "change", times, set={"outputs": {node: {"audio": audio}}})


def in_out(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").iterdir())


FOREIGN = ["https://example.com/x.flac", "http://127.0.0.1:1/x.flac", "file:///etc/hostname", "not an address", ""]


@pytest.mark.parametrize("address", FOREIGN)
def test_files_come_from_runcomfy_alone(run, simulator, tmp_path, address):
    delivered_as(simulator, {"url": address, "filename": "../../x.flac"})
    with pytest.raises(RunError, match="not fetched") as failed:
        run(song())
    (sent,) = simulator.deployments.runs
    assert failed.value.exit_code == 69 and in_out(tmp_path) == []
    assert f"Of request {sent.request_id}, file 1 of node 1 (../../x.flac)" in str(failed.value)


@pytest.mark.parametrize("address", FOREIGN)
def test_a_foreign_file_costs_only_itself(run, simulator, tmp_path, address):
    delivered_as(simulator, {"url": "URL", "filename": "a.flac"}, {"url": address}, {"url": "URL?2"}, times=1)
    with pytest.raises(RunError, match="file 2 of node 1 is not here") as failed:
        run(song())
    assert failed.value.exit_code == 69
    assert in_out(tmp_path) == [
        "text_to_music_1.flac", "text_to_music_1_waveform.png", "text_to_music_2.flac", "text_to_music_2_waveform.png"
    ]  # fmt: skip
    assert journal(tmp_path)[0][0] == "accepted"  # the same command asks again
    assert run(song()) and len(simulator.deployments.runs) == 1 and journal(tmp_path)[0][0] == "delivered"


@pytest.mark.parametrize("times", [1, 1000])
def test_a_file_that_is_not_there_is_asked_for_again_and_never_run_again(run, simulator, tmp_path, times):
    simulator.fault("file", "http", times, status=404)
    if times == 1:
        assert run(song())
    else:
        for _ in range(2):
            with pytest.raises(RunError, match="not at its address") as failed:
                run(song())
            assert failed.value.exit_code == 65 and journal(tmp_path)[0][0] == "accepted"
    simulator.faults.clear()
    assert run(song()) and len(simulator.deployments.runs) == 1


@pytest.mark.parametrize(
    "data", [b"", b"<html>sorry</html>", b"fLaC" + bytes(100), b"#EXTM3U\n/etc/hostname\n", b"ID3" + bytes(5000)]
)
def test_a_broken_file_is_the_services_fault_and_leaves_nothing_behind(run, simulator, tmp_path, data):
    simulator.fault("file", "bytes", data=data, content_type="audio/flac")
    with pytest.raises(RunError, match="what RunComfy delivered") as failed:
        run(song())
    assert failed.value.exit_code == 69 and "Give an" not in str(failed.value) and in_out(tmp_path) == []
    assert run(song()) and len(simulator.deployments.runs) == 1


def test_a_result_that_cannot_be_read_is_the_services_fault(run, simulator, tmp_path):
    simulator.fault("result", "change", 9, set={"outputs": "many"})
    with pytest.raises(RunError, match="no list of outputs") as failed:
        run(song())
    assert failed.value.exit_code == 69 and journal(tmp_path)[0][0] == "accepted"


def test_names_in_the_answer_are_never_paths(run, simulator, tmp_path):
    entries = (
        {"url": "URL", "filename": "../../evil.sh"},
        {"url": "URL", "filename": "a/b.FLAC"},
        {"filename": "none"},
    )
    delivered_as(simulator, *entries, "URL?as_text", node="../1:2")
    assert [heard.audio.name for heard in run(song())] == [f"text_to_music_{n}.flac" for n in (1, 2, 3)]
    assert all(path.parent == tmp_path / "out" for path in (tmp_path / "out").iterdir())


@pytest.mark.parametrize("disguise", [str, str.upper, lambda token: base64.b64encode(token.encode()).decode()])
def test_the_token_is_struck_out_of_what_a_result_names(run, simulator, tmp_path, capsys, disguise):
    token = disguise(simulator.token)
    delivered_as(simulator, {"url": f"https://{token}.example.com/", "filename": token}, {"url": "URL"}, node=token)
    with pytest.raises(RunError, match="file 1 of node") as failed:
        run(song())
    said = f"{failed.value} {''.join(capsys.readouterr())} {in_out(tmp_path)}".lower()
    assert token.lower() not in said and "[token]" in said


def test_a_full_disk_is_a_sentence_and_the_files_can_still_be_had(run, simulator, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for module, name in ((deployment_files.Path, "write_bytes"), (delivery.shutil, "copyfile")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, full)
            with pytest.raises(
                RunError, match=r"cannot be written to .*No space left on device.*same command"
            ) as failed:
                run(song())
        assert failed.value.exit_code == 69 and in_out(tmp_path) == []
    assert run(song()) and len(simulator.deployments.runs) == 1


# Refusals that pass, and ends


@pytest.mark.parametrize("times, code", [(1, None), (3, None), (4, 75)])
def test_a_429_is_tried_again_at_most_three_times(run, simulator, tmp_path, times, code):
    simulator.fault("submit", "http", times, status=429, retry_after="0.05")
    if code is None:
        assert run(song()) and len(simulator.deployments.runs) == 1
    else:
        with pytest.raises(RunError) as failed:
            run(song())
        assert failed.value.exit_code == code and journal(tmp_path) == [("refused", None)]


@pytest.mark.parametrize("status, state", [("failed", "failed"), ("cancelled", "cancelled")])
def test_a_run_that_failed_says_so_and_the_same_command_runs_it_anew(run, simulator, tmp_path, status, state):
    simulator.fault("status", "change", set={"status": status})
    simulator.fault("result", "change", set={"status": status}, remove=["outputs"])
    with pytest.raises(RunError, match="The same command submits it anew") as failed:
        run(song())
    assert failed.value.exit_code == 69 and journal(tmp_path)[0][0] == state
    assert run(song()) and len(simulator.deployments.runs) == 2


def test_a_sound_goes_along_in_the_request(run, simulator, tmp_path, capsys):
    path = tmp_path / "song.wav"
    path.write_bytes(rendering.write(rendering.tone(SONG, {"duration": 5, "seed": 1}), "wav"))
    options = cli.parser().parse_args(["section_repair", "--deployment", DEPLOYMENT_ID, "--audio", str(path)])
    job = deployment.job(options)
    run(job)
    (sent,) = simulator.deployments.runs
    (node,) = graph.nodes_of(job.graph, "LoadAudio")
    kind, _, data = sent.body["workflow_api_json"][node]["inputs"]["audio"].partition(";base64,")
    assert kind == "data:audio/wav" and base64.b64decode(data) == path.read_bytes()
    path.write_bytes(bytes(49 * 2**20))
    with pytest.raises(RunError, match="at most 64 MiB") as failed:
        deployment.job(options)
    assert failed.value.exit_code == 64


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_cancels_when_it_is_told_to_end(simulator, tmp_path, number):
    simulator.deployments.seconds = 600
    variables = {"ACESTEP_RUNCOMFY_SERVERLESS_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
    variables |= own_cache(tmp_path / "cache")
    command = Command("text_to_music", "--deployment", DEPLOYMENT_ID, "--out", tmp_path / "out", **variables)
    command.wait_for_line("in progress")
    command.process.send_signal(number)
    code, _, err = command.end()
    (sent,) = simulator.deployments.runs
    assert code == 130 and sent.cancelled and f"{sent.request_id} was cancelled" in err


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
