"""Level of new sound against its surroundings: gains measured on context, never on the edit itself."""

import math
from dataclasses import dataclass

import torch

from ..words.remarks import Remark, remark
from .context import Context

# Where the context came back as it was but for its level, that level is known.
MAX_GAIN_DB = 24.0
# Where it came back changed, a level step may be the model's own; beyond this the correction would be a guess.
MAX_UNSURE_GAIN_DB = 6.0
# The coherent share of the context's loudness above which it agrees. A vocoder leaves below 0.2, MP3 at 64 kbit/s
# 0.9; errs toward the smaller correction, which is said.
_AGREES = 0.5
# A level that is off by less is not heard as such.
_HEARD_DB = 1.0
# Next to a seam this much context decides: long enough for a bar of music, short enough to be local.
LEVEL_CONTEXT_SECONDS = 3.0
# Of less than this no spectrum and no mean is formed.
_MIN_CONTEXT_SAMPLES = 256
# −80 dBFS, where nobody says how loud the track is.
SILENCE_RMS = 1e-4
# A side this far below the other is mostly noise floor; the louder side then speaks for both.
_FAINT = 0.03
# A difference this small is no offset: the mean of three seconds of bass.
_MIN_OFFSET = 1e-3
# The mean of a second of music strays; an offset is what all seconds share.
_OFFSET_PIECES = 4
# New sound may be short and strays more; more pieces must share its offset. Errs toward leaving it.
_STRAY_PIECES = 8
# Ten seconds tell a constant as well as a minute does.
_STRAY_PIECE_SAMPLES = 1 << 19


@dataclass(frozen=True)
class Gain:
    """db: to be applied. wanted_db: what the context asks for. agrees: whether it came back much as it was."""

    db: float
    wanted_db: float
    agrees: bool

    def remarks(self) -> tuple[Remark, ...]:
        if abs(self.db - self.wanted_db) < _HEARD_DB:
            return ()
        code = f"level_{'far' if self.agrees else 'unsure'}_{'soft' if self.wanted_db > 0 else 'loud'}"
        return (remark(code, wanted_db=abs(self.wanted_db), applied_db=abs(self.db)),)


NO_GAIN = Gain(0.0, 0.0, True)


def edge_gains(left: Context | None, right: Context | None, silence_rms: float = SILENCE_RMS) -> tuple[Gain, Gain]:
    """Gain at the start and at the end of new sound, from the context on each side; none when none can tell."""
    levels = [_level(side) for side in (left, right)]
    gains = [
        context_gain(side, silence_rms) if side and level >= _FAINT * max(levels) else None
        for side, level in zip((left, right), levels)
    ]
    known = [gain for gain in gains if gain is not None] or [NO_GAIN]
    return gains[0] or known[0], gains[1] or known[-1]


def _level(side: Context | None) -> float:
    """RMS of the kept sound, 0 where it is too short to tell."""
    return _rms(side.centred[0]) if side and side.kept.shape[1] >= _MIN_CONTEXT_SAMPLES else 0.0


def context_gain(context: Context, silence_rms: float = SILENCE_RMS) -> Gain | None:
    """What brings the context as rendered to the loudness of the kept sound.

    Frequencies count as BS.1770 weighs them, and those at which the two agree decide, so that noise and lost treble
    do not count as level. None when either is silent or too short to say.
    """
    kept, rendered = context.centred
    if kept.shape[1] < _MIN_CONTEXT_SAMPLES or _rms(kept) < silence_rms:
        return None
    # A render far below the track may be the track at another level.
    if _rms(rendered) < silence_rms * 10 ** (-MAX_GAIN_DB / 20):
        return None
    xx, yy, xy = context.spectra
    coherence = (xy.abs().square() / (xx * yy).clamp_min(1e-30)).clamp(0, 1)
    xx, yy = context.weights * xx, context.weights * yy
    agrees = float((coherence * xx).sum() / xx.sum().clamp_min(1e-30)) >= _AGREES
    # With the phase lost (a vocoder) nothing is coherent, and with the sides lost (mono) little can be: then all
    # frequencies count alike.
    mono = rendered.shape[0] == 2 and torch.equal(rendered[0], rendered[1])
    weight = torch.ones_like(coherence) if mono else coherence.square() + 0.01
    wanted = 10 * math.log10(float((weight * xx).sum() / (weight * yy).sum().clamp_min(1e-30)))
    most = MAX_GAIN_DB if agrees else MAX_UNSURE_GAIN_DB
    return Gain(max(-most, min(most, wanted)), wanted, agrees)


