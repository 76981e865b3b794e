"""Songs, edits and extensions on ComfyUI's real engine with small models of its real classes."""

import gc
import weakref

import pytest
import torch
from acestep_nodes.nodes.backends.local import installed
from acestep_nodes.nodes.backends.local.correction import Correction
from acestep_nodes.nodes.backends.local.recipe import recipe_for
from acestep_nodes.nodes.request.progress import Progress
from acestep_nodes.nodes.request.requests import generate_request
from local_models import templates
from local_models.session import calls_of, generate, inpaint, outpaint, replaced, sound, steps_for

pytest_plugins = ["local_fixtures"]


def test_a_song_with_comfyuis_recipe_is_bit_for_bit_what_comfyuis_own_graph_makes(v15):
    made, warnings = generate(v15, duration=30, tags=templates.TAGS, lyrics=templates.VERSE, recipe="comfyui")
    with torch.inference_mode():
        latents = templates.v15_latents(v15, "turbo", seed=5, duration=30)
        native = v15.vae.decode(latents).movedim(-1, 1)[0]
    assert made.sample_rate == 48_000 and not warnings
    assert torch.equal(made.waveform, native)


def test_what_comfyuis_recipe_tells_the_model_of_itself_is_said(v15):
    _, warnings = generate(v15, duration=5, tags="lo-fi, 90 BPM", recipe="comfyui", steps=1)
    assert [warning for warning in warnings if "E minor, 4/4, as in ComfyUI's templates" in warning]
    assert not any("120 BPM" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("variant", "name", "planned", "steps", "correction"),
    [
        ("turbo", "upstream", True, 8, Correction(0.02, 0.06)),
        ("turbo", "upstream", False, 8, Correction(0.05, 0.02)),
        ("xl_turbo", "upstream", False, 8, Correction(0.05, 0.02)),
        ("base", "upstream", True, 32, None),
        ("xl_base", "upstream", True, 32, None),
        ("sft", "upstream", True, 50, None),
        ("turbo", "comfyui", True, 8, None),
        ("base", "comfyui", True, 50, None),
        ("xl_sft", "comfyui", True, 50, None),
    ],
)
def test_each_model_has_its_recipe(v15, variant, name, planned, steps, correction):
    request = generate_request(duration=5, **v15.shared(variant=variant, recipe=name))
    found = recipe_for(installed.choose(request), request, planned=planned)
    assert (found.steps, found.correction, found.template) == (steps, correction, name == "comfyui")
    own = generate_request(duration=5, **v15.shared(variant=variant, recipe=name, steps=3))
    assert recipe_for(installed.choose(own), own).steps == 3


@pytest.mark.parametrize("kind", ["song", "edit"])
def test_a_turbo_run_is_corrected_as_its_recipe_says(v15, kind):
    from acestep_nodes.nodes.backends.local import sampling  # needs ComfyUI's engine

    with calls_of(sampling, "corrected") as calls:
        if kind == "song":
            generate(v15, duration=5)
        else:
            inpaint(v15, sound(6.0), (2.0, 4.0))
        assert len(calls) == 8
        expected = Correction(0.02, 0.06) if kind == "song" else Correction(0.05, 0.02)
        assert {call[3] for call in calls} == {expected}
        inpaint(v15, sound(6.0), (2.0, 4.0), recipe="comfyui")
        assert len(calls) == 8


@pytest.mark.parametrize("duration", [5, 7])
def test_songs_are_as_long_as_asked(parts, duration):
    made, _ = generate(parts, duration=duration, **steps_for(parts))
    assert made.waveform.shape == (2, duration * made.sample_rate)
    assert made.waveform.dtype == torch.float32 and made.waveform.device.type == "cpu"
    assert bool(made.waveform.isfinite().all()) and made.waveform.std() > 1e-4


def _made(parts, kind, window, **options):
    if kind == "song":
        return generate(parts, duration=5, **options)[0]
    if kind == "inpaint":
        return inpaint(parts, window, (2.0, 4.0), **options)[0]
    return outpaint(parts, window, 0.5, 1.0, **options)[0]


@pytest.mark.parametrize("kind", ["song", "inpaint", "outpaint"])
def test_same_seed_same_samples_and_other_seed_others(parts, kind):
    window = sound(6.0)

    def make(seed):
        return _made(parts, kind, window, **{**steps_for(parts), "seed": seed}).waveform

    torch.manual_seed(3)
    first = make(5)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), drawn)  # nobody else's random numbers were touched
    torch.manual_seed(99)
    assert torch.equal(make(5), first)
    assert not torch.equal(make(6), first)


