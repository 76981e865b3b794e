"""What is heard in music, by analyses that share nothing with the synthesiser. Samples float [2, T] at 48 kHz."""

import numpy as np

RATE = 48_000
PITCH_CLASSES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def level_db(music: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(music, dtype=np.float64)) + 1e-20)


def spectra(music: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Magnitudes [frames, bins] of the mono mix."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(music.mean(0), size // 2), size)[::hop]
    return np.abs(np.fft.rfft(frames * np.hanning(size), axis=1))


def band_db(music: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(music.mean(0))) ** 2
    hz = np.fft.rfftfreq(music.shape[1], 1 / RATE)
    return 10 * np.log10(power[(hz >= low) & (hz < high)].sum() / music.shape[1] ** 2 + 1e-20)


def onsets(music: np.ndarray) -> np.ndarray:
    """Spectral flux, 100 values a second."""
    flux = np.diff(np.log1p(100 * spectra(music, 1024, 480)), axis=0, prepend=0)
    return np.maximum(flux, 0).sum(axis=1)


def pulse(music: np.ndarray, bpm) -> np.ndarray:
    """How strongly the onsets repeat at each tempo."""
    flux = onsets(music)[1:]
    flux = (flux - flux.mean()) * np.hanning(flux.size)
    time = np.arange(1, flux.size + 1) / 100
    return np.abs([np.dot(flux, np.exp(-2j * np.pi * time * tempo / 60)) for tempo in np.atleast_1d(bpm)])


def measured_bpm(music: np.ndarray, expected: float) -> float:
    """The strongest tempo within a quarter of the expected one."""
    tempos = np.arange(expected * 0.75, expected * 1.25, 0.1)
    return float(tempos[pulse(music, tempos).argmax()])


# Krumhansl and Kessler 1982.
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def measured_key(music: np.ndarray) -> str:
    size = 16384
    hz = np.fft.rfftfreq(size, 1 / RATE)
    heard = (hz > 60) & (hz < 2000)
    classes = np.round(69 + 12 * np.log2(hz[heard] / 440)).astype(int) % 12
    chroma = np.bincount(classes, spectra(music, size, size // 2).sum(axis=0)[heard], minlength=12)
    scores = {
        f"{root} {mode}": np.corrcoef(chroma, np.roll(profile, n))[0, 1]
        for mode, profile in PROFILES.items()
        for n, root in enumerate(PITCH_CLASSES)
    }
    return max(scores, key=scores.get)


def bar_accent(music: np.ndarray, bpm: float, beats: int) -> float:
    """How much stronger beats 0, ``beats``, 2·``beats``… start below 120 Hz than the beats between them."""
    samples = round(0.09 * RATE)
    starts = (np.arange(int(music.shape[1] / RATE * bpm / 60) - 4) * 60 / bpm * RATE).astype(int)
    power = np.array([10 ** (band_db(music[:, start : start + samples], 20, 120) / 10) for start in starts])
    on_bars = np.arange(power.size) % beats == 0
    return power[on_bars].mean() / power[~on_bars].mean()
