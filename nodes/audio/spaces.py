"""The coordinate spaces of an edit. Each has a type or a name of its own, so that no number can be taken for another.

- seconds: floats whose names end in ``_seconds`` or ``_ms``; only ``Track`` turns them into samples
- samples of the output track, at the source's own rate: ``Span`` and every position here. Of a track that loops they
  count from where it is opened; ``Ring`` and ``Track.time`` turn them into places on the user's track
- samples of a render, at the backend's rate: never leave ``render.py``, which is asked for track positions
- latent frames: never leave ``backends/local/``
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

# [start, stop) in samples of the output track.
Span = tuple[int, int]


def joined(spans: Iterable[Span], gap: int = 0) -> tuple[Span, ...]:
    """Sorted; what overlaps, or lies less than ``gap`` samples apart, is one."""
    result: list[Span] = []
    for start, stop in sorted(spans):
        if result and start < result[-1][1] + gap:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        else:
            result.append((start, stop))
    return tuple(result)


@dataclass(frozen=True)
class Ring:
    """A track whose end is followed by its start, cut open where no edit is near, so that an edit sees a plain track.

    One that does not loop is opened at 0.

    samples: length of the track. opening: the position of the track at which the opened track begins."""

    samples: int
    opening: int = 0

    @classmethod
    def around(cls, spans: Sequence[Span], samples: int) -> "Ring":
        """Opened in the middle of the longest part that is kept.

        spans: sorted and disjoint on the ring; the last one may cross the track's end, its stop is then beyond it.
        """
        kept = [
            (following[0] + (samples if last else 0) - span[1], span[1])
            for span, following, last in zip(spans, (*spans[1:], spans[0]), (*[False] * (len(spans) - 1), True))
        ]
        size, start = max(kept)
        return cls(samples, (start + size // 2) % samples)

    def opened(self, span: Span) -> Span:
        """A span of the track, as it lies on the opened track."""
        start = (span[0] - self.opening) % self.samples
        return start, start + span[1] - span[0]

    def position(self, position: int, *, is_end: bool = False) -> int:
        """A position of the opened track on the track itself; the track's end, not its start, when it ``is_end``."""
        if not self.opening:
            return position
        place = (position + self.opening) % self.samples
        return self.samples if is_end and place == 0 else place

    def cut(self, waveform: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """[start, stop) of the opened track, out of the track itself [C, T]; copied only where it crosses the end."""
        first = (start + self.opening) % self.samples if self.opening else start
        last = first + stop - start
        if last <= self.samples:
            return waveform[:, first:last]
        return torch.cat((waveform[:, first:], waveform[:, : last - self.samples]), dim=1)

    def open_into(self, row: torch.Tensor, track: torch.Tensor) -> None:
        """Write ``track`` [C, T] into ``row`` [C, T] as the opened track."""
        head = self.samples - self.opening
        row[:, :head] = track[:, self.opening :]
        row[:, head:] = track[:, : self.opening]

    def close(self, rows: torch.Tensor) -> None:
        """Turn opened tracks [N, C, T] back, in place, a channel at a time."""
        if self.opening:
            for track in rows:
                for channel in track:
                    channel.copy_(channel.roll(self.opening))


@dataclass(frozen=True, eq=False)
class Track:
    """The output of an edit while it is made: the source, and the edits written so far.

    waveform: [C, T] or anything that reads and writes like it. sample_rate: Hz, the source's own.
    opening: where on the user's track it begins, when that loops.
    """

    waveform: torch.Tensor
    sample_rate: int
    opening: int = 0

    @property
    def length(self) -> int:
        return self.waveform.shape[1]

    @property
    def channels(self) -> int:
        return self.waveform.shape[0]

    @property
    def joint(self) -> int | None:
        """Where the end of a track that loops meets its start; None when it does not loop."""
        return self.length - self.opening if self.opening else None

    def samples(self, seconds: float) -> int:
        return round(seconds * self.sample_rate)

    def seconds(self, samples: float) -> float:
        return samples / self.sample_rate

    def time(self, position: int, *, is_end: bool = False) -> float:
        """Seconds of a position on the user's track; its end, not its start, when the position ``is_end``."""
        return Ring(self.length, self.opening).position(position, is_end=is_end) / self.sample_rate

    def cut(self, start: int, stop: int) -> torch.Tensor:
        """The samples [start, stop) that exist, [C, n]; a view."""
        return self.waveform[:, max(0, start) : max(0, min(stop, self.length))]
