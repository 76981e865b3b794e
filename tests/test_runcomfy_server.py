"""The RunComfy backend through the real ComfyUI server, against the simulator."""

import copy
import itertools
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import graphs
import pinned
import pytest
import torch
from comfyui_server import PACK_FOLDER_NAME, PROBE_FOLDER_NAME, RUN_LIMIT_SECONDS
from conftest import NEWEST_VERSION
from runcomfy_runs import hosted_by, wait_until
from runcomfy_simulator import Simulator, rendering
from runner import graph as examples
from runner import server, workspace
from runner.client import Client, PromptFailed, PromptInterrupted
from runner.places import PACK_DIR

pytestmark = pytest.mark.server
_seeds = itertools.count(1000, 100)


@pytest.fixture(scope="module")
def service():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(service):
    """The module's simulator with nothing left over from the test before."""
    service.faults.clear()
    service.change({"queue_seconds": 0.0, "run_seconds": 0.0})
    return service


@pytest.fixture
def seed():
    """A seed no other test has used: the servers, and so their journals, are shared."""
    return next(_seeds)


@pytest.fixture
def hosted(comfyui_servers, comfyui_version, simulator):
    """A server of each supported version that talks to the simulator."""
    return comfyui_servers.get(comfyui_version, environment=hosted_by(simulator))


@pytest.fixture
def newest(comfyui_servers, simulator):
    return comfyui_servers.get(NEWEST_VERSION, environment=hosted_by(simulator))


def private(comfyui) -> Path:
    return comfyui.workspace.home / "user" / "__acestep"


def entries(comfyui) -> dict[str, dict]:
    """The journal on disk, by request id."""
    data = json.loads((private(comfyui) / "journal.json").read_text())
    return {entry["request_id"]: entry for entry in data["entries"]}


def song(seed, **inputs):
    return graphs.generate(**{"backend": "runcomfy", "seed": seed, **inputs})


def with_preview(**nodes):
    """A graph of nodes whose first outputs are all saved."""
    saves = {f"save {name}": graphs.save([name, 0], f"{name}.pt") for name in nodes}
    return nodes | saves


def new_jobs(simulator, before):
    return simulator.service.jobs()[before:]


def statuses(events, node):
    """What was told of the requests; what a Stop tells of the whole run is in test_runcomfy_afterwards.py."""
    of_node = [data for kind, data in events if kind == "acestep.status" and data["node"] == node]
    return [data for data in of_node if "run" not in data]


def noise(channels=2, samples=12 * 44_100, seed=0):
    return 0.4 * torch.rand(1, channels, samples, generator=torch.Generator().manual_seed(seed)) - 0.2


def test_generate(hosted, simulator, seed):
    before = simulator.paid
    run = hosted.run(with_preview(a=song(seed, duration=6, batch_size=2)))
    facts = run.outputs["a"]["acestep"][0]
    jobs = {job.body["seed"]: job for job in new_jobs(simulator, before)}
    assert facts["backend"] == "runcomfy" and facts["version"] == "ace-step"
    assert facts["model"] == "acestep-ai/ace-step/text-to-audio"
    assert facts["seeds"] == [seed, seed + 1] == sorted(jobs)
    assert facts["request_ids"] == [jobs[seed].request_id, jobs[seed + 1].request_id]
    assert facts["cost_usd"] == pytest.approx(12 * 0.0002) == pytest.approx(facts["estimate_usd"])
    out = hosted.get_tensor("a.pt")
    assert out["waveform"].shape[0] == 2 and out["waveform"].shape[2] == 6 * out["sample_rate"]
    assert float(out["waveform"].abs().max()) > 0.05
    shown = statuses(run.events, "a")
    assert shown and shown[-1]["state"] == "delivered" and all(s.get("test_server") for s in shown)
    assert set(facts["request_ids"]) <= set(entries(hosted))


