"""Requests: every field is checked once, and a refusal names the field, the value and the allowed range."""

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.request.requests import (
    MAX_SEED,
    Call,
    generate_request,
    inpaint_request,
    outpaint_request,
)
from acestep_nodes.nodes.request.time_ranges import entry
from hypothesis import given
from hypothesis import strategies as st

SHARED = {
    "node": "N",
    "tags": "jazz",
    "lyrics": "",
    "seed": 1,
    "version": "auto",
    "backend": "auto",
    "batch_size": 1,
}
GENERATE = {**SHARED, "duration": 60}
OUTPAINT = {**SHARED, "extend_before_duration": 0.0, "extend_after_duration": 30.0}


@pytest.mark.parametrize(
    ("build", "base", "field", "value", "said"),
    [
        (generate_request, GENERATE, "duration", 4, "duration is 4 s; 5 to 600 s"),
        (generate_request, GENERATE, "duration", 601, "duration is 601 s; 5 to 600 s"),
        (generate_request, GENERATE, "duration", 10.5, "duration is 10.5; it must be a whole number"),
        (generate_request, GENERATE, "tags", " , \n", "tags is empty"),
        (generate_request, GENERATE, "tags", None, "tags is NoneType"),
        (generate_request, GENERATE, "tags", "jazz \ud83d", "tags holds half of a character, such as half an"),
        (generate_request, GENERATE, "lyrics", "\ude00 la", "lyrics holds half of a character"),
        (generate_request, GENERATE, "resume_request_id", "a\ud83d", "resume_request_id holds half of a character"),
        (generate_request, GENERATE, "lyrics", 3, "lyrics is int"),
        (generate_request, GENERATE, "seed", 10**400, "seed is 1000"),
        (generate_request, GENERATE, "guidance", -(10**400), "guidance is -1000"),
        (generate_request, GENERATE, "backend", "x" * 5000, "xxx…; choose one of"),
        (generate_request, GENERATE, "seed", 2**64, "seed is 18446744073709551616; -1 to 2147483647"),
        (generate_request, GENERATE, "seed", 0.5, "seed is 0.5; it must be a whole number"),
        (generate_request, GENERATE, "seed", math.inf, "seed is inf; it must be a whole number"),
        (generate_request, GENERATE, "seed", True, "seed is True"),
        (generate_request, GENERATE, "version", "v2", "version is 'v2'; choose one of auto, ace-step-1.5, ace-step"),
        (generate_request, GENERATE, "backend", "cloud", "'cloud'; choose one of auto, local, runcomfy, sketch"),
        (generate_request, GENERATE, "batch_size", 0, "batch_size is 0; 1 to 16"),
        (generate_request, GENERATE, "batch_size", 17, "batch_size is 17; 1 to 16"),
        (generate_request, GENERATE, "language", "english", "language is 'english'"),
        (generate_request, GENERATE, "variant", "huge", "variant is 'huge'"),
        (generate_request, GENERATE, "steps", 201, "steps is 201; 0 to 200"),
        (generate_request, GENERATE, "guidance", 30.1, "guidance is 30.1; 0 to 30"),
        (generate_request, GENERATE, "guidance", math.nan, "guidance is nan"),
        (generate_request, GENERATE, "max_cost_usd", -1, "max_cost_usd is -1 USD; 0 to 1000 USD"),
        (generate_request, GENERATE, "resume_request_id", 5, "resume_request_id is int"),
        (generate_request, GENERATE, "planning", "maybe", "planning is 'maybe'; choose one of auto, on, off"),
        (generate_request, GENERATE, "reference_use", "remix", "reference_use is 'remix'; choose one of timbre, cover"),
        (generate_request, GENERATE, "reference_strength", -0.1, "reference_strength is -0.1; 0 to 1"),
        (generate_request, GENERATE, "variation", 1.5, "variation is 1.5; 0 to 1"),
        (inpaint_request, SHARED, "surroundings", "firm", "surroundings is 'firm'; choose one of hold, balanced, free"),
        (inpaint_request, SHARED, "strength", 1.01, "strength is 1.01; 0 to 1"),
        (inpaint_request, SHARED, "context_seconds", 121, "context_seconds is 121 s; 0 to 120 s"),
        (inpaint_request, SHARED, "crossfade_ms", math.inf, "inf; it must be a number from 0 to 1000 ms"),
        (inpaint_request, SHARED, "match_loudness", 1, "match_loudness is 1; it must be true or false"),
        (outpaint_request, OUTPAINT, "extend_after_duration", 241, "extend_after_duration is 241 s; 0 to 240 s"),
        (outpaint_request, OUTPAINT, "extend_before_duration", -0.5, "extend_before_duration is -0.5 s; 0 to 240 s"),
        (outpaint_request, OUTPAINT, "extend_after_duration", 0, "both 0 s"),
    ],
)  # fmt: skip
def test_refusals_name_field_value_and_range(build, base, field, value, said):
    with pytest.raises(InputError) as caught:
        build(**{**base, field: value})
    assert f"N: {said}" in str(caught.value) or said in str(caught.value)
    assert str(caught.value).startswith("N: ") and str(caught.value).endswith(".")


def test_a_number_too_long_to_be_written_is_refused_too():
    with pytest.raises(InputError, match="seed is a number of thousands of digits; -1 to"):
        generate_request(**{**GENERATE, "seed": 10**5000})


NUMBERS = [
    np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64, np.float16, np.float32, np.float64, np.array,
    torch.tensor, lambda value: torch.tensor(float(value)), lambda value: torch.tensor(value, dtype=torch.bfloat16),
    float,
]  # fmt: skip


