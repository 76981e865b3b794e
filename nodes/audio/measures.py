"""What is heard in a piece of sound, in numbers. What to make of them is decided in ``seams.py``."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

# A quarter of the momentary window, so that windows begin as often as in BS.1770 (75 % overlap).
BLOCK_SECONDS = 0.1
# The momentary loudness window of ITU-R BS.1770.
MOMENTARY_SECONDS = 0.4
# A shorter spectrum would take every note for a change of colour.
SPECTRUM_SECONDS = 1.0
# Of fewer samples no spectrum says anything.
_MIN_BLOCK_SAMPLES = 64
# A range of ten minutes is heard in parts of so many blocks, so that it needs no second place.
_PART_BLOCKS = 64
# Colour is compared where codecs leave music alone, in bands about as wide as a third of an octave.
_MEL_BANDS = 40
_MEL_TOP_HZ = 16_000
# What every instrument has, what makes sound bright, and what bass and bass drum have below all others.
_BODY_HZ = (200.0, 4_000.0)
_TREBLE_HZ = (6_000.0, 16_000.0)
_BASS_HZ = (30.0, 150.0)
# A side signal this far below the mid signal is none: a mono mix with its noise. Errs toward calling narrow mono.
_NO_SIDE = 1e-3
# An empty channel beside a full one: 40 dB, not infinitely many.
_NO_CHANNEL = 1e-4
# Treble further below the body than this is noise of a codec, and bass rumble, not music.
_NO_TREBLE = 1e-6
_NO_BASS = 1e-4


def k_weighting(frequency: torch.Tensor) -> torch.Tensor:
    """Power response of the K-weighting of ITU-R BS.1770-4 (Tables 1 and 2, given there for 48 kHz) at Hz [n]."""
    omega = 2 * math.pi * frequency.double().clamp(max=24_000) / 48_000
    z = torch.polar(torch.ones_like(omega), -omega)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z * z) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z * z
    )
    high_pass = (1 - 2 * z + z * z) / (1 - 1.99004745483398 * z + 0.99007225036621 * z * z)
    return (shelf * high_pass).abs().square()


@dataclass(frozen=True, eq=False)
class Blocks:
    """Powers of consecutive blocks of a sound, about 0.1 s each; its constant offset is left out.

    seconds: length of a block. left, right, both: [n], K-weighted mean squares of the channels and of their product
    (right and both are 0 for mono). bass, body, treble: [n], power in 30–150 Hz, 0.2–4 and 6–16 kHz. bands: [n, bands],
    mean power in bands equally wide on the mel scale (O'Shaughnessy).
    """

    seconds: float
    left: torch.Tensor
    right: torch.Tensor
    both: torch.Tensor
    bass: torch.Tensor
    body: torch.Tensor
    treble: torch.Tensor
    bands: torch.Tensor
    stereo: bool

    def __len__(self) -> int:
        return len(self.left)

    @property
    def loud(self) -> torch.Tensor:
        """[n]: K-weighted power summed over the channels, as BS.1770 sums it."""
        return self.left + self.right

    def count(self, seconds: float) -> int:
        """How many blocks that is, at least one."""
        return max(1, round(seconds / self.seconds))

    def part(self, first: int, last: int) -> "Blocks":
        return self._each(lambda row: row[first:last])

    def first(self, seconds: float) -> "Blocks":
        return self.part(0, self.count(seconds))

    def last(self, seconds: float) -> "Blocks":
        return self.part(max(0, len(self) - self.count(seconds)), len(self))

    def mean(self) -> "Blocks":
        """One block: the mean of all."""
        return self._each(lambda row: row.mean(0, keepdim=True))

    def windows(self, seconds: float) -> "Blocks":
        """The mean of each ``seconds``, beginning at every block."""
        count = self.count(seconds)
        return self._each(lambda row: row.unfold(0, count, 1).mean(-1) if len(row) >= count else row[:0])

    def _each(self, change) -> "Blocks":
        rows = {
            name: change(getattr(self, name)) for name in ("left", "right", "both", "bass", "body", "treble", "bands")
        }
        return replace(self, **rows)


def block_samples(sample_rate: int) -> int:
    """A block of about 0.1 s that the Fourier transform is quick at: 2^a · {1, 3, 5, 9, 15}."""
    wanted = max(_MIN_BLOCK_SAMPLES, round(BLOCK_SECONDS * sample_rate))
    sizes = (odd << max(0, round(math.log2(wanted / odd))) for odd in (1, 3, 5, 9, 15))
    return min(sizes, key=lambda size: abs(size - wanted))


def blocks_of(piece: torch.Tensor, sample_rate: int, *, from_end: bool = False) -> Blocks:
    """piece [C, n] → its whole blocks, counted from its start, or from its end.

    A piece shorter than a block is one block; of less than 64 samples there is none.
    """
    if piece.shape[1] < _MIN_BLOCK_SAMPLES:
        return blocks_of(torch.zeros(len(piece), _MIN_BLOCK_SAMPLES), sample_rate).part(0, 0)
    size = min(block_samples(sample_rate), piece.shape[1])
    count = piece.shape[1] // size
    skipped = piece.shape[1] - count * size if from_end else 0
    piece = piece[:, skipped : skipped + count * size]
    weights, matrix = _weights(size, sample_rate), _band_matrix(size, sample_rate)
    found = [_powers(spectrum, weights, matrix) for spectrum in _spectra(piece, size)]
    left, right, both, bands = (torch.cat(parts) for parts in zip(*found))
    bass, body, treble = bands[:, _MEL_BANDS:].unbind(1)
    mel = bands[:, :_MEL_BANDS]
    return Blocks(size / sample_rate, left, right, both, bass, body, treble, mel, len(piece) == 2)


# Blocks of few sizes are heard again and again, and nothing changes these.
@functools.lru_cache(maxsize=8)
def _weights(size: int, sample_rate: int) -> torch.Tensor:
    """[2 · bins]: by what the squares of ``_spectra`` count for the K-weighted mean square of a block."""
    return (2 * k_weighting(_frequencies(size, sample_rate)) / size**2).float().repeat_interleave(2)


def _frequencies(size: int, sample_rate: int) -> torch.Tensor:
    """Hz of each bin of a block."""
    return torch.arange(size // 2 + 1, dtype=torch.float64) * sample_rate / size


def _spectra(piece: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Spectra of ``piece`` [C, blocks · size] without its constant offset, some blocks at a time.

    [C, blocks, 2 · bins]: real and imaginary parts in turn, which is twice as quick to square as complex numbers.
    """
    offset = piece.mean(1, keepdim=True)
    for part in piece.split(_PART_BLOCKS * size, 1):
        spectrum = torch.fft.rfft(part.unflatten(1, (-1, size)), dim=2)
        spectrum[..., 0] -= size * offset
        yield torch.view_as_real(spectrum).flatten(2)


def _powers(spectrum: torch.Tensor, weights: torch.Tensor, matrix: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """(left, right, both, bands) of blocks, from their ``_spectra``."""
    left, *others = spectrum.square() @ weights
    right = both = torch.zeros_like(left)
    if others:
        right, both = others[0], (spectrum[0] * spectrum[1]) @ weights
    # A Hann window, applied where it is a sum of three neighbours; the first bin has only one.
    last = 2 * len(matrix)
    smooth = (spectrum[..., :last] + spectrum[..., 4 : 4 + last]).mul_(-0.5).add_(spectrum[..., 2 : 2 + last])
    smooth = smooth.square_().sum(0)
    return left, right, both, (smooth[:, ::2] + smooth[:, 1::2]) @ matrix


@functools.lru_cache(maxsize=8)
def _band_matrix(size: int, sample_rate: int) -> torch.Tensor:
    """[bins, bands + 3] from the second bin to the last that counts: the mean over each mel band, then the sums over
    bass, body and treble."""
    frequency = _frequencies(size, sample_rate)
    top = 2595 * math.log10(1 + min(_MEL_TOP_HZ, 0.45 * sample_rate) / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, _MEL_BANDS + 1, dtype=torch.float64) / 2595) - 1)
    # Where the bins are wider than the bands, neighbouring bands share one.
    bins = (edges / (sample_rate / size)).round().long().clamp(max=len(frequency) - 1).tolist()
    matrix = torch.zeros(len(frequency), _MEL_BANDS + 3)
    for column, (a, b) in enumerate(zip(bins, bins[1:])):
        b = max(b, a + 1)
        matrix[a:b, column] = 1 / (b - a)
    for column, (low, high) in ((-3, _BASS_HZ), (-2, _BODY_HZ), (-1, _TREBLE_HZ)):
        matrix[:, column] = ((frequency >= low) & (frequency < high)).float()
    counts = int(matrix.any(1).nonzero()[-1]) + 1
    return matrix[1 : min(counts, len(matrix) - 1)] / size**2


