"""Jobs on ComfyUI that are stopped: nothing is queued after it, and what was is interrupted. Its servers are played."""

import threading
from types import SimpleNamespace

import pytest
from runner.client import Client, PromptInterrupted
from runner.errors import RunError
from runner.jobs.comfyui import ComfyUIEngine, facts_of
from runner.jobs.graphs import Job
from runner.jobs.records import paid_usd

JOB = Job("song", 1, "songs.jsonl, line 1", {"1": {"class_type": "ACEStepGenerate", "inputs": {"seed": 1}}}, {}, {})
# How long a stop that runs beside is given to be through too early; it is not, where it is right.
TOO_EARLY_SECONDS = 0.3


@pytest.fixture
def posts(monkeypatch):
    """What the servers were sent, in order. `at`: path → what is called when one of these arrives."""
    sent, at = [], {}

    def post(client, path, body):
        sent.append((path, body.get("prompt_id", "")))
        at.get(path, lambda: None)()
        return {"prompt_id": "the prompt"} if path == "/prompt" else {}

    def run(client, prompt, on_event):
        prompt_id = client.submit(prompt, "a client")
        on_event("submitted", {"prompt_id": prompt_id})
        at.get("queued", lambda: None)()
        sent.append(("begins", prompt_id))
        on_event("execution_start", {"prompt_id": prompt_id})
        raise PromptInterrupted([])

    monkeypatch.setattr(Client, "post", post)
    monkeypatch.setattr(Client, "run", run)
    return SimpleNamespace(sent=sent, at=at)


def engine_of(tmp_path, starting=lambda: None):
    def start():
        starting()
        server = SimpleNamespace(url="http://127.0.0.1:1", stop=lambda patience: None)
        return SimpleNamespace(input=tmp_path, remove=lambda: None), server

    return ComfyUIEngine(start, 0, lambda client, seconds: None)


def beside(function):
    thread = threading.Thread(target=function)
    thread.start()
    return thread


def test_a_server_that_starts_when_it_is_stopped_is_given_nothing(tmp_path, posts):
    with engine_of(tmp_path, lambda: engine.stop()) as engine, pytest.raises(RunError, match="being stopped"):
        engine.render(0, JOB, lambda: None)
    assert posts.sent == []


def test_what_is_queued_at_the_moment_of_a_stop_is_interrupted(tmp_path, posts):
    stops = []

    def stop_beside():
        stops.append(beside(engine.stop))
        stops[0].join(TOO_EARLY_SECONDS)

    posts.at["/prompt"] = stop_beside
    posts.at["queued"] = lambda: stops[0].join(20)
    with engine_of(tmp_path) as engine, pytest.raises(PromptInterrupted):
        engine.render(0, JOB, lambda: None)
    assert posts.sent[:3] == [("/prompt", ""), ("/queue", ""), ("/interrupt", "the prompt")]


def test_what_begins_after_a_stop_is_interrupted_once_more(tmp_path, posts):
    posts.at["queued"] = lambda: engine.stop()
    with engine_of(tmp_path) as engine, pytest.raises(PromptInterrupted):
        engine.render(0, JOB, lambda: None)
    assert posts.sent[2:] == [("/interrupt", "the prompt"), ("begins", "the prompt"), ("/interrupt", "the prompt")]


def test_every_queue_is_cleared_before_anything_is_interrupted(tmp_path, posts):
    lanes, both = [], threading.Barrier(3)
    posts.at["queued"] = lambda: (both.wait(20), both.wait(20))
    with engine_of(tmp_path) as engine:
        paying = Job(
            "song", 1, "line 1", {"1": {"class_type": "ACEStepGenerate", "inputs": {"backend": "runcomfy"}}}, {}, {}
        )
        assert engine.lanes([paying]) > 1

        def render(lane):
            with pytest.raises(PromptInterrupted):
                engine.render(lane, paying, lambda: None)

        lanes = [beside(lambda lane=lane: render(lane)) for lane in (0, 1)]
        both.wait(20)
        engine.stop()
        both.wait(20)
        for lane in lanes:
            lane.join(20)
    assert [path for path, _ in posts.sent[:6]] == ["/prompt"] * 2 + ["/queue"] * 2 + ["/interrupt"] * 2


@pytest.mark.parametrize(("costs", "cost"), [((0.01, 0.03), 0.04), ((0.01, None), None), ((None, None), None)])
def test_the_cost_of_a_job_is_that_of_all_its_nodes_or_not_known(costs, cost):
    bought = {
        str(node): {"backend": "runcomfy", "request_ids": [f"r{node}"], "cost_usd": each, "estimate_usd": 0.02}
        for node, each in enumerate(costs)
    }
    facts = facts_of(bought | {"9": {"backend": "sketch", "request_ids": [], "cost_usd": None, "estimate_usd": None}})
    assert facts["cost_usd"] == cost and facts["estimate_usd"] == 0.04
    about = cost is None
    assert paid_usd(facts) == (0.04, about)


def test_what_has_no_price_has_cost_nothing_that_is_known():
    assert paid_usd({"request_ids": ["deployed"], "cost_usd": None, "estimate_usd": None}) == (0.0, False)
    assert paid_usd({"request_ids": [], "estimate_usd": 0.02}) == (0.0, False)