def test_inpaint_leaves_the_rest_bit_exact(hosted, simulator, seed):
    before, wave = simulator.paid, noise()
    hosted.put_tensor("in.pt", wave)
    graph = {
        "load": graphs.load("in.pt"),
        "range": graphs.time_range(5.0, 7.0, audio=["load", 0]),
        "edit": graphs.inpaint(["load", 0], ["range", 0], backend="runcomfy", seed=seed, context_seconds=3.0),
        "save": graphs.save(["edit", 0], "edit.pt"),
    }
    facts = hosted.run(graph).outputs["edit"]["acestep"][0]
    (job,) = new_jobs(simulator, before)
    # Only the window went out: the range and what surrounds it.
    assert job.model == "acestep-ai/ace-step/audio-inpaint" and job.seconds == pytest.approx(
        facts["windows"][0]["end"] - facts["windows"][0]["start"], abs=1e-3
    )
    assert job.seconds < 12
    out = hosted.get_tensor("edit.pt")["waveform"]
    a, b = 5 * 44_100, 7 * 44_100
    assert torch.equal(out[..., :a], wave[..., :a]) and torch.equal(out[..., b:], wave[..., b:])
    assert not torch.equal(out[..., a:b], wave[..., a:b])

    graph["edit"]["inputs"]["crossfade_ms"] = 100.0  # tuning the splice buys nothing
    again = hosted.run(graph).outputs["edit"]["acestep"][0]
    assert again["request_ids"] == facts["request_ids"] and simulator.paid == before + 1
    assert any("not charged again" in warning for warning in again["warnings"])


def test_outpaint_keeps_the_source_bit_exact(hosted, simulator, seed):
    before, wave = simulator.paid, noise(1, 8 * 44_100)
    hosted.put_tensor("in.pt", wave)
    graph = {
        "load": graphs.load("in.pt"),
        "edit": graphs.outpaint(
            ["load", 0], backend="runcomfy", seed=seed, extend_before_duration=3.0, extend_after_duration=2.0
        ),
        "save": graphs.save(["edit", 0], "edit.pt"),
    }
    hosted.run(graph)
    assert {job.model for job in new_jobs(simulator, before)} == {"acestep-ai/ace-step/audio-outpaint"}
    out = hosted.get_tensor("edit.pt")["waveform"]
    assert out.shape[-1] == 13 * 44_100
    assert torch.equal(out[..., 3 * 44_100 : 11 * 44_100], wave)


def test_a_failing_take_loses_nothing(newest, simulator, seed):
    before = simulator.paid
    simulator.fault("submit", "http", status=422)
    with pytest.raises(PromptFailed) as failed:
        newest.run(with_preview(a=song(seed, batch_size=4)))
    words = failed.value.execution_error["exception_message"]
    jobs = new_jobs(simulator, before)
    assert len(jobs) == 3 and all(job.request_id in words for job in jobs) and "1 of 4 takes failed" in words
    run = newest.run(with_preview(a=song(seed, batch_size=4)))
    assert simulator.paid == before + 4 and len(set(run.outputs["a"]["acestep"][0]["request_ids"])) == 4


def run_and_stop(comfyui, graph, when):
    """Queue a graph, press Stop once a status satisfies ``when``: the events, and the seconds from Stop to the end."""
    pressed, events = [], []

    def watch(kind, data):
        events.append((kind, data))
        if kind == "submitted":
            prompt["id"] = data["prompt_id"]
        if kind == "acestep.status" and not pressed and when(data):
            pressed.append(time.monotonic())
            comfyui.client.interrupt(prompt["id"])

    prompt: dict[str, str] = {}
    with pytest.raises(PromptInterrupted):
        comfyui.run(graph, on_event=watch)
    return events, time.monotonic() - pressed[0]


def test_stop_in_the_queue(hosted, simulator, seed):
    before = simulator.paid
    simulator.change({"queue_seconds": 600.0})
    events, seconds = run_and_stop(hosted, with_preview(a=song(seed)), lambda s: s["state"] == "in_queue")
    assert seconds < 60.0  # the queue would have been 600 s
    (job,) = new_jobs(simulator, before)
    assert job.state() == "cancelled" and entries(hosted)[job.request_id]["state"] == "cancelled"
    last = statuses(events, "a")[-1]
    assert last["state"] == "cancelled" and job.request_id in last["message"]
    assert any(f"Request {job.request_id} was cancelled" in line for line in hosted.server.log_lines())


