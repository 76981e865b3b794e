"""The AUDIO value: what is accepted, what is refused, and that nothing is copied or changed on the way."""

from collections.abc import Mapping

import pytest
import torch
from acestep_nodes.nodes.audio.value import Sound, audio_from_batch, audio_from_sounds, sounds_from_audio
from acestep_nodes.nodes.errors import InputError


def audio(waveform, rate=44100):
    return {"waveform": waveform, "sample_rate": rate}


class LazyAudio(Mapping):
    """Loads on first use by key and is no dict, like the ones video packs hand out."""

    def __init__(self, value):
        self._value = value

    def __getitem__(self, key):
        return self._value[key]

    def __iter__(self):
        return iter(self._value)

    def __len__(self):
        return len(self._value)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_floating_sound_is_accepted(channels, batch, dtype):
    wave = (torch.rand(batch, channels, 100) * 2 - 1).to(dtype)
    sounds = sounds_from_audio(audio(wave, 22050), "N")
    assert [s.waveform.shape for s in sounds] == [(channels, 100)] * batch
    assert all(s.waveform.dtype == torch.float32 and s.sample_rate == 22050 for s in sounds)
    assert torch.equal(torch.stack([s.waveform for s in sounds]), wave.to(torch.float32))


def test_float32_sound_is_not_copied():
    wave = torch.rand(1, 2, 50)
    assert sounds_from_audio(audio(wave), "N")[0].waveform.data_ptr() == wave.data_ptr()


def test_lazy_mapping_and_gradients():
    wave = torch.rand(1, 1, 50, requires_grad=True)
    (sound,) = sounds_from_audio(LazyAudio(audio(wave)), "N")
    assert not sound.waveform.requires_grad


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "N: audio is empty"),
        ("song.mp3", "not AUDIO"),
        ({}, "not AUDIO"),
        (audio(torch.zeros(1, 2, 0)), "no samples"),
        (audio(torch.zeros(0, 2, 10)), "no samples"),
        (audio(torch.zeros(1, 0, 10)), "0 channels"),
        (audio(torch.zeros(1, 3, 10)), "3 channels; 1 (mono) or 2 (stereo)"),
        (audio(torch.zeros(1, 6, 10)), "6 channels"),
        (audio(torch.zeros(2, 10)), "shape (2, 10)"),
        (audio([0.0]), "shape list"),
        (audio(torch.zeros(1, 1, 10, dtype=torch.int16)), "torch.int16"),
        (audio(torch.zeros(1, 1, 10), 0), "sample_rate 0 Hz"),
        (audio(torch.zeros(1, 1, 10), None), "sample_rate None"),
        (audio(torch.zeros(1, 1, 10), 44100.5), "sample_rate 44100.5"),
        (audio(torch.zeros(1, 1, 10), float("nan")), "sample_rate nan"),
        (audio(torch.zeros(1, 1, 10), float("inf")), "sample_rate inf"),
        (audio(torch.zeros(1, 1, 10), 10**400), "1000 to 768000 Hz"),
        (audio(torch.zeros(1, 1, 10), 10**5000), "a number of thousands of digits"),
        (audio(torch.zeros(1, 1, 10), True), "sample_rate True"),
    ],
)
def test_the_rest_is_refused_with_a_sentence(value, words):
    with pytest.raises(InputError) as caught:
        sounds_from_audio(value, "N")
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 4_194_304, 4_999_999])
def test_a_sample_that_is_no_number_is_found_and_located(bad, place):
    wave = torch.zeros(1, 2, 5_000_000)
    wave[0, 1, place] = bad
    with pytest.raises(InputError, match=f"at {place / 44100:.3f} s"):
        sounds_from_audio(audio(wave), "N")


def test_audio_comes_back_as_comfyui_expects_it():
    stereo = torch.rand(2, 2, 30).transpose(0, 1)
    value = audio_from_batch(stereo, 48000)
    assert value["waveform"].is_contiguous() and value["waveform"].dtype == torch.float32
    assert value["sample_rate"] == 48000
    both = audio_from_sounds([Sound(torch.zeros(1, 5), 8000), Sound(torch.ones(1, 5), 8000)])
    assert both["waveform"].tolist() == [[[0.0] * 5], [[1.0] * 5]]
