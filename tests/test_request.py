"""Requests: every field is checked once, and a refusal names the field, the value and the allowed range."""

import math
from dataclasses import FrozenInstanceError

import pytest
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.request import (
    MAX_SEED,
    Call,
    generate_request,
    inpaint_request,
    outpaint_request,
)

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
        (generate_request, GENERATE, "lyrics", 3, "lyrics is int"),
        (generate_request, GENERATE, "seed", -2, "seed is -2; -1 to 2147483647"),
        (generate_request, GENERATE, "seed", 2**31, "seed is 2147483648"),
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


def test_a_request_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        generate_request(**GENERATE).seed = 3


def test_takes_have_consecutive_seeds_and_wrap():
    request = generate_request(**{**GENERATE, "seed": MAX_SEED, "batch_size": 3})
    assert request.seeds == (MAX_SEED, 0, 1)
    take = request.for_call(Call(take=2))
    assert (take.seed, take.batch_size, take.seeds) == (1, 1, (1,))


def test_seed_minus_one_is_drawn_once_for_a_request():
    drawn = {generate_request(**{**GENERATE, "seed": -1}).seed for _ in range(20)}
    assert len(drawn) > 1 and all(0 <= seed <= MAX_SEED for seed in drawn)


def test_text_is_trimmed_and_ids_are_split():
    request = generate_request(**{**GENERATE, "tags": " jazz ", "lyrics": "\n[inst] ", "resume_request_id": " a ,,b "})
    assert (request.tags, request.lyrics, request.resume_request_ids) == ("jazz", "[inst]", ("a", "b"))