@pytest.mark.parametrize("kind", ["song", "inpaint", "outpaint"])
def test_nothing_keeps_the_sounds_of_a_run_that_has_ended(v15, kind):
    window = sound(6.0)
    made = _made(v15, kind, window, **steps_for(v15))
    sounds = [weakref.ref(each.waveform) for each in (window, made)]
    del window, made
    gc.collect()
    assert [sound() for sound in sounds] == [None, None]


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 1), (22_050, 2), (96_000, 1)])
def test_an_inpainted_window_is_in_step_with_the_source(v15, rate, channels):
    from acestep_nodes.nodes.audio.resample import resample, with_channels

    window = sound(24.0, rate, channels)
    made, _ = inpaint(v15, window, (12.0, 14.0))
    expected = with_channels(resample(window.waveform, rate, 48_000), 2)
    assert made.waveform.shape == expected.shape
    # Beyond 4 s (and a frame) beside the range it is the source itself; next to it, the VAE's version of it.
    far = round(7.95 * 48_000)
    assert torch.equal(made.waveform[:, :far], expected[:, :far])
    assert torch.equal(made.waveform[:, round(18.05 * 48_000) :], expected[:, round(18.05 * 48_000) :])
    assert not torch.equal(made.waveform[:, far:-far], expected[:, far:-far])


def test_the_sound_around_a_range_is_the_source_as_the_vae_gives_it_back(parts):
    from acestep_nodes.nodes.audio.resample import resample
    from acestep_nodes.nodes.backends.local import vae_chunks
    from acestep_nodes.nodes.backends.local.family import family_of_model

    family = family_of_model(parts.model, "N")
    window = sound(20.0, family.sample_rate)
    made, _ = inpaint(parts, window, (9.0, 11.0), **steps_for(parts))
    with torch.inference_mode():
        waveform = resample(window.waveform, window.sample_rate, family.sample_rate)
        latents = vae_chunks.encode(parts.vae, family, waveform, 0, Progress())
        back = vae_chunks.decode(parts.vae, family, latents, 0, latents.shape[-1], Progress())
    # v1's vocoder reaches 0.85 s into the surroundings of a change, 1.5's decoder 0.4 s.
    a, b = round(5.5 * family.sample_rate), round(8.0 * family.sample_rate)
    inside = slice(round(9.3 * family.sample_rate), round(10.7 * family.sample_rate))
    far = (made.waveform - back[:, : made.samples]).abs()
    # A change reaches every frame through v1's global attention, the more with random weights; in 1.5 it
    # reaches 10 frames, and what is left is rounding.
    limit = 0.3 if family.version == "ace-step" else 1e-3
    assert far[:, a:b].square().mean().sqrt() < limit * far[:, inside].square().mean().sqrt()


def test_several_ranges_in_one_window(v15):
    window = sound(40.0, 48_000)
    made, _ = inpaint(v15, window, (8.0, 10.0), (28.0, 28.05), (39.0, 40.0))
    changed = (made.waveform - window.waveform).abs().amax(0) > 0
    assert not changed[: round(3.9 * 48_000)].any()
    assert not changed[round(15 * 48_000) : round(23 * 48_000)].any()
    assert changed[round(39.2 * 48_000) :].float().mean() > 0.9


def test_strength_zero_changes_nothing_and_says_so(parts):
    window = sound(12.0, 48_000 if parts.vae.downscale_ratio == 1920 else 44_100)
    made, warnings = inpaint(parts, window, (5.0, 6.0), strength=0.0, **steps_for(parts))
    assert torch.equal(made.waveform, window.waveform)
    assert any("nothing changed" in warning for warning in warnings)