def test_stop_while_it_runs(newest, simulator, seed):
    before = simulator.paid
    simulator.change({"run_seconds": 600.0})
    events, seconds = run_and_stop(newest, with_preview(a=song(seed)), lambda s: s["state"] == "in_progress")
    assert seconds < 60.0 and "will be charged" in statuses(events, "a")[-1]["message"]
    (job,) = new_jobs(simulator, before)
    job.run_seconds = 0.0
    run = newest.run(with_preview(a=song(seed)))
    assert run.outputs["a"]["acestep"][0]["request_ids"] == [job.request_id] and simulator.paid == before + 1


def test_stop_while_submitting(newest, simulator, seed):
    before = simulator.paid
    simulator.change({"queue_seconds": 600.0})
    answered = threading.Event()
    simulator.fault("submit", "slow", until=answered)
    events, _ = run_and_stop(newest, with_preview(a=song(seed)), lambda s: s["state"] == "submitting")
    last = statuses(events, "a")[-1]
    assert "being submitted" in last["message"]  # the node has ended, and the service has not answered yet
    (job,) = new_jobs(simulator, before)
    assert job.request_id not in entries(newest)
    answered.set()
    wait_until(lambda: job.request_id in entries(newest) and job.state() == "cancelled")


def test_another_nodes_error_cancels_what_is_queued(newest, simulator, seed):
    """ComfyUI then cancels the coroutine instead of interrupting it."""
    before = simulator.paid
    simulator.change({"queue_seconds": 600.0})
    graph = {
        "a": song(seed), "b": song(seed + 1, max_cost_usd=0.0),
        "save a": graphs.save(["a", 0], "a.pt"), "save b": graphs.save(["b", 0], "b.pt"),
    }  # fmt: skip
    simulator.fault("catalogue", "slow", times=2, seconds=2.0)
    with pytest.raises(PromptFailed, match="max_cost_usd"):
        newest.run(graph)
    for job in new_jobs(simulator, before):
        assert job.state() == "cancelled" and entries(newest)[job.request_id]["state"] == "cancelled"


def test_copies_in_the_queue_do_not_pass_what_their_user_could_not_read(hosted, simulator, seed):
    """Batch count 6: all of them are in ComfyUI's queue when the first submission gets no answer."""
    before = simulator.paid
    answered = threading.Event()
    simulator.fault("submit", "drop_after", until=answered)
    graph = with_preview(a=song(seed))
    ids = [hosted.client.submit(graph) for _ in range(6)]
    wait_until(lambda: simulator.paid > before)  # the first runs, and the others are queued
    answered.set()
    wait_until(lambda: all(hosted.client.get(f"/history/{prompt_id}") for prompt_id in ids))
    words = [json.dumps(hosted.client.get(f"/history/{prompt_id}")) for prompt_id in ids]
    assert "not known whether RunComfy accepted" in words[0] and simulator.paid == before + 1
    assert all("already sent" in each for each in words[1:])
    hosted.run(graph)  # queued by somebody who could read it
    assert simulator.paid == before + 2


def test_of_two_nodes_that_must_speak_at_once_only_the_one_that_was_shown_has_spoken(hosted, simulator, seed):
    before = simulator.paid
    graph = with_preview(a=song(seed), b=song(seed + 1))
    answered = threading.Event()
    simulator.fault("submit", "drop_after", times=2, until=answered)
    first = hosted.client.submit(graph)
    wait_until(lambda: simulator.paid == before + 2)  # both are on their way
    answered.set()
    wait_until(lambda: hosted.client.get(f"/history/{first}"))
    with pytest.raises(PromptFailed, match="already sent"):  # of one; the other has an error that nobody sees
        hosted.run(graph)
    with pytest.raises(PromptFailed, match="already sent"):
        hosted.run(graph)
    assert simulator.paid <= before + 3
    hosted.run(graph)
    assert simulator.paid == before + 4


