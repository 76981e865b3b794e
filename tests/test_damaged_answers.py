"""What a service did to its answer, through the real ComfyUI server: put right or said, and honest answers not accused.

The service of these tests knows the right answer, the old music itself, and damages it; the simulator adds a codec,
another rate, a delay and a gain as always.
"""

import itertools

import graphs
import numpy as np
import pytest
import torch
from acestep_nodes.nodes.audio.codec import decode
from conftest import NEWEST_VERSION
from runcomfy_runs import hosted_by
from runcomfy_simulator import Simulator, rendering

pytestmark = pytest.mark.server

START, END = 9.0, 13.0
# The fades and the cut, behind which nothing of the source is left.
JOINT = 0.3
# The journal knows an edit that was paid, and fetches it.
_seeds = itertools.count(1)


@pytest.fixture(scope="module")
def simulator():
    with Simulator() as running:
        yield running


@pytest.fixture(scope="module")
def comfyui(comfyui_servers, simulator):
    return comfyui_servers.get(NEWEST_VERSION, environment=hosted_by(simulator))


@pytest.fixture(scope="module")
def pieces(example_music):
    return [decode(file.read_bytes()) for file in example_music]


def answered(inside, whole):
    """A service that gives the window back as it was, its range and then all of it changed."""

    def compose(model, body):
        music = rendering.source_in(body["audio"])
        start, stop = (round(second * music.rate) for second in rendering.span(body, music.seconds))
        samples = music.samples.copy()
        samples[:, start:stop] = inside(samples[:, start:stop])
        return rendering.Music(np.ascontiguousarray(whole(samples), dtype=np.float32), music.rate)

    return compose


def edited(comfyui, simulator, piece, inside=lambda x: x, whole=lambda x: x):
    """(source, out, codes of the report) of one edit."""
    simulator.service.compose = answered(inside, whole)
    comfyui.put_tensor("damaged.pt", piece.waveform[None], piece.sample_rate)
    run = comfyui.run({
        "load": graphs.load("damaged.pt"),
        "range": graphs.time_range(START, END),
        "edit": graphs.inpaint(["load", 0], ["range", 0], backend="runcomfy", seed=next(_seeds), context_seconds=8.0),
        "save": graphs.save(["edit", 0], "mended.pt"),
    })  # fmt: skip
    out = comfyui.get_tensor("mended.pt")["waveform"][0]
    return piece.waveform, out, {each["code"] for each in run.outputs["edit"]["acestep"][0]["codes"]}


def off_db(source, out, rate) -> float:
    within = slice(round((START + JOINT) * rate), round((END - JOINT) * rate))
    error = (out - source)[:, within].square().mean() / source[:, within].square().mean()
    return 10 * float(torch.log10(error + 1e-12))


def is_kept(source, out, rate) -> bool:
    start, stop = round(START * rate), round(END * rate)
    return torch.equal(out[:, :start], source[:, :start]) and torch.equal(out[:, stop:], source[:, stop:])


@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_honest_answer_is_not_accused(comfyui, simulator, pieces, which):
    piece = pieces[which]
    for _ in range(4):  # each in another format and at another rate
        source, out, codes = edited(comfyui, simulator, piece)
        assert is_kept(source, out, piece.sample_rate)
        assert codes == set() and off_db(source, out, piece.sample_rate) < -20


def late(samples, seconds=0.7, rate=44_100):
    return np.pad(samples, ((0, 0), (round(seconds * rate), 0)))[:, : samples.shape[1]]


def with_gap(samples, seconds=0.15, rate=44_100):
    samples[:, rate : rate + round(seconds * rate)] = 0
    return samples


def with_click(samples):
    samples[:, samples.shape[1] // 2] += 0.8
    return samples


def with_whistle(samples, rate=44_100):
    return samples + 0.6 * samples.std() * np.sin(2 * np.pi * 9_000 * np.arange(samples.shape[1]) / rate)


def filtered(low, high):
    def change(samples):
        spectrum = np.fft.rfft(samples)
        hertz = np.linspace(0, 22_050, spectrum.shape[1])
        spectrum[:, (hertz < low) | (hertz > high)] *= 1e-3
        return np.fft.irfft(spectrum, samples.shape[1])

    return change


MENDED = {
    "12 dB softer": {"whole": lambda x: x * 0.25},
    "sides exchanged": {"whole": lambda x: x[::-1]},
    "polarity inverted": {"whole": lambda x: -x},
    "left 6 dB softer": {"whole": lambda x: x * np.array([[0.5], [1.0]])},
    "an offset": {"whole": lambda x: 0.5 * x + 0.05},
    "an offset inside": {"inside": lambda x: x + 0.05, "whole": lambda x: 0.5 * x},
}
SAID = {
    "9 dB softer inside": ({"inside": lambda x: x * 0.355}, {"seam_softer", "range_softer"}),
    "mono inside": ({"inside": lambda x: x.mean(0, keepdims=True).repeat(2, 0)}, {"seam_narrower", "mono_render"}),
    "0.7 s late": ({"whole": late}, {"unlike_context", "weak_context", "contradictory_context"}),
    "a gap": ({"inside": with_gap}, {"range_hole"}),
    "a click": ({"inside": with_click}, {"range_click", "range_clipped"}),
    "no treble": ({"inside": filtered(0, 4_000)}, {"range_treble", "seam_colour"}),
    "no bass": ({"inside": filtered(200, 1e6)}, {"range_bass", "seam_colour"}),
    "no bass at all": ({"whole": filtered(250, 1e6)}, {"context_less", "unlike_context"}),
    "a telephone": ({"whole": filtered(300, 3_400)}, {"context_less", "unlike_context"}),
    "a whistle in everything": ({"whole": with_whistle}, {"context_more"}),
    "silence": ({"inside": lambda x: 0 * x}, {"range_hole", "range_softer"}),
}


@pytest.mark.parametrize("damage", MENDED)
def test_what_a_service_did_to_all_of_its_answer_is_put_right(comfyui, simulator, pieces, damage):
    for which, piece in enumerate(pieces):
        source, out, _ = edited(comfyui, simulator, piece, **MENDED[damage])
        assert is_kept(source, out, piece.sample_rate)
        assert off_db(source, out, piece.sample_rate) < -20, (damage, which)


@pytest.mark.parametrize("damage", SAID)
def test_what_cannot_be_put_right_is_said(comfyui, simulator, pieces, damage):
    changes, expected = SAID[damage]
    for which, piece in enumerate(pieces):
        source, out, codes = edited(comfyui, simulator, piece, **changes)
        assert is_kept(source, out, piece.sample_rate)
        # A piece that hardly has what was lost is as it should be without it.
        assert codes & expected or off_db(source, out, piece.sample_rate) < -15, (damage, which, codes)
