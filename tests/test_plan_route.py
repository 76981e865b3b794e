"""The price shown before an edit is that of the plan the run will make."""

import pytest
from acestep_nodes.nodes.audio.windows import plan_extensions, plan_windows
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.plan_route import call_seconds
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


@pytest.mark.parametrize(
    "question",
    [
        {},
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
