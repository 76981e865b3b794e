"""Ranges in seconds → latent frames, and extensions in passes."""

import math

import pytest
import torch
from acestep_nodes.nodes.backends.local.extend import extended
from acestep_nodes.nodes.backends.local.family import V1, V15
from acestep_nodes.nodes.backends.local.frames import spans_inside, widened
from hypothesis import given
from hypothesis import strategies as st

FAMILIES = st.sampled_from([V1, V15])


@given(FAMILIES, st.floats(0, 200), st.floats(0.05, 60))
def test_a_range_is_rounded_inward_to_whole_frames(family, start, length):
    ranges, frames = [(start, start + length)], math.ceil((start + length + 5) * family.frame_rate)
    ((first, last),) = spans_inside(ranges, frames, family)
    assert 0 <= first < last <= frames
    whole = (last - first) * family.hop / family.sample_rate
    if length > 2 / family.frame_rate:
        assert start <= first / family.frame_rate + 1e-5 and last / family.frame_rate - 1e-5 <= start + length
        assert length - whole < 2 / family.frame_rate
    else:
        assert whole <= 3 / family.frame_rate  # a range below a frame gets the frames it touches, no more


def test_times_on_a_frame_stay_on_it():
    assert spans_inside([(1.0, 2.0), (3.04, 4.0)], 1000, V15) == [(25, 50), (76, 100)]


@given(FAMILIES, st.lists(st.tuples(st.floats(0, 50), st.floats(0.05, 5)), min_size=1, max_size=5))
def test_frames_of_several_ranges_never_overlap(family, pairs):
    ranges = sorted((start, start + length) for start, length in pairs)
    spans = spans_inside(ranges, 5000, family)
    assert all(a < b for a, b in spans)
    assert all(one[1] < other[0] for one, other in zip(spans, spans[1:]))


def test_widened_spans_stay_inside_and_merge():
    assert widened([(2, 5), (20, 30), (40, 44)], 6, 47) == [(0, 11), (14, 47)]


class _Network:
    """Stands for a network: what it makes is numbered by the pass, and it must leave everything else alone."""

    def __init__(self):
        self.passes = []

    def __call__(self, latents, spans, seed):
        out = latents.clone()
        for start, stop in spans:
            assert bool((latents[..., start:stop] == 0).all())
            out[..., start:stop] = len(self.passes) + 1
        self.passes.append((latents.shape[-1], spans, seed, latents))
        return out


@given(
    FAMILIES,
    st.floats(0.1, 300),
    st.floats(0, 240),
    st.floats(0, 240),
)
def test_extensions_of_any_length_keep_the_known_latents_and_fit_the_network(family, known_s, before_s, after_s):
    rate = family.frame_rate
    count, before, after = (math.ceil(seconds * rate) for seconds in (known_s, before_s, after_s))
    known = torch.full((1, 1, max(1, count)), -1.0)
    network = _Network()
    made = extended(known, before, after, family, 3, network)
    assert made.shape[-1] == before + known.shape[-1] + after
    assert bool((made[..., before : before + known.shape[-1]] == -1).all())
    assert bool((made[..., :before] > 0).all()) and bool((made[..., before + known.shape[-1] :] > 0).all())
    limit = int(family.max_seconds * rate)
    for length, _spans, _seed, _latents in network.passes:
        assert family.min_frames <= length <= limit or length == made.shape[-1] <= limit
    seeds = [seed for _, _, seed, _ in network.passes]
    assert len(set(seeds)) == len(seeds)


def test_a_chain_goes_on_from_the_latents_of_the_pass_before():
    network = _Network()
    frames = int(200 * V1.frame_rate)
    made = extended(torch.full((1, 1, frames), -1.0), 0, int(400 * V1.frame_rate), V1, 0, network)
    assert len(network.passes) == 3
    _, spans, _, latents = network.passes[1]
    assert bool((latents[..., : spans[0][0]] == 1).all())  # its context is what pass one made, not encoded again
    # The last second of a pass is written again by the next one.
    first_new = (made == 1).sum().item()
    assert network.passes[0][1][0][1] - network.passes[0][1][0][0] - first_new == round(V1.frame_rate)


def test_both_sides_of_a_short_source_are_one_pass():
    network = _Network()
    extended(torch.full((1, 1, 250), -1.0), 100, 200, V15, 0, network)
    assert [spans for _, spans, _, _ in network.passes] == [[(0, 100), (350, 550)]]


@pytest.mark.parametrize("family", [V1, V15])
def test_frame_rates(family):
    assert family.frame_rate == pytest.approx({"ace-step": 10.7666, "ace-step-1.5": 25.0}[family.version], abs=1e-4)
