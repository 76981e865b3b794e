"""What a backend gave back, and how the sound of a given place is taken out of it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch

from .resample import resample_part, resampled_length
from .spaces import Span, joined
from .value import Sound

# Half the length of the sinc that moves sound by a fraction of a sample.
_TAPS = 32
# A stopband of −80 dB: below what 16-bit answers hold.
_KAISER_BETA = 8.0
# The sinc is looked up at so many fractions of a sample and straight between them, which is −116 dB off.
_FRACTIONS = 512
# A smaller fraction of a sample is within the error of finding it.
_FRACTION_THAT_MATTERS = 0.02
# Read at a time, so that positions in double precision need no second place.
_STRETCH_BLOCK_SAMPLES = 1 << 17

# What lies between spans that are read is mostly a range, which will be read too. As far as a filter costs.
_READY_GAP_SECONDS = 5.0

# What each channel of the track is made of: a row of weights of the render's channels.
Mix = tuple[tuple[float, ...], ...]


def plain_mix(source: int, rendered: int) -> Mix:
    """Channels as they come: stereo is averaged to mono, mono is doubled."""
    if source == rendered:
        return tuple(tuple(float(row == column) for column in range(rendered)) for row in range(source))
    return ((1.0 / rendered,) * rendered,) * source


@dataclass(frozen=True, eq=False)
class Render:
    """Rendered sound, read at the track's rate; its first sample nominally lies at ``origin`` of the track.

    Only what is read is resampled, when it is read. ready: parts that are read often and were resampled once,
    as (first position in the track, sound [C', n]).
    """

    sound: Sound
    sample_rate: int
    origin: int
    ready: tuple[tuple[int, torch.Tensor], ...] = ()

    @property
    def stop(self) -> int:
        return self.origin + resampled_length(self.sound.samples, self.sound.sample_rate, self.sample_rate)

    def with_ready(self, spans: Iterable[Span]) -> "Render":
        """The same render with these spans of the track resampled once, and short gaps between them."""
        parts = joined(spans, round(_READY_GAP_SECONDS * self.sample_rate))
        return replace(self, ready=tuple((start, self.cut(start, stop)) for start, stop in parts))

    def cut(self, start: int, stop: int) -> torch.Tensor:
        """The samples nominally at [start, stop) of the track, silence where there are none."""
        for first, part in self.ready:
            if first <= start and stop <= first + part.shape[1]:
                return part[:, start - first : stop - first]
        low, high = max(start, self.origin), min(stop, self.stop)
        if low >= high:
            return torch.zeros(self.sound.channels, stop - start)
        rates = self.sound.sample_rate, self.sample_rate
        piece = resample_part(self.sound.waveform, *rates, low - self.origin, high - self.origin)
        if (low, high) == (start, stop):
            return piece
        return torch.nn.functional.pad(piece, (low - start, stop - high))


@dataclass(frozen=True)
class Placement:
    """Where and how a render is read.

    mix: the track's channels out of the render's.
    anchors: (position, delay) pairs in samples of the track: the render comes ``delay`` late at ``position``;
        straight lines between them, constant outside.
    """

    mix: Mix
    anchors: tuple[tuple[int, float], ...] = ((0, 0.0),)

    def delay_at(self, position: int) -> float:
        (low, value), *rest = self.anchors
        for high, following in rest:
            if position <= low:
                break
            if position < high:
                return value + (following - value) * (position - low) / (high - low)
            low, value = high, following
        return value

    def available(self, render: Render) -> Span:
        """The part of the track for which ``render`` holds sound."""
        return (
            math.ceil(render.origin - self.delay_at(render.origin)),
            math.floor(render.stop - self.delay_at(render.stop)),
        )

    def take(self, render: Render, start: int, stop: int) -> torch.Tensor:
        """The track's samples [start, stop) out of ``render``, in time and in the track's channels.

        May be a view of the render; not to be written to.
        """
        raw = self._in_time(render, start, stop)
        return raw if self.mix == plain_mix(len(raw), len(raw)) else torch.tensor(self.mix) @ raw

    def raw(self, render: Render, start: int, stop: int) -> torch.Tensor:
        """What the backend gave for the track's samples [start, stop): [C', n] at its own rate, channels and level.

        To a sample; a view.
        """
        per_sample = render.sound.sample_rate / render.sample_rate
        first = max(0, math.ceil((start + self.delay_at(start) - render.origin) * per_sample))
        last = max(first, math.floor((stop + self.delay_at(stop) - render.origin) * per_sample))
        return render.sound.waveform[:, first:last]

    def _in_time(self, render: Render, start: int, stop: int) -> torch.Tensor:
        first, last = self.delay_at(start), self.delay_at(stop)
        if first != last:
            return self._stretched(render, start, stop)
        whole = math.floor(first + 0.5)
        fraction = first - whole
        if abs(fraction) < _FRACTION_THAT_MATTERS:
            return render.cut(start + whole, stop + whole)
        kernel = _sinc(torch.arange(-_TAPS, _TAPS + 1) - fraction)
        kernel = (kernel / kernel.sum()).float()
        piece = render.cut(start + whole - _TAPS, stop + whole + _TAPS)
        return torch.nn.functional.conv1d(piece[:, None], kernel[None, None])[:, 0]

    def _stretched(self, render: Render, start: int, stop: int) -> torch.Tensor:
        blocks = []
        for low in range(start, stop, _STRETCH_BLOCK_SAMPLES):
            high = min(stop, low + _STRETCH_BLOCK_SAMPLES)
            knots = [low, *(position for position, _ in self.anchors if low < position < high), high]
            wanted = [
                torch.arange(a, b, dtype=torch.float64)
                + torch.linspace(self.delay_at(a), self.delay_at(b), b - a + 1, dtype=torch.float64)[:-1]
                for a, b in zip(knots, knots[1:])
            ]
            blocks.append(_read_at(render, torch.cat(wanted)))
        return torch.cat(blocks, dim=1)


def _read_at(render: Render, positions: torch.Tensor) -> torch.Tensor:
    """The render's value at each (fractional) track position [n] → [C', n]."""
    whole = positions.round()
    fraction = positions - whole
    low = int(whole.min()) - _TAPS
    piece = render.cut(low, int(whole.max()) + _TAPS + 1)
    index = whole.long() - low
    row = (fraction + 0.5) * _FRACTIONS
    step = row.long().clamp(max=_FRACTIONS - 1)
    share = (row - step).float()
    result = torch.zeros(piece.shape[0], positions.numel())
    for tap, weights in zip(range(-_TAPS, _TAPS + 1), _fraction_kernels()):
        result += piece[:, index + tap] * torch.lerp(weights[step], weights[step + 1], share)
    return result


def _fraction_kernels() -> torch.Tensor:
    """[taps, _FRACTIONS + 1]: the weight of each tap for fractions of a sample from −0.5 to 0.5."""
    fractions = torch.linspace(-0.5, 0.5, _FRACTIONS + 1, dtype=torch.float64)
    return torch.stack([_sinc(tap - fractions) for tap in range(-_TAPS, _TAPS + 1)]).float()


def _sinc(distance: torch.Tensor) -> torch.Tensor:
    """Kaiser-windowed sinc at ``distance`` samples from its centre."""
    distance = distance.double()
    inside = (1 - (distance / (_TAPS + 1)).square()).clamp_min(0).sqrt()
    return (
        torch.sinc(distance)
        * torch.special.i0(_KAISER_BETA * inside)
        / torch.special.i0(torch.tensor(_KAISER_BETA, dtype=torch.float64))
    )
