"""Joining new sound to kept sound without a step, by changing the new sound only.

Where new sound replaces old sound, the old sound lies under it and is faded from. Where the kept sound simply
stops (outpaint, the next chunk of a long range), how it would have gone on is foretold first.
"""

import math

import torch

from .extrapolate import extrapolated


def fade_samples(crossfade_ms: float, sample_rate: int, room: int) -> int:
    """Length of a fade inside ``room`` samples of new sound: the wish, at most a quarter of the room."""
    return min(round(crossfade_ms * sample_rate / 1000), room // 4)


def fade_in(new: torch.Tensor, old: torch.Tensor, fade: int) -> None:
    """Let ``new`` [C, n] begin as ``old`` [C, fade] and be itself after ``fade`` samples. In place.

    The two weights are a raised cosine over the measured correlation, so that the level stays put whether
    the sounds are equal (a linear fade) or unrelated (an equal-power fade).
    """
    if fade > 0:
        new[:, :fade] = _crossfaded(old[:, :fade], new[:, :fade])


def fade_out(new: torch.Tensor, old: torch.Tensor, fade: int) -> None:
    """Let ``new`` [C, n] end as ``old`` [C, fade] does. In place."""
    if fade > 0:
        new[:, -fade:] = _crossfaded(old[:, -fade:].flip(1), new[:, -fade:].flip(1)).flip(1)


def continue_from(new: torch.Tensor, kept: torch.Tensor, rendered: torch.Tensor, fade: int, sample_rate: int) -> None:
    """Let ``new`` [C, n] go on from ``kept`` [C, k], the sound right before it. In place.

    ``rendered`` [C, k] is how the backend rendered that same sound, and ``new`` is what it made follow. How
    ``kept`` would have gone on is foretold from both: as far as ``rendered`` resembles ``kept`` by ``new`` itself,
    the rest by linear prediction; ``new`` is faded in over that. A faithful render is all but untouched, and one
    with phases of its own (a vocoder) does not beat against the source, as it does when the difference between
    ``kept`` and ``rendered`` is mirrored at the joint and faded out.
    """
    if fade > 0 and kept.shape[1] > 0:
        new[:, :fade] = _crossfaded(_foretold(new, kept, rendered, fade, sample_rate), new[:, :fade])


def continue_into(new: torch.Tensor, kept: torch.Tensor, rendered: torch.Tensor, fade: int, sample_rate: int) -> None:
    """The mirror image of ``continue_from``: ``new`` leads into ``kept``, the sound right after it. In place."""
    if fade > 0 and kept.shape[1] > 0:
        back = new[:, -fade:].flip(1)
        new[:, -fade:] = _crossfaded(
            _foretold(back, kept.flip(1), rendered.flip(1), fade, sample_rate), back
        ).flip(1)  # fmt: skip


def _foretold(new, kept, rendered, fade: int, sample_rate: int) -> torch.Tensor:
    near = slice(-fade, None)
    energy = float(rendered[:, near].double().square().sum())
    alike = float((kept[:, near].double() * rendered[:, near]).sum()) / energy if energy > 1e-12 else 0.0
    alike = max(0.0, min(1.0, alike))
    return alike * new[:, :fade] + extrapolated(kept - alike * rendered, fade, sample_rate)


def _rise(samples: int) -> torch.Tensor:
    """Raised cosine from just above 0 to just below 1."""
    position = (torch.arange(samples, dtype=torch.float32) + 0.5) / samples
    return 0.5 - 0.5 * torch.cos(math.pi * position)


def _crossfaded(old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    rise = _rise(old.shape[1])
    fall = 1 - rise
    correlation = _correlation(old, new)
    level = (fall.square() + rise.square() + 2 * rise * fall * correlation).sqrt()
    return (fall / level) * old + (rise / level) * new


def _correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    """Normalised correlation over all channels, clamped to 0…1."""
    a, b = a.double(), b.double()
    energy = math.sqrt(float(a.square().sum()) * float(b.square().sum()))
    return max(0.0, min(1.0, float((a * b).sum()) / energy)) if energy > 1e-20 else 1.0
