"""The two functions a ComfyUI may bring to resample with; a module names this in ``pytest_plugins``.

ComfyUI's newer ``comfy.audio`` is not to be had here, so a stand-in is: written from the formula that torchaudio
publishes, y[j] = Σ x[i] · h(i / from − j / to) with a windowed sinc h, and with the signature that ComfyUI's has.
"""

import math
import sys
import types
from contextlib import contextmanager

import pytest
import torch

TORCHAUDIO = ("torchaudio", "torchaudio.functional")
KAISER_BETA = 14.769656459379492


def resample(
    waveform: torch.Tensor,
    orig_freq: int,
    new_freq: int,
    lowpass_filter_width: int = 6,
    rolloff: float = 0.99,
    resampling_method: str = "sinc_interp_hann",
    beta: float | None = None,
) -> torch.Tensor:
    """waveform [..., T] → [..., ceil(T · new_freq / orig_freq)]"""
    if orig_freq != int(orig_freq) or new_freq != int(new_freq):
        raise ValueError("Sample rates are whole numbers.")
    common = math.gcd(int(orig_freq), int(new_freq))
    inputs, outputs = int(orig_freq) // common, int(new_freq) // common  # in one cell of the grid that both share
    crossings = min(inputs, outputs) * rolloff  # zero crossings of the sinc in one cell
    reach = math.ceil(lowpass_filter_width * inputs / crossings)
    taps = torch.arange(-reach, reach + inputs, dtype=waveform.dtype) / inputs
    phases = torch.arange(outputs, dtype=waveform.dtype)[:, None] / outputs
    distance = ((taps - phases) * crossings).clamp(-lowpass_filter_width, lowpass_filter_width)
    share = distance / lowpass_filter_width
    if resampling_method == "sinc_interp_kaiser":
        beta = torch.tensor(KAISER_BETA if beta is None else beta)
        window = torch.special.i0(beta * (1 - share.square()).sqrt()) / torch.special.i0(beta)
    elif resampling_method == "sinc_interp_hann":
        window = torch.cos(math.pi / 2 * share).square()
    else:
        raise ValueError(resampling_method)
    kernel = torch.sinc(distance) * window * (crossings / inputs)
    *others, samples = waveform.shape
    padded = torch.nn.functional.pad(waveform.reshape(-1, 1, samples), (reach, reach + inputs))
    cells = torch.nn.functional.conv1d(padded, kernel[:, None], stride=inputs)
    return cells.movedim(1, 2).reshape(*others, -1)[..., : -(-samples * outputs // inputs)]


@contextmanager
def only(*brought: str):
    """For the time of a ``with`` a ComfyUI that brings these: "torchaudio", "comfy.audio"."""
    module = types.ModuleType("comfy.audio")
    module.resample = resample
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "comfy.audio", module if "comfy.audio" in brought else None)
        if "torchaudio" not in brought:
            for name in TORCHAUDIO:
                patch.setitem(sys.modules, name, None)
        yield


@pytest.fixture(scope="module", params=["torchaudio", "comfy.audio"])
def either_resampler(request):
    """The tests run twice: as on a ComfyUI with torchaudio, and as on one without it but with ``comfy.audio``."""
    with only(request.param):
        yield request.param