def offset_of(contexts: list[Context], gains: list[float]) -> torch.Tensor:
    """[C, 1]: the constant offset to add to new sound at its final level, 0 unless the kept sound plainly has one
    that the render lacks (or the other way round)."""
    found = []
    for context, gain_db in zip(contexts, gains):
        size = context.kept.shape[1] // _OFFSET_PIECES
        if size >= _MIN_CONTEXT_SAMPLES:
            rest = (context.kept - context.rendered * 10 ** (gain_db / 20))[:, : size * _OFFSET_PIECES]
            found.append(rest.reshape(len(rest), _OFFSET_PIECES, size).mean(2))
    if not found:
        return torch.zeros(1, 1)
    return _plainly(torch.cat(found, dim=1))


def stray_offset(raw: torch.Tensor, mix: torch.Tensor, contexts: list[Context]) -> torch.Tensor:
    """[C, 1]: the constant offset that new sound has and its context as rendered has not, 0 unless it plainly has one.

    raw [C', n] under ``mix`` [C, C'] is the new sound, at any rate.
    """
    beside = [_plainly(_means(context.rendered)) for context in contexts]
    around = torch.stack(beside).mean(0) if beside else torch.zeros(len(mix), 1)
    return _plainly(mix @ _means(raw) - around)


def _means(sound: torch.Tensor) -> torch.Tensor:
    """[C, n] → [C, pieces]: under Hann windows, in which no tone one hears leaves a mean."""
    apart = sound.shape[1] // _STRAY_PIECES
    if apart < _MIN_CONTEXT_SAMPLES:
        return torch.zeros(sound.shape[0], _STRAY_PIECES)
    size = min(apart, _STRAY_PIECE_SAMPLES)
    window = torch.hann_window(size, dtype=sound.dtype)
    pieces = sound[:, : apart * _STRAY_PIECES].unflatten(1, (_STRAY_PIECES, apart))[..., :size]
    return pieces @ (window / window.sum())


def _plainly(pieces: torch.Tensor) -> torch.Tensor:
    """[C, pieces] → [C, 1]: the mean that all pieces share, 0 where they stray too far to tell."""
    mean, spread = pieces.mean(1, keepdim=True), pieces.std(1, keepdim=True)
    return torch.where((mean.abs() > _MIN_OFFSET) & (mean.abs() > 4 * spread), mean, torch.zeros_like(mean))


def gain_curve(start_db: float, stop_db: float, samples: int) -> torch.Tensor:
    """Factors [samples] going from ``start_db`` to ``stop_db``, straight in dB."""
    if start_db == stop_db:
        return torch.full((samples,), 10 ** (start_db / 20))
    return torch.linspace(start_db / 20, stop_db / 20, samples).mul_(math.log(10)).exp_()


def limit(sound: torch.Tensor, ceiling: float) -> float:
    """Let no sample of ``sound`` go beyond ±max(1, ceiling), in place; samples within are untouched.

    Returns the share of the samples that would have gone beyond.
    """
    bound = max(1.0, ceiling)
    if not sound.numel():
        return 0.0
    beyond = 0
    for row in sound:
        low, high = torch.aminmax(row)
        if float(high) > bound or float(low) < -bound:
            beyond += int((row.abs() > bound).sum())
            row.clamp_(-bound, bound)
    return beyond / sound.numel()


def _rms(piece: torch.Tensor) -> float:
    return float(piece.square().mean().sqrt())