@pytest.mark.parametrize("kind", NUMBERS)
@given(st.data())
def test_a_number_of_any_type_is_that_number(kind, data):
    seconds, takes, steps = (data.draw(st.integers(low, high)) for low, high in ((5, 100), (1, 16), (0, 100)))
    sent = {"duration": kind(seconds), "batch_size": kind(takes), "steps": kind(steps), "max_cost_usd": kind(takes)}
    request = generate_request(**GENERATE | sent)
    found = (request.duration, request.batch_size, request.steps, request.max_cost_usd)
    assert found == (seconds, takes, steps, takes) and [type(each) for each in found] == [int, int, int, float]
    assert entry("N", kind(takes), "start", kind(takes + 5), "start") == (takes, "start", takes + 5, "start")


@pytest.mark.parametrize("value", [np.bool_(True), torch.tensor(False)])
def test_a_truth_of_any_type_is_that_truth(value):
    assert inpaint_request(**SHARED, match_loudness=value).match_loudness is bool(value)
    with pytest.raises(InputError, match="seed is (True|False)"):
        generate_request(**GENERATE | {"seed": value})


@pytest.mark.parametrize(
    "value",
    [np.array([1]), torch.tensor([1]), np.float32("nan"), torch.tensor(1j), torch.empty((), device="meta"), "1", 1j],
)
def test_what_is_no_number_is_refused_in_a_sentence(value):
    with pytest.raises(InputError, match="^N: batch_size is "):
        generate_request(**GENERATE | {"batch_size": value})


@given(st.integers(-(2**64), 2**64 - 1), st.sampled_from([int, np.array, lambda value: value]))
def test_a_seed_of_another_range_is_folded_and_said(seed, kind):
    request = generate_request(**GENERATE | {"seed": kind(seed)})
    assert 0 <= request.seed <= MAX_SEED
    if seed == -1:
        return
    assert request.seed == seed % 2**31
    said = [each.as_dict() for each in request.remarks]
    values = {"name": "seed", "given": str(seed), "most": MAX_SEED, "seed": request.seed}
    assert said == ([] if 0 <= seed <= MAX_SEED else [{"code": "seed_folded", "values": values}])


def test_only_a_seed_that_is_used_is_said_to_be_folded():
    assert generate_request(**GENERATE, variation_seed=2**32 + 5).remarks == ()
    (said,) = generate_request(**GENERATE, variation=0.5, variation_seed=2**32 + 5).remarks
    assert "variation_seed 4294967301 lies outside" in said.sentence() and "so 5 was used" in said.sentence()


@pytest.mark.parametrize(
    "tags", ["", ",", "，、", "\u3000", "\u200b", ";", "؛،", "\u2800, \u3164", "·", "\ufe0f", "-", "None"]
)
def test_tags_that_hold_no_tag_in_any_script_are_empty(tags):
    with pytest.raises(InputError, match="N: tags is empty"):
        generate_request(**GENERATE | {"tags": tags})


@pytest.mark.parametrize("tags", ["a", "ロ", "爵士", "7", "♪", "🎷", "เพลง", "، جاز"])
def test_one_letter_number_or_picture_is_a_tag(tags):
    assert generate_request(**GENERATE | {"tags": tags}).tags == tags


def test_a_null_is_never_the_word_none():
    request = generate_request(**GENERATE | {"lyrics": "None", "resume_request_id": "None"})
    assert (request.lyrics, request.resume_request_ids) == ("", ())


def test_a_request_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        generate_request(**GENERATE).seed = 3


def test_takes_have_consecutive_seeds_and_wrap():
    request = generate_request(**{**GENERATE, "seed": MAX_SEED, "batch_size": 3})
    assert request.seeds == (MAX_SEED, 0, 1)
    take = request.for_call(Call(take=2))
    assert (take.seed, take.batch_size, take.seeds) == (1, 1, (1,))


def test_takes_turn_toward_consecutive_variation_seeds():
    request = generate_request(**{**GENERATE, "variation": 0.2, "variation_seed": MAX_SEED, "batch_size": 2})
    assert [request.for_call(Call(take=k)).variation_seed for k in (0, 1)] == [MAX_SEED, 0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"backend": "runcomfy"}, "backend is runcomfy, which takes no other sound; set backend to local"),
        ({"backend": "sketch"}, "backend is sketch, which takes no other sound; set backend to local"),
        ({"version": "ace-step"}, "version is ace-step, which takes no other sound; set version to auto or ace-step-1"),
    ],
)
def test_a_reference_is_refused_where_nothing_can_come_of_it(changed, said):
    with pytest.raises(InputError, match=f"N: reference is connected, but {said}"):
        generate_request(**GENERATE | changed, reference=object())
    generate_request(**GENERATE | changed)
    assert generate_request(**GENERATE, reference=object(), reference_use="cover").covers


def test_seed_minus_one_is_drawn_once_for_a_request():
    drawn = {generate_request(**{**GENERATE, "seed": -1}).seed for _ in range(20)}
    assert len(drawn) > 1 and all(0 <= seed <= MAX_SEED for seed in drawn)


def test_text_is_trimmed_and_ids_are_split():
    request = generate_request(**{**GENERATE, "tags": " jazz ", "lyrics": "\n[inst] ", "resume_request_id": " a ,b "})
    assert (request.tags, request.lyrics, request.resume_request_ids) == ("jazz", "[inst]", ("a", "b"))
