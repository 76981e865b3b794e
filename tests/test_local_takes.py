"""An edit of a song that was made here, untouched since, begins with the latents it was made of."""

import asyncio
import gc

import pytest
import torch
from acestep_nodes.nodes.request.requests import generate_request, inpaint_request, outpaint_request
from acestep_nodes.nodes.run.rendering import render_generate, render_inpaint, render_outpaint
from local_models import session, tiny
from local_models.session import calls_of

pytest_plugins = ["local_fixtures"]

RATE = 48_000


@pytest.fixture
def takes(comfy_path):
    from acestep_nodes.nodes.backends.local.loading import SHELF

    SHELF.takes.clear()
    yield SHELF.takes
    SHELF.takes.clear()


def song(parts, **changes):
    request = generate_request(duration=12, **parts.shared(planning="off", **{"steps": 2} | changes))
    with torch.inference_mode():
        return asyncio.run(render_generate(request))[0]


def edited(parts, audio, *ranges, **changes):
    """(waveform, times the VAE encoded)."""
    request = inpaint_request(**parts.shared(**{"steps": 2} | changes))
    time_range = tuple((start, "start", end, "start") for start, end in ranges)
    with torch.inference_mode(), calls_of(parts.vae, "encode") as encoded:
        out, _ = asyncio.run(render_inpaint(request, audio, time_range))
    return out["waveform"], len(encoded)


def changed_by_a_hair(audio):
    waveform = audio["waveform"].clone()
    waveform[..., -1] += 1e-7
    return audio | {"waveform": waveform}


# A window that begins on the grid of latent frames, and some that do not.
@pytest.mark.parametrize(("span", "context"), [((5.0, 6.0), 30.0), ((5.013, 6.0), 4.0), ((7.7, 12.0), 3.21)])
def test_an_edit_of_an_untouched_song_encodes_nothing_and_keeps_the_rest(parts, takes, span, context):
    audio = song(parts)
    out, encoded = edited(parts, audio, span, context_seconds=context)
    assert encoded == 0
    rate = audio["sample_rate"]
    a, b = (round(time * rate) for time in span)
    assert torch.equal(out[..., :a], audio["waveform"][..., :a])
    assert torch.equal(out[..., b:], audio["waveform"][..., b:])
    assert (out[..., a:b] != audio["waveform"][..., a:b]).float().mean() > 0.95


def test_a_changed_sample_and_another_vae_are_encoded(v15, takes):
    audio = song(v15)
    assert edited(v15, audio, (5.0, 6.0))[1] == 0
    assert edited(v15, changed_by_a_hair(audio), (5.0, 6.0))[1] > 0
    assert edited(v15, audio | {"sample_rate": 44_100}, (5.0, 6.0))[1] > 0
    other = session.Parts(v15.model, v15.clip, tiny.v15_vae(seed=9))
    assert edited(other, audio, (5.0, 6.0))[1] > 0


def test_the_surroundings_are_what_the_song_was_made_of_and_in_step(v15, takes):
    """Beside the range the window comes back as the song itself, wherever the window begins."""
    from acestep_nodes.nodes.audio.value import Sound
    from acestep_nodes.nodes.backends.interface import Plan
    from acestep_nodes.nodes.backends.local import LocalBackend
    from acestep_nodes.nodes.request.requests import Call

    source = Sound(song(v15)["waveform"][0], RATE)
    assert float(source.waveform.abs().max()) == 1.0  # it was turned down, and so is what comes back
    request = inpaint_request(**v15.shared(steps=2))
    for start, stop in ((0, 12 * RATE), (2 * RATE + 777, 11 * RATE + 5)):
        backend = LocalBackend(request)
        backend.check(Plan((9.0,), sources=(source,), windows=((start, stop),)))
        window = source.cut(start, stop)
        with torch.inference_mode(), calls_of(v15.vae, "encode") as encoded:
            made = asyncio.run(backend.inpaint(window, [(4.0, 5.0)], request.for_call(Call())))
        assert encoded == []
        off = (made.waveform - window.waveform).abs()
        # The decoder reaches 0.4 s beyond a change, and beyond an end of the window.
        for since, until in ((0.7, 3.5), (5.5, 8.2)):
            assert float(off[:, round(since * RATE) : round(until * RATE)].max()) < 1e-4
        assert float(off[:, round(4.2 * RATE) : round(4.8 * RATE)].max()) > 1e-3


def test_an_extension_of_an_untouched_song_encodes_nothing(v15, takes):
    audio = song(v15)
    for source, encodes in ((audio, False), (changed_by_a_hair(audio), True)):
        request = outpaint_request(extend_before_duration=1.0, extend_after_duration=1.5, **v15.shared(steps=2))
        with torch.inference_mode(), calls_of(v15.vae, "encode") as encoded:
            out, _ = asyncio.run(render_outpaint(request, source))
        assert bool(encoded) is encodes
        assert torch.equal(out["waveform"][..., RATE : 13 * RATE], source["waveform"])


def test_every_take_of_a_batch_is_known_and_in_any_order(v15, takes):
    audio = song(v15, batch_size=3)
    turned = audio | {"waveform": audio["waveform"].flip(0)}
    out, encoded = edited(v15, turned, (5.0, 6.0))
    assert encoded == 0 and out.shape[0] == 3
    assert torch.equal(out[..., : 5 * RATE], turned["waveform"][..., : 5 * RATE])


def test_a_loop_and_a_range_in_several_windows_are_edited_as_ever(v15, takes):
    audio = song(v15)
    out, encoded = edited(v15, audio, (11.0, 12.0), loop=True)
    assert encoded > 0 and torch.equal(out[..., : 11 * RATE], audio["waveform"][..., : 11 * RATE])


def test_no_more_is_kept_than_one_run_can_make_and_only_while_its_vae_is_there(takes):
    from acestep_nodes.nodes.backends.local.kept import MOST_TAKES

    class Vae:
        def __init__(self):
            self.first_stage_model = torch.nn.Identity()

    vae, songs = Vae(), [torch.full((2, 100), float(k)) for k in range(MOST_TAKES + 1)]
    for k, waveform in enumerate(songs):
        takes.put(vae, waveform, torch.full((1, 64, 3), float(k)), 0.5)
    assert takes.find(vae, songs[0]) is None
    assert all(takes.find(vae, waveform) is not None for waveform in songs[1:])
    latents, gain = takes.find(vae, songs[5].clone())
    assert (float(latents[0, 0, 0]), gain) == (5.0, 0.5)
    assert takes.find(vae, songs[5][:, :99]) is None and takes.find(Vae(), songs[5]) is None
    other = Vae()
    takes.put(other, songs[0], torch.zeros(1, 64, 3), 1.0)
    assert takes.find(vae, songs[5]) is None and takes.find(other, songs[0]) is not None
    del other
    gc.collect()
    assert not takes._of_vae