def loudness_db(blocks: Blocks) -> torch.Tensor:
    """[n]: LUFS of each block by BS.1770, without gating: quiet passages count as they are."""
    return _lufs(blocks.loud)


def width_db(blocks: Blocks) -> torch.Tensor:
    """[n]: power of left − right over that of left + right, within ±30 dB."""
    mid, side = blocks.loud + 2 * blocks.both, blocks.loud - 2 * blocks.both
    mid, side = mid.clamp_min(0), side.clamp_min(0)
    return _db(side + _NO_SIDE * mid) - _db(mid + _NO_SIDE * side)


def balance_db(blocks: Blocks) -> torch.Tensor:
    """[n]: power of left over that of right, within ±40 dB."""
    left, right = blocks.left, blocks.right
    return _db(left + _NO_CHANNEL * right) - _db(right + _NO_CHANNEL * left)


def treble_db(blocks: Blocks) -> torch.Tensor:
    """[n]: power in 6–16 kHz over that in 0.2–4 kHz, no less than −60 dB."""
    return _db(blocks.treble + _NO_TREBLE * blocks.body) - _db(blocks.body)


def bass_db(blocks: Blocks) -> torch.Tensor:
    """[n]: power in 30–150 Hz over that in 0.2–4 kHz, no less than −40 dB."""
    return _db(blocks.bass + _NO_BASS * blocks.body) - _db(blocks.body)


