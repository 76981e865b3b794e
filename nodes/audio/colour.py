"""What became of the colour of sound that should have come back as it was: bands that were lost, or that were added."""

import math
from dataclasses import dataclass

import torch

from ..words.remarks import Remark, directed
from .context import Context

# An octave each, which no codec and no vocoder moves as a whole; above, codecs throw away what few can hear.
_EDGES_HZ = (30, 60, 125, 250, 500, 1_000, 2_000, 4_000, 8_000, 12_000)
# A band 40 dB below all of the sound is hidden by it; errs toward hearing nothing of soft hiss.
_HIDDEN = 1e-4
# Of 3 s that came back through MP3 at 128 and 64 kbit/s or with other phases, no band was off by more than 7 dB (music
# real and made by rule); bass, treble or all but the middle of it taken away was 12 to 38 dB.
_OFF_DB = 8.0
# Less than this is a note or two, of which a codec may move a band.
_MIN_SECONDS = 0.5


@dataclass(frozen=True)
class Recoloured:
    """The band [low_hz, high_hz) that came back ``db`` louder (softer when negative) against the rest of the sound."""

    low_hz: int
    high_hz: int
    db: float

    def remark(self) -> Remark:
        return directed("context_more", "context_less", self.db, low=self.low_hz, high=self.high_hz)


def recoloured(context: Context) -> Recoloured | None:
    """The band of the context as rendered, at any level, that is furthest off what it is in the kept sound.

    None where no band is off by more than codecs do, and where there is too little sound to tell.
    """
    if context.kept.shape[1] < _MIN_SECONDS * context.sample_rate:
        return None
    xx, yy, _ = context.spectra
    frequency, heard = context.frequency, context.weights
    shares = []
    for power in (xx * heard, yy * heard):
        bands = [power[(frequency >= low) & (frequency < high)].sum() for low, high in zip(_EDGES_HZ, _EDGES_HZ[1:])]
        bands = torch.stack(bands)
        if float(bands.sum()) <= 0:
            return None
        shares.append(bands / bands.sum() + _HIDDEN)
    off = 10 * torch.log10(shares[1] / shares[0])
    worst = int(off.abs().argmax())
    if not math.isfinite(float(off[worst])) or abs(float(off[worst])) < _OFF_DB:
        return None
    return Recoloured(_EDGES_HZ[worst], _EDGES_HZ[worst + 1], float(off[worst]))
