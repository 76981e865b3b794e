"""ComfyUI's AUDIO value, checked once and taken apart into plain sounds, and put together again.

AUDIO is a mapping ``{"waveform": Tensor [B, C, T], "sample_rate": int}``. It may be a lazy mapping
(its items are read once, by key), sit on another device, carry any floating dtype or a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ..errors import InputError
from ..words.numbers import is_number, plain, shown
from ..words.remarks import Remark, Value, remark

# Far below and above any recording; beyond lies a mistake, such as a rate in kHz.
MIN_SAMPLE_RATE_HZ = 1_000
MAX_SAMPLE_RATE_HZ = 768_000
MAX_CHANNELS = 2
# Finite-ness is checked in blocks so that an hour of sound never needs a mask of its own size.
_CHECK_BLOCK_SAMPLES = 1 << 22


@dataclass(frozen=True, eq=False)
class Sound:
    """One piece of sound.

    waveform: float32, CPU, shape [C, T] with C 1 or 2 and T ≥ 1.
    sample_rate: Hz.
    """

    waveform: torch.Tensor
    sample_rate: int

    @property
    def channels(self) -> int:
        return self.waveform.shape[0]

    @property
    def samples(self) -> int:
        return self.waveform.shape[1]

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate

    def cut(self, start: int, stop: int) -> "Sound":
        """The samples [start, stop) as a view; nothing is copied."""
        return Sound(self.waveform[:, start:stop], self.sample_rate)


def sounds_from_audio(audio, node: str, field: str = "audio") -> tuple[Sound, ...]:
    """AUDIO → its batch items as sounds. float32 CPU input is not copied.

    Raises InputError, naming ``node`` and ``field``, for None, an empty or malformed value,
    more than two channels, integer samples, an odd sample rate and samples that are not numbers.
    """

    def said(code: str, **values: Value) -> Remark:
        return remark(code, node=node, field=field, **values)

    if audio is None:
        raise InputError(said("audio_empty"))
    try:
        waveform, rate = audio["waveform"], plain(audio["sample_rate"])
    except (TypeError, KeyError, IndexError):
        raise InputError(said("no_audio", kind=type(audio).__name__)) from None
    if not isinstance(waveform, torch.Tensor) or waveform.ndim != 3:
        shape = str(tuple(waveform.shape)) if isinstance(waveform, torch.Tensor) else type(waveform).__name__
        raise InputError(said("audio_shape", shape=shape))
    batch, channels, samples = waveform.shape
    if batch == 0 or samples == 0:
        raise InputError(said("audio_without_samples", shape=str(tuple(waveform.shape))))
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(said("audio_channels", channels=channels))
    if not waveform.dtype.is_floating_point:
        raise InputError(said("audio_type", type=str(waveform.dtype)))
    if not is_number(rate) or int(rate) != rate:
        raise InputError(said("no_sample_rate", rate=shown(rate)))
    if not MIN_SAMPLE_RATE_HZ <= rate <= MAX_SAMPLE_RATE_HZ:
        allowed = {"least": MIN_SAMPLE_RATE_HZ, "most": MAX_SAMPLE_RATE_HZ}
        raise InputError(said("sample_rate_out_of_range", rate=shown(int(rate)), **allowed))
    waveform = waveform.detach().to(device="cpu", dtype=torch.float32)
    bad = _first_sample_not_finite(waveform)
    if bad is not None:
        raise InputError(said("audio_not_numbers", at=f"{bad / rate:.3f}"))
    return tuple(Sound(item, int(rate)) for item in waveform)


def sound_from_audio(audio, node: str, field: str) -> Sound:
    """AUDIO of a single item → its sound. Raises InputError as ``sounds_from_audio`` does, and for several items."""
    sounds = sounds_from_audio(audio, node, field)
    if len(sounds) > 1:
        raise InputError(remark("audio_batch", node=node, field=field, count=len(sounds)))
    return sounds[0]


def audio_from_batch(waveform: torch.Tensor, sample_rate: int) -> Mapping:
    """A waveform [B, C, T] → AUDIO as ComfyUI's own nodes expect it: float32, CPU, contiguous."""
    return {"waveform": waveform.to("cpu", torch.float32).contiguous(), "sample_rate": sample_rate}


def audio_from_sounds(sounds: Sequence[Sound]) -> Mapping:
    """Sounds of equal rate, channels and length → one AUDIO batch."""
    first = sounds[0]
    # One sound needs no copy; stacking several is the only copy made.
    batch = first.waveform.unsqueeze(0) if len(sounds) == 1 else torch.stack([s.waveform for s in sounds])
    return audio_from_batch(batch, first.sample_rate)


def _first_sample_not_finite(waveform: torch.Tensor) -> int | None:
    # Channel by channel: the extremes of contiguous samples are found sixteen times as fast.
    rows = [row for item in waveform for row in item]
    for start in range(0, waveform.shape[-1], _CHECK_BLOCK_SAMPLES):
        blocks = [row[start : start + _CHECK_BLOCK_SAMPLES] for row in rows]
        # A NaN or an infinity survives into the block's extremes, so no mask is made unless one is there.
        bad = [block for block in blocks if not all(torch.isfinite(end) for end in torch.aminmax(block))]
        if bad:
            return start + min(int((~torch.isfinite(block)).nonzero()[0]) for block in bad)
    return None