@dataclass(frozen=True, eq=False)
class Heard:
    """One side of a joint. Each number is None where the sound is too short or too soft to tell.

    level_db: of the 0.4 s nearest the joint. loudness_db: of all of it. width_db: side over mid. balance_db: left
    over right. treble_db, bass_db: 6–16 kHz and 30–150 Hz over 0.2–4 kHz. spectrum: dB in mel
    bands of the second nearest the joint.
    """

    level_db: float | None = None
    loudness_db: float | None = None
    width_db: float | None = None
    balance_db: float | None = None
    treble_db: float | None = None
    bass_db: float | None = None
    spectrum: torch.Tensor | None = None


def heard(blocks: Blocks, silence_power: float, *, joint_last: bool) -> Heard:
    """What is heard in ``blocks``, whose last (else first) one lies at the joint.

    Softer than ``silence_power`` is silence.
    """
    whole = blocks.mean()
    if not len(blocks) or float(whole.loud) < silence_power:
        return Heard()
    near = blocks.last if joint_last else blocks.first
    momentary, second = near(MOMENTARY_SECONDS).mean(), near(SPECTRUM_SECONDS).mean()
    return Heard(
        float(loudness_db(momentary)) if float(momentary.loud) >= silence_power else None,
        float(loudness_db(whole)),
        float(width_db(whole)) if blocks.stereo else None,
        float(balance_db(whole)) if blocks.stereo else None,
        float(treble_db(whole)) if float(whole.body) > 1e-20 else None,
        float(bass_db(whole)) if float(whole.body) > 1e-20 else None,
        log_spectrum(second.bands[0]) if float(second.loud) >= silence_power else None,
    )


def log_spectrum(power: torch.Tensor) -> torch.Tensor:
    """dB, no more than 60 below the loudest band, which would not be heard beside it."""
    return 10 * torch.log10(power + power.amax(-1, keepdim=True) * 1e-6 + 1e-20)


def _lufs(power: torch.Tensor) -> torch.Tensor:
    return -0.691 + _db(power)


def _db(power: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(power + 1e-30)