def ask(comfyui, path, body):
    import urllib.request

    request = urllib.request.Request(
        f"{comfyui.url}/acestep/{path}", json.dumps(body).encode(),
        {"Content-Type": "application/json", "Origin": comfyui.url},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture
def ceiling(newest):
    def set_to(usd):
        return ask(newest, "account/ceiling", {"ceiling_usd": usd})

    yield set_to
    set_to(2.0)


def test_the_ceiling_holds_for_all_nodes_of_a_prompt(newest, simulator, seed, ceiling):
    ceiling(0.0025)  # two songs of $0.0010
    before = simulator.paid
    graph = with_preview(a=song(seed), b=song(seed + 10), c=song(seed + 20))
    with pytest.raises(PromptFailed, match="ceiling"):
        newest.run(graph)
    assert simulator.paid - before <= 2
    ceiling(2.0)
    newest.run(graph)  # what the first prompt bought is fetched, whatever that was
    assert simulator.paid == before + 3


def test_two_prompts_in_the_queue_have_a_ceiling_each(newest, simulator, seed, ceiling):
    ceiling(0.0015)
    before = simulator.paid
    threads, errors = [], []

    def queue(k):
        try:
            newest.run(with_preview(**{f"p{k}": song(seed + 10 * k)}))
        except Exception as error:
            errors.append(error)

    for k in range(3):
        threads.append(threading.Thread(target=queue, args=(k,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert errors == [] and simulator.paid == before + 3


def test_another_account_renders_again_and_nothing_else_does(newest, simulator, seed):
    graph, before = with_preview(a=song(seed)), simulator.paid
    newest.run(graph)
    requests = len(simulator.requests)
    newest.run(graph)
    assert len(simulator.requests) == requests  # ComfyUI's own cache
    old, simulator.service.token = simulator.service.token, "another-simulated-token"
    try:
        state = ask(newest, "account/token", {"token": "another-simulated-token"})
        assert state["source"] == "saved in ComfyUI" and "another-simulated-token" not in json.dumps(state)
        newest.run(graph)
        assert simulator.paid == before + 2
    finally:
        simulator.service.token = old
        ask(newest, "account/clear", {})


def test_the_token_is_nowhere(newest, simulator, seed):
    """Workflow, FLAC metadata, history, websocket, journal, log: everything a run writes or sends."""
    seen = []
    graph = {
        "a": song(seed),
        "save": graphs.node("SaveAudio", audio=["a", 0], filename_prefix="secret-search"),
        "report": graphs.show(["a", 1]),
    }
    run = newest.run(graph, on_event=lambda kind, data: seen.append(json.dumps([kind, data])))
    simulator.fault("submit", "http", status=401, json={"error_message": f"Bearer {simulator.token}"})
    with pytest.raises(PromptFailed) as failed:
        newest.run({"a": song(seed + 1), "report": graphs.show(["a", 1])})
    seen += [json.dumps(failed.value.execution_error), json.dumps(run.outputs), newest.server.log.read_text()]
    seen += [json.dumps(newest.client.get(path)) for path in ("/history", "/object_info", "/queue", "/settings")]
    assert not any(simulator.token in text for text in seen)
    for folder in (newest.workspace.folder, newest.workspace.home):
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_symlink() and PACK_FOLDER_NAME not in file.parts:
                assert simulator.token.encode() not in file.read_bytes(), file
    assert list(newest.output.rglob("secret-search*.flac"))


def test_nothing_is_lost_when_comfyui_is_killed(simulator, seed):
    """kill -9 in the middle of a run; another ComfyUI fetches it, by queueing again and by any id."""
    tree = pinned.tree(NEWEST_VERSION)
    scratch = workspace.self_contained(
        {PACK_FOLDER_NAME: PACK_DIR, PROBE_FOLDER_NAME: Path(__file__).with_name("probe_nodes")}
    )

    def start():
        return server.start(Path(sys.executable), tree, scratch, ["--cpu"], environment=hosted_by(simulator))

    before = simulator.paid
    simulator.change({"run_seconds": 600.0})
    graph = {"a": song(seed, batch_size=3), "report": graphs.show(["a", 1])}
    running = start()
    try:
        Client(running.url).submit(graph)
        journal = scratch.home / "user" / "__acestep" / "journal.json"

        def ids():
            entries = json.loads(journal.read_text())["entries"] if journal.exists() else []
            return {entry["request_id"] for entry in entries} - {None}

        wait_until(lambda: len(ids()) == 3)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        paid = {job.request_id for job in new_jobs(simulator, before)}
        assert ids() == paid and len(paid) == 3
    finally:
        running.stop()
    for job in new_jobs(simulator, before):
        job.run_seconds = 0.0
    running = start()
    try:
        client = Client(running.url)
        resumed = client.run(
            {"a": song(0, resume_request_id=sorted(paid)[1]), "report": graphs.show(["a", 1])},
            limit_seconds=RUN_LIMIT_SECONDS,
        )
        facts = resumed.outputs["a"]["acestep"][0]
        assert set(facts["request_ids"]) == paid and facts["seeds"] == [seed, seed + 1, seed + 2]
        again = client.run(graph, limit_seconds=RUN_LIMIT_SECONDS)
        assert again.outputs["a"]["acestep"][0]["request_ids"] == facts["request_ids"]
        assert simulator.paid == before + 3
    finally:
        running.stop()
        scratch.remove()


def test_what_a_prompt_has_shown_is_recorded_as_comfyui_ends(simulator, seed):
    """The same command given again is a ComfyUI of its own: it must not ask for ever."""
    scratch = workspace.self_contained({PACK_FOLDER_NAME: PACK_DIR})
    graph = {"a": song(seed), "report": graphs.node("PreviewAny", source=["a", 1])}
    tree, environment = pinned.tree(NEWEST_VERSION), hosted_by(simulator)
    running = server.start(Path(sys.executable), tree, scratch, ["--cpu"], environment=environment)
    try:
        simulator.fault("submit", "drop_after")
        for words in ("not known whether RunComfy accepted", "already sent"):
            with pytest.raises(PromptFailed, match=words):
                Client(running.url).run(graph, limit_seconds=RUN_LIMIT_SECONDS)
    finally:
        running.stop(patience_seconds=RUN_LIMIT_SECONDS)
    (entry,) = json.loads((scratch.home / "user" / "__acestep" / "journal.json").read_text())["entries"]
    scratch.remove()
    assert entry["state"] == "unknown" and entry["shown"] > entry["created"]


@pytest.mark.slow
@pytest.mark.parametrize("name", examples.available())
def test_every_example_runs_on_runcomfy_for_what_it_says(newest, simulator, example_music, monkeypatch, name):
    monkeypatch.setattr(simulator.service, "compose", rendering.tone)
    (newest.input / "song.mp3").write_bytes(example_music[0].read_bytes())
    _, wanted = examples.load(name)
    wanted = examples.with_audio(examples.with_backend(copy.deepcopy(wanted), "runcomfy"), "song.mp3")
    before = len(simulator.ledger()["submissions"])
    done = newest.run(wanted)
    paid = simulator.ledger()["submissions"][before:]
    reports = [ui["acestep"][0] for ui in done.outputs.values() if "backend" in (ui.get("acestep") or [{}])[0]]
    assert {report["backend"] for report in reports} == {"runcomfy"}
    assert sum(report["cost_usd"] for report in reports) == pytest.approx(sum(line["cost"] for line in paid))
    assert all(report["cost_usd"] <= report["estimate_usd"] + 1e-9 for report in reports)
    asked = {wanted[node]["inputs"]["version"] for node in examples.nodes_of(wanted, *examples.RENDERING_NODES)}
    assert {"1.5" in line["model"] for line in paid} >= {True for version in asked if version == "ace-step-1.5"}
