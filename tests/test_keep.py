"""``keep``: of several takes the one with the best seams is handed on, and the report says which and why."""

import asyncio
import random

import pytest
import torch
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.interface import Backend
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.request.requests import inpaint_request
from acestep_nodes.nodes.run import rendering
from audio_samples import music

RATE = 22_050
SHARED = {
    "node": "N", "tags": "jazz", "lyrics": "", "seed": 5, "version": "auto", "backend": "sketch", "batch_size": 3,
}  # fmt: skip


class Service(Backend):
    """Gives the window back as it was, but for the takes whose range is spoilt."""

    name, shares_windows, max_seconds, version, model = "sketch", True, 240.0, "none", "service"
    spoilt: dict = {}

    def check(self, plan):
        pass

    async def generate(self, request):
        raise NotImplementedError

    async def outpaint(self, window, before, after, request):
        raise NotImplementedError

    async def inpaint(self, window, ranges, request):
        wave = window.waveform.clone()
        for start, end in ranges:
            a, b = round(start * RATE), round(end * RATE)
            wave[:, a:b] = self.spoilt.get((request.call.item, request.call.take), lambda x: x)(wave[:, a:b])
        return Sound(wave, RATE)


def soft(part):
    return 0.15 * part


def loud(part):
    return 6.0 * part


def dull(part):
    spectrum = torch.fft.rfft(part)
    spectrum[:, round(400 / (RATE / 2) * spectrum.shape[1]) :] *= 1e-3
    return torch.fft.irfft(spectrum, part.shape[1])


def with_a_gap(part):
    part = part.clone()
    part[:, 1000:3500] = 0
    return part


def mono(part):
    return part.mean(0, keepdim=True).expand(2, -1)


DAMAGES = (soft, loud, dull, with_a_gap, mono)


def edited(monkeypatch, audio, spoilt, **inputs):
    monkeypatch.setattr(Service, "spoilt", spoilt)
    monkeypatch.setattr(rendering, "open_backend", Service)
    request = inpaint_request(**SHARED, **inputs)
    return asyncio.run(rendering.render_inpaint(request, audio, ((2.0, "start", 4.0, "start"),)))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_planted_bad_seams_lose_every_time(monkeypatch, damage):
    draw = random.Random(damage.__name__)
    for turn in range(20):
        audio = {"waveform": music(6, RATE, seed=turn)[None], "sample_rate": RATE}
        good = draw.randrange(3)
        spoilt = {(0, take): damage for take in range(3) if take != good}
        out, facts = edited(monkeypatch, audio, spoilt, keep="best")
        assert [each["take"] for each in facts["kept"]] == [good]
        assert torch.allclose(out["waveform"], audio["waveform"], atol=1e-5)
        assert facts["warnings"] == []


def test_the_best_is_chosen_for_each_source_and_the_report_lists_all(monkeypatch):
    wave = torch.stack([music(6, RATE, seed=1), music(6, RATE, seed=2)])
    spoilt = {(0, 0): soft, (0, 1): loud, (1, 1): dull, (1, 2): soft}
    out, facts = edited(monkeypatch, {"waveform": wave, "sample_rate": RATE}, spoilt, keep="best")
    assert out["waveform"].shape == wave.shape
    assert [(each["item"], each["take"], each["seed"]) for each in facts["kept"]] == [(0, 2, 7), (1, 0, 5)]
    assert {(seam["item"], seam["take"]) for seam in facts["seams"]} == {(i, t) for i in (0, 1) for t in (0, 1, 2)}
    for each in facts["kept"]:
        assert set(each["excess"]) == {"0", "1", "2"}
        assert min(each["excess"], key=lambda take: each["excess"][take]) == str(each["take"])


def test_all_takes_are_handed_on_unless_asked_for_the_best(monkeypatch):
    audio = {"waveform": music(6, RATE)[None], "sample_rate": RATE}
    out, facts = edited(monkeypatch, audio, {(0, 1): soft})
    assert out["waveform"].shape[0] == 3 and facts["seeds"] == [5, 6, 7]
    assert [(each["item"], each["take"]) for each in facts["kept"]] == [(0, 0), (0, 1), (0, 2)]
    assert facts["warnings"]


def test_keep_is_all_or_best():
    with pytest.raises(InputError, match="keep is 'worst'; choose one of all, best"):
        inpaint_request(**SHARED, keep="worst")