def test_less_strength_stays_closer_to_the_source(v15):
    from acestep_nodes.nodes.backends.local import conditioning
    from acestep_nodes.nodes.backends.local import v15 as pipeline
    from acestep_nodes.nodes.backends.local.recipe import TURBO

    source = torch.randn(1, 64, 150, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        positive = conditioning.encode_v15_repaint(v15.clip, conditioning.Prompt("lo-fi", "[Inst]", "en", 6.0), print)
        distances = [
            (
                pipeline.repaint(
                    v15.model,
                    positive,
                    positive,
                    source=source,
                    spans=[(40, 90)],
                    recipe=TURBO,
                    strength=strength,
                    seed=1,
                    progress=Progress(),
                )
                - source
            )[..., 40:90].norm()
            for strength in (0.0, 0.25, 0.6, 1.0)
        ]
    assert distances[0] == 0
    assert distances == sorted(distances)


def test_what_is_made_in_a_range_does_not_depend_on_which_take_or_part_comes_first(v15):
    from acestep_nodes.nodes.backends.interface import Plan
    from acestep_nodes.nodes.backends.local import LocalBackend
    from acestep_nodes.nodes.request.requests import Call, inpaint_request

    request = inpaint_request(**v15.shared(batch_size=3))
    window = sound(14.0)
    backend = LocalBackend(request)
    backend.check(Plan((14.0,), takes=3))
    with torch.inference_mode(), calls_of(v15.vae, "encode") as encoded:
        takes = [_finish(backend.inpaint(window, [(5.0, 7.0)], request.for_call(Call(take=k)))) for k in (2, 0, 1)]
    pieces = len(encoded)
    assert pieces == 2  # 14 s of source are two pieces, encoded once for all takes
    for k, take in zip((2, 0, 1), takes):
        alone, _ = inpaint(v15, window, (5.0, 7.0), seed=5 + k)
        assert torch.equal(take.waveform, alone.waveform)


def _finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    raise AssertionError("the local backend never waits")


@pytest.mark.parametrize(("before", "after"), [(0.0, 3.3), (2.7, 0.0), (1.0, 2.0)])
def test_an_outpaint_puts_new_sound_around_the_source(parts, before, after):
    window = sound(11.03)
    made, _ = outpaint(parts, window, before, after, **steps_for(parts))
    from acestep_nodes.nodes.audio.resample import resample

    rate = made.sample_rate
    source = resample(window.waveform, window.sample_rate, rate)
    start = round(before * rate)
    assert made.samples == start + source.shape[1] + round(after * rate)
    middle = slice(start + 5 * rate, start + 6 * rate)
    assert torch.equal(made.waveform[:, middle], source[:, middle.start - start : middle.stop - start])
    for new in (made.waveform[:, :start], made.waveform[:, start + source.shape[1] :]):
        assert new.numel() == 0 or new.std() > 1e-4


def test_an_outpaint_beyond_the_network_is_made_in_passes_and_encoded_once(v1):
    window = sound(20.0)

    def quickly(_original):
        return lambda latents: torch.zeros(1, latents.shape[-1] * 4096, 2)

    with (
        calls_of(v1.vae, "encode") as encoded,
        calls_of(v1.network, "forward") as called,
        replaced(v1.vae, "decode", quickly),
    ):
        made, _ = outpaint(v1, window, 0.0, 230.0, steps=2, guidance=1.0)
    assert made.samples == 250 * 44_100
    assert len(encoded) == 1
    lengths = [args[0].shape[-1] for args in called]
    assert len(lengths) == 4 and max(lengths) <= 240 * 44_100 // 4096


def test_a_source_shorter_than_the_networks_least_is_filled_up(v15):
    made, _ = inpaint(v15, sound(1.0, 48_000), (0.2, 0.6))
    assert made.samples == 48_000
    longer, _ = outpaint(v15, sound(0.03, 48_000), 0.5, 0.5)
    assert longer.samples == round(1.03 * 48_000)


def test_parts_of_one_edit_do_not_repeat_each_other(v15):
    from acestep_nodes.nodes.backends.interface import Plan
    from acestep_nodes.nodes.backends.local import LocalBackend
    from acestep_nodes.nodes.request.requests import Call, inpaint_request

    request = inpaint_request(**v15.shared(steps=1))
    window, backend = sound(2.0), LocalBackend(request)
    backend.check(Plan((2.0, 2.0)))
    with torch.inference_mode():
        first, second, again = (
            _finish(backend.inpaint(window, [(0.5, 1.0)], request.for_call(Call(part=part)))) for part in (0, 1, 0)
        )
    assert torch.equal(first.waveform, again.waveform)
    assert not torch.equal(first.waveform, second.waveform)


def test_no_more_is_decoded_than_there_is_sound(v15):
    with calls_of(v15.vae, "decode") as decoded:
        inpaint(v15, sound(1.0, 48_000), (0.2, 0.6), steps=1)
    ((latents,),) = decoded
    assert latents.shape[-1] == 25 + 16  # the network's least is 128
