"""The price shown before an edit is that of the plan the run will make; the page alone may ask for it."""

import asyncio
import json

import pytest
from acestep_nodes.nodes.audio.windows import plan_extensions, plan_windows
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.routes.peaks_answers import OutlinesOfFiles, outline
from acestep_nodes.nodes.routes.plan import register_routes
from acestep_nodes.nodes.routes.plan_answers import call_seconds
from acestep_nodes.nodes.routes.same_origin import MAX_BODY_BYTES, BadInput
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 44_100


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_an_inpaint_is_planned_as_it_will_run(data):
    seconds = data.draw(st.integers(2, 1200))
    edges = data.draw(st.lists(st.integers(0, seconds * 10), min_size=2, max_size=8, unique=True).map(sorted))
    ranges = [[a / 10, b / 10] for a, b in zip(edges[::2], edges[1::2], strict=False) if b > a]
    context = data.draw(st.integers(0, 120))
    spans = [(round(a * RATE), round(b * RATE)) for a, b in ranges]
    windows = plan_windows(seconds * RATE, RATE, spans, context, 240, share=False)
    question = {"task": "inpaint", "seconds": seconds, "ranges": ranges[::-1], "context_seconds": context}
    planned = call_seconds(question)
    assert planned == pytest.approx([w.samples / RATE for w in windows], abs=0.003)


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 1200), st.integers(0, 240), st.integers(0, 240), st.integers(0, 120))
def test_an_outpaint_is_planned_as_it_will_run(seconds, before, after, context):
    passes = plan_extensions(seconds * RATE, RATE, before, after, context, 240)
    question = {"task": "outpaint", "seconds": seconds, "before": before, "after": after, "context_seconds": context}
    assert call_seconds(question) == pytest.approx([p.samples / RATE for p in passes], abs=0.003)


def test_a_loop_is_planned_as_it_will_run():
    """Round the end there is context as elsewhere: a second of a long track, wherever it lies, is as long a call."""
    question = {"task": "inpaint", "seconds": 300, "context_seconds": 20, "loop": True}
    for ranges in ([[299.5, 0.5]], [[0, 1]], [[299, 300]], [[100, 101]]):
        assert call_seconds(question | {"ranges": ranges}) == [41.0]
    assert call_seconds(question | {"ranges": [[300, 1]]}) == [41.0]
    assert call_seconds(question | {"ranges": [[299, 300], [0, 1]]}) == [42.0]
    added = {"task": "outpaint", "seconds": 100, "before": 0, "after": 8, "context_seconds": 20, "loop": True}
    assert call_seconds(added) == [48.0]
    with pytest.raises(InputError, match="nothing of the track"):
        call_seconds(question | {"ranges": [[0, 300]]})


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"task": "inpaint", "seconds": 10, "context_seconds": 30, "ranges": [[3, 2]]},
        {"task": "inpaint", "seconds": 10, "context_seconds": 30, "ranges": [[3, 4]], "loop": "yes"},
        {"task": "inpaint", "seconds": 0, "context_seconds": 30, "ranges": [[0, 1]]},
        {"task": "inpaint", "seconds": 10, "context_seconds": 30, "ranges": []},
        {"task": "inpaint", "seconds": 10, "context_seconds": 30, "ranges": [[20, 30]]},
        {"task": "inpaint", "seconds": 10, "context_seconds": 30, "ranges": [["a", 1]]},
        {"task": "inpaint", "seconds": float("nan"), "context_seconds": 30, "ranges": [[0, 1]]},
        {"task": "inpaint", "seconds": 10, "context_seconds": 500, "ranges": [[0, 1]]},
        {"task": "outpaint", "seconds": 10, "context_seconds": 30, "before": -1, "after": 0},
        {"task": "generate", "seconds": 10, "context_seconds": 30},
    ],
)
def test_questions_without_sense_are_refused(question):
    with pytest.raises(InputError):
        call_seconds(question)


INPAINT = {"task": "inpaint", "seconds": 184.2, "context_seconds": 30, "ranges": [[12.5, 24]]}


def asked(body: bytes, **headers) -> tuple[int, dict]:
    """Status and answer of /acestep/plan on a server of its own; a header that is None is left out."""

    async def main():
        app, routes = web.Application(), web.RouteTableDef()
        register_routes(routes)
        app.add_routes(routes)
        async with TestClient(TestServer(app)) as client:
            own = {"Origin": f"http://{client.server.host}:{client.server.port}", "Content-Type": "application/json"}
            sent = {name: value for name, value in (own | headers).items() if value is not None}
            async with client.post("/acestep/plan", data=body, headers=sent) as answer:
                return answer.status, await answer.json()

    return asyncio.run(main())


def test_the_page_is_answered():
    assert asked(json.dumps(INPAINT).encode()) == (200, {"call_seconds": call_seconds(INPAINT)})


@pytest.mark.parametrize(
    "body, headers, status",
    [
        (json.dumps(INPAINT).encode(), {"Origin": "https://elsewhere.example"}, 403),
        (json.dumps(INPAINT).encode(), {"Origin": "null"}, 403),
        (json.dumps(INPAINT).encode(), {"Origin": None}, 403),
        (json.dumps(INPAINT).encode(), {"Content-Type": "text/plain"}, 415),
        (b" " * (MAX_BODY_BYTES + 1), {}, 413),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (json.dumps(INPAINT | {"ranges": [[20, 10]]}).encode(), {}, 400),
    ],
)
def test_nobody_and_nothing_else_is_answered(body, headers, status):
    found, answer = asked(body, **headers)
    assert found == status and answer.keys() == {"message", "said"} and answer["message"].endswith(".")


@pytest.mark.parametrize(
    "question, status",
    [
        ({"filename": "missing.wav"}, 404),
        ({"filename": "x" * 5000}, 404),
        ({"filename": "a.wav", "subfolder": "x/" * 5000}, 404),
        ({"filename": "half an emoji \ud83d.wav"}, 404),
        ({"filename": "../secret.wav"}, 404),
        ({}, 404),
        ({"filename": "text.wav"}, 422),
        ({"filename": "text.wav", "type": "output"}, 404),
        ({"filename": "text.wav", "type": "models"}, 400),
        ({"filename": "text.wav", "type": None}, 400),
        ({"filename": ["text.wav"]}, 400),
        ({"filename": "text.wav", "subfolder": 7}, 400),
    ],
)
def test_outlines_that_cannot_be_given_are_refused(tmp_path, question, status):
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "text.wav").write_text("no sound")
    (tmp_path / "secret.wav").write_text("no sound")
    folders = {kind: lambda kind=kind: str(tmp_path / kind) for kind in ("input", "output", "temp")}
    with pytest.raises(BadInput) as refused:
        asyncio.run(outline(OutlinesOfFiles(), folders, question))
    assert refused.value.status == status
