"""What a backend gave back, and how the sound of a given place is taken out of it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch

from .resample import resample_part, resampled_length
from .value import Sound
from .windows import Span

# Half the length of the sinc that moves sound by a fraction of a sample.
_TAPS = 32
_KAISER_BETA = 8.0
# A smaller fraction of a sample is within the error of finding it.
_FRACTION_THAT_MATTERS = 0.02
_STRETCH_BLOCK_SAMPLES = 1 << 17

# For each channel of the track the channels of the render that make it, each with its sign.
ChannelMap = tuple[tuple[tuple[int, float], ...], ...]


def plain_channels(source: int, rendered: int) -> ChannelMap:
    """Channels as they come: stereo is averaged to mono, mono is doubled."""
    if source == rendered:
        return tuple(((index, 1.0),) for index in range(source))
    if source == 1:
        return (tuple((index, 1.0) for index in range(rendered)),)
    return (((0, 1.0),),) * source


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
        """The same render with these spans of the track resampled once."""
        return replace(self, ready=tuple((start, self.cut(start, stop)) for start, stop in spans))

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

    anchors: (position, delay) pairs in samples: the render comes ``delay`` late at ``position``; straight
        lines between them, constant outside.
    """

    channels: ChannelMap
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
        if self.channels == plain_channels(len(self.channels), len(raw)) and len(self.channels) == len(raw):
            return raw
        rows = [torch.stack([raw[index] * sign for index, sign in parts]).mean(0) for parts in self.channels]
        return torch.stack(rows)

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
    result = torch.zeros(piece.shape[0], positions.numel())
    for tap in range(-_TAPS, _TAPS + 1):
        result += piece[:, index + tap] * _sinc(tap - fraction).float()
    return result


def _sinc(distance: torch.Tensor) -> torch.Tensor:
    """Kaiser-windowed sinc at ``distance`` samples from its centre."""
    distance = distance.double()
    inside = (1 - (distance / (_TAPS + 1)).square()).clamp_min(0).sqrt()
    return (
        torch.sinc(distance)
        * torch.special.i0(_KAISER_BETA * inside)
        / torch.special.i0(torch.tensor(_KAISER_BETA, dtype=torch.float64))
    )
