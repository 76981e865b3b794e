"""What ComfyUI may bring to resample with: ComfyUI's own first, the same samples by either, a sentence without any."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
import resamplers
import torch
from acestep_nodes.nodes.audio.resample import check_can_resample, resample
from acestep_nodes.nodes.backends.sketch import SketchBackend
from acestep_nodes.nodes.errors import BackendUnavailable
from acestep_nodes.nodes.request.requests import generate_request, inpaint_request, outpaint_request
from acestep_nodes.nodes.run.rendering import render_generate, render_inpaint, render_outpaint

ROOT = Path(__file__).resolve().parents[1]
PAIRS = [
    (44_100, 48_000), (48_000, 44_100), (22_050, 48_000), (48_000, 32_000), (32_000, 44_100), (96_000, 48_000),
    (88_200, 48_000), (192_000, 44_100), (8_000, 44_100), (50_000, 44_100), (44_101, 48_000),
]  # fmt: skip


@pytest.mark.parametrize(("rate", "other"), PAIRS)
def test_torchaudio_and_comfyui_give_the_same_samples(rate, other):
    wave = 2 * torch.rand(2, rate // 2, generator=torch.Generator().manual_seed(rate)) - 1
    made = []
    for brought in ("torchaudio", "comfy.audio"):
        with resamplers.only(brought):
            made.append(resample(wave, rate, other))
    assert made[0].shape == made[1].shape
    assert float((made[0] - made[1]).abs().max()) <= 1e-6


def test_comfyuis_own_function_comes_first(monkeypatch):
    with resamplers.only("torchaudio", "comfy.audio"):
        calls = []
        monkeypatch.setattr(
            sys.modules["comfy.audio"], "resample", lambda *args, **named: calls.append(named) or args[0]
        )
        resample(torch.zeros(1, 441), 44_100, 48_000)
    assert len(calls) == 1


@pytest.mark.parametrize("error", ["ImportError('gone')", "OSError('libtorch')", "RuntimeError('another CUDA')"])
def test_a_torchaudio_that_does_not_load_is_told(tmp_path, error):
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio" / "__init__.py").write_text(f"raise {error}")
    with resamplers.only(), pytest.MonkeyPatch.context() as patch:
        for name in resamplers.TORCHAUDIO:
            patch.delitem(sys.modules, name)
        patch.syspath_prepend(tmp_path)
        with pytest.raises(BackendUnavailable, match="torchaudio cannot be loaded .*Update ComfyUI"):
            check_can_resample()
    with resamplers.only("comfy.audio"):
        check_can_resample()


def test_an_edit_that_cannot_be_put_back_is_refused_before_its_backend_is_asked(monkeypatch):
    asked = []
    monkeypatch.setattr(SketchBackend, "check", lambda *_: asked.append("check"))
    shared = {
        "node": "N", "tags": "jazz", "lyrics": "", "seed": 1, "version": "auto", "backend": "sketch", "batch_size": 1,
    }  # fmt: skip
    audio = {"waveform": torch.zeros(1, 2, 88_200), "sample_rate": 44_100}
    extension = {"extend_before_duration": 0.0, "extend_after_duration": 1.0}
    with resamplers.only():
        for edit in (
            render_inpaint(inpaint_request(**shared), audio, ((0.5, "start", 1.0, "start"),)),
            render_outpaint(outpaint_request(**shared, **extension), audio),
        ):
            with pytest.raises(BackendUnavailable, match="Nothing can change a sample rate here"):
                asyncio.run(edit)
        assert not asked
        asyncio.run(render_generate(generate_request(**shared, duration=5)))
    assert asked


def test_nothing_else_imports_torchaudio():
    files = [path for folder in ("nodes", "workflows") for path in (ROOT / folder).rglob("*.py")]
    importing = [path.name for path in files if re.search(r"(import|from) torchaudio", path.read_text("utf-8"))]
    assert importing == ["resample.py"]
