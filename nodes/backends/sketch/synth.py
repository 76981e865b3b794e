"""Instruments of sines and noise that play into one stereo buffer, and the room round them."""

import math
from collections.abc import Iterable

import numpy as np

from ..interface import Seconds
from .instruments import DRUMS, TIMBRES
from .score import Note
from .singing import FORMANTS_HZ

RATE_HZ = 48_000


class Synth:
    """Plays notes into one stereo buffer [2, samples]. Each different note is made once."""

    TABLE_BITS = 13

    def __init__(self, samples: int, bright_hz: float):
        self.mix = np.zeros((2, samples), np.float32)
        self.bright_hz = bright_hz
        self._made: dict[tuple, np.ndarray] = {}

    def play(self, voice: str, notes: Iterable[Note]) -> None:
        for note in notes:
            key = (voice, note.midi, note.vowel, 0 if voice in DRUMS else round(note.seconds * RATE_HZ))
            if key not in self._made:
                self._made[key] = self._drum(voice) if voice in DRUMS else self._tone(*key)
            sound, start = self._made[key], round(note.start * RATE_HZ)
            place = self.mix[:, start : start + sound.shape[1]]
            place += sound[:, : place.shape[1]] * np.float32(note.gain)

    def _tone(self, voice: str, midi: int, vowel: str, held: int) -> np.ndarray:
        timbre, hz = TIMBRES[voice], 440.0 * 2 ** ((midi - 69) / 12)
        time = np.arange(held + round(timbre.release * RATE_HZ), dtype=np.float32) / np.float32(RATE_HZ)
        dying = np.exp(time / np.float32(-timbre.decay))
        envelope = (timbre.sustain + (1 - timbre.sustain) * dying) * np.minimum(time / np.float32(timbre.attack), 1)
        envelope[held:] *= np.linspace(1, 0, time.size - held, dtype=np.float32) ** 2
        body = self._wave(hz, timbre.rolloff, vowel)
        # What is struck or plucked starts bright and darkens.
        struck = timbre.sustain <= 0.5
        edge = self._wave(hz, timbre.rolloff - 0.6, vowel) if struck else body
        bright = 0.5 * dying * dying * dying
        swing = 0
        if timbre.role == "lead":  # vibrato of 10 cents that comes after the attack
            swing = np.minimum(time / np.float32(0.4), 1) * (1 - np.cos(time * np.float32(2 * np.pi * 5.3)))
            swing = (swing * np.float32(hz * (2 ** (10 / 1200) - 1) / (2 * np.pi * 5.3) * 2**40)).astype(np.int64)

        def voice_at(cents: float) -> np.ndarray:
            # Whole numbers count the phase, so that pitch never drifts.
            phase = np.arange(time.size, dtype=np.int64) * round(hz * 2 ** (cents / 1200) / RATE_HZ * 2**40) + swing
            phase = (phase >> (40 - self.TABLE_BITS)) & (2**self.TABLE_BITS - 1)
            return body[phase] + edge[phase] * bright if struck else body[phase]

        # Both channels share a voice in tune, so that the mix to mono does not beat.
        sound = np.stack([voice_at(0)] * 2)
        if timbre.cents:
            sound += 0.7 * np.stack([voice_at(-timbre.cents), voice_at(timbre.cents)])
            sound *= np.float32(0.82)
        return sound * envelope * _panned(timbre.pan, timbre.gain)

    def _wave(self, hz: float, rolloff: float, vowel: str) -> np.ndarray:
        """One period of unit power, with nothing above 14 kHz and little above ``bright_hz``."""
        size = 2**self.TABLE_BITS
        k = np.arange(1, max(1, min(int(14_000 / hz), 128)) + 1)
        amplitude = k**-rolloff / (1 + (k * hz / self.bright_hz) ** 4)
        if vowel:
            formants = zip((*FORMANTS_HZ[vowel], 2700), (1.0, 0.5, 0.15))
            amplitude *= 0.03 + sum(w / (1 + ((k * hz - f) / (60 + f / 16)) ** 2) for f, w in formants)
        spectrum = np.zeros(size // 2 + 1, complex)
        spectrum[k] = -1j * size * amplitude / np.sqrt(2 * np.sum(amplitude**2))
        return np.fft.irfft(spectrum, size).astype(np.float32)

    def _drum(self, name: str) -> np.ndarray:
        drum = DRUMS[name]
        # Rounded, or it may have a length that the Fourier transform is slow at.
        time = np.arange(round(drum.decay * 7 * RATE_HZ)) / RATE_HZ
        envelope = np.exp(-time / drum.decay) * np.minimum(time / 0.001, 1) * np.minimum((time[-1] - time) / 0.02, 1)
        if name == "kick":  # a sine that falls from 158 to 48 Hz
            sound = np.sin(2 * np.pi * (48 * time + 3.3 * (1 - np.exp(-time / 0.03))))
        else:
            noise = np.random.Generator(np.random.PCG64(len(name))).uniform(-1, 1, time.size)
            hz = np.fft.rfftfreq(time.size, 1 / RATE_HZ)
            low, high, dark = ((hz / edge) ** 4 for edge in (drum.low_hz, drum.high_hz, 2 * self.bright_hz))
            band = np.fft.rfft(noise) * low / (1 + low) / (1 + high)
            sound = np.fft.irfft(band / (1 + dark), time.size) * 0.4 / np.fft.irfft(band, time.size).std()
        if name == "snare":
            sound += 0.6 * np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.05)
        return (sound * envelope).astype(np.float32) * _panned(drum.pan, drum.gain)

    def add_room(self, seconds: Seconds = 1.1, amount: float = 0.22) -> None:
        """A dark room round what has been played so far: decaying noise at 8 kHz, convolved block by block."""
        step, block = 6, 1 << 13
        length = -(-self.mix.shape[1] // (step * block)) * block
        send = np.zeros(length * step, np.float32)
        np.add(*self.mix, out=send[: self.mix.shape[1]])
        spectrum = np.fft.rfft(send.reshape(-1, step).sum(axis=1).reshape(-1, block), 2 * block)
        time = np.arange(block) * step / RATE_HZ
        dice = np.random.Generator(np.random.PCG64(1))
        for channel in self.mix:
            response = dice.uniform(-1, 1, block) * np.exp(-6.9 * time / seconds) * np.minimum(time / 0.02, 1)
            response *= amount / step / np.sqrt(np.sum(response**2))
            blocks = np.fft.irfft(spectrum * np.fft.rfft(response, 2 * block), 2 * block)
            wet = np.zeros(length + block + 1, np.float32)
            wet[:length] = blocks[:, :block].ravel()
            wet[block : length + block] += blocks[:, block:].ravel()
            for i in range(step):  # linear interpolation back to the full rate
                dry = channel[i::step]
                dry += wet[: dry.size] * (1 - i / step) + wet[1 : dry.size + 1] * (i / step)


def _panned(pan: float, gain: float) -> np.ndarray:
    """Gains [2, 1] of equal power."""
    angle = (pan + 1) * math.pi / 4
    return np.array([[math.cos(angle)], [math.sin(angle)]], np.float32) * np.float32(gain * math.sqrt(2))
