"""The local backend on ComfyUI's real engine with small models of its real classes."""

import copy
import gc

import pytest
import torch
from acestep_nodes.nodes.errors import InputError, RenderError
from acestep_nodes.nodes.progress import Progress
from local_models.session import Parts, calls_of, generate, inpaint, outpaint, replaced, sound


@pytest.fixture(scope="module")
def v15(comfy_path):
    from local_models import tiny

    return Parts(tiny.v15_model(), tiny.v15_clip(), tiny.v15_vae())


@pytest.fixture(scope="module")
def v1(comfy_path):
    from local_models import tiny

    return Parts(tiny.v1_model(), tiny.v1_clip(), tiny.v1_vae())


@pytest.fixture(params=["v15", "v1"])
def parts(request):
    return request.getfixturevalue(request.param)


def steps_for(parts) -> dict:
    """Few steps for v1, whose recipe has 60; turbo's own for 1.5."""
    return {"steps": 4} if type(parts.model.model).__name__ == "ACEStep" else {}


class Stopped(BaseException):
    """Stands for ComfyUI's interrupt, which is a BaseException as well."""


class StopAfter(Progress):
    """The user presses Stop: every look at it from the ``count``-th on is an interrupt."""

    def __init__(self, count: int):
        self.left = count

    def raise_if_stopped(self):
        self.left -= 1
        if self.left < 0:
            raise Stopped


def native_song(parts, seed, duration, tags, lyrics):
    """ComfyUI's own graph for 1.5 turbo: TextEncodeAceStepAudio1.5, KSampler (8, 1, euler, simple), VAE.decode."""
    import comfy.sample

    tokens = parts.clip.tokenize(
        tags, lyrics=lyrics, bpm=75, duration=duration, timesignature=3, language="en", keyscale="A minor", seed=seed
    )
    positive = parts.clip.encode_from_tokens_scheduled(tokens)
    negative = [[torch.zeros_like(c), {**e, "conditioning_lyrics": e["conditioning_lyrics"] * 0}] for c, e in positive]
    latent = torch.zeros(1, 64, duration * 25)
    noise = comfy.sample.prepare_noise(latent, seed)
    made = comfy.sample.sample(
        parts.model, noise, 8, 1.0, "euler", "simple", positive, negative, latent, denoise=1.0, seed=seed
    )
    return parts.vae.decode(made).movedim(-1, 1)[0]


def test_a_turbo_song_is_bit_for_bit_what_comfyuis_own_graph_makes(v15):
    made, _ = generate(v15, duration=6, language="en")
    with torch.inference_mode():
        native = native_song(v15, 5, 6, "lo-fi, mellow, 75 BPM, A minor, 3/4", "[Verse]\nla la la")
    assert made.sample_rate == 48_000
    assert torch.equal(made.waveform, native)


@pytest.mark.parametrize("duration", [5, 7])
def test_songs_are_as_long_as_asked(parts, duration):
    made, _ = generate(parts, duration=duration, **steps_for(parts))
    assert made.waveform.shape == (2, duration * made.sample_rate)
    assert made.waveform.dtype == torch.float32 and made.waveform.device.type == "cpu"
    assert bool(made.waveform.isfinite().all()) and made.waveform.std() > 1e-4


@pytest.mark.parametrize("kind", ["song", "inpaint", "outpaint"])
def test_same_seed_same_samples_and_other_seed_others(parts, kind):
    window = sound(6.0)

    def make(seed):
        options = {**steps_for(parts), "seed": seed}
        if kind == "song":
            return generate(parts, duration=5, **options)[0].waveform
        if kind == "inpaint":
            return inpaint(parts, window, (2.0, 4.0), **options)[0].waveform
        return outpaint(parts, window, 0.5, 1.0, **options)[0].waveform

    torch.manual_seed(3)
    first = make(5)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), drawn)  # nobody else's random numbers were touched
    torch.manual_seed(99)
    assert torch.equal(make(5), first)
    assert not torch.equal(make(6), first)


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
    from acestep_nodes.nodes.request import Call, inpaint_request

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
    with calls_of(v1.vae, "encode") as encoded, calls_of(v1.network, "forward") as called:
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


def test_stop_ends_the_run_wherever_it_is_and_leaves_nothing(parts):
    options = copy.deepcopy(parts.model.model_options)
    count = 0
    while True:
        try:
            inpaint(parts, sound(6.0), (2.0, 4.0), progress=StopAfter(count), **steps_for(parts))
            break
        except Stopped:
            count += 1
        assert "prepare_condition" not in vars(parts.network)
    # Text, network, every step, and every piece of the VAE look at Stop.
    assert count == (8 if parts.network.__class__.__name__.startswith("AceStepC") else 4) + 4
    assert parts.model.model_options == options
    assert not parts.model.wrappers and not parts.model.object_patches


def test_stop_costs_no_further_step(v15):
    with calls_of(v15.network, "forward") as called, pytest.raises(Stopped):
        generate(v15, duration=5, progress=StopAfter(3))
    assert len(called) <= 2


def test_stop_ends_the_language_model(v15):
    import comfy.utils

    def stop(value, total, _preview, **_context):
        if total == 25:  # five codes a second
            raise Stopped

    comfy.utils.set_progress_bar_global_hook(stop)
    try:
        with pytest.raises(Stopped), calls_of(v15.network, "forward") as called:
            generate(v15, duration=5)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    assert not called


def test_nothing_is_left_on_the_model_after_a_run_or_an_error(parts):
    before = _state(parts)
    inpaint(parts, sound(6.0), (2.0, 3.0), **steps_for(parts))
    outpaint(parts, sound(6.0), 1.0, 0.0, **steps_for(parts))
    generate(parts, duration=5, **steps_for(parts))
    assert _state(parts) == before

    def failing(_original):
        def forward(*_args, **_kwargs):
            raise ValueError("broken on purpose")

        return forward

    with replaced(parts.network, "forward", failing), pytest.raises(ValueError, match="on purpose"):
        inpaint(parts, sound(6.0), (2.0, 3.0), **steps_for(parts))
    assert _state(parts) == before


def _state(parts):
    patcher = parts.model
    return copy.deepcopy(
        (
            sorted(vars(parts.network)),
            patcher.model_options,
            patcher.wrappers,
            patcher.callbacks,
            patcher.object_patches,
            sorted(patcher.patches),
        )
    )


def test_another_packs_wrapper_runs_and_an_attribute_it_set_is_put_back(v15):
    from comfy.patcher_extension import WrappersMP

    seen = []

    def theirs(executor, x, t, *args, **kwargs):
        seen.append("prepare_condition" in vars(executor.class_obj.diffusion_model))
        return executor(x, t, *args, **kwargs)

    other = Parts(v15.model.clone(), v15.clip, v15.vae)
    other.model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "their.key", theirs)
    window = sound(6.0)
    made, _ = inpaint(other, window, (2.0, 3.0))
    assert len(seen) == 8
    assert torch.equal(made.waveform, inpaint(v15, window, (2.0, 3.0))[0].waveform)
    assert list(other.model.wrappers[WrappersMP.APPLY_MODEL]) == ["their.key"]

    def their_method(*_args, **_kwargs):
        raise AssertionError("an edit brings its own condition")

    v15.network.prepare_condition = their_method
    try:
        inpaint(v15, window, (2.0, 3.0))
        assert v15.network.prepare_condition is their_method
    finally:
        del v15.network.prepare_condition


def test_a_lora_on_the_connected_model_is_heard_in_edits_and_songs(v15):
    patched = Parts(v15.model.clone(), v15.clip, v15.vae)
    key = "diffusion_model.decoder.layers.0.mlp.down_proj.weight"
    weight = v15.network.decoder.layers[0].mlp.down_proj.weight
    patched.model.add_patches({key: ("diff", (torch.full(weight.shape, 0.05),))}, 1.0)
    window = sound(6.0)
    plain = inpaint(v15, window, (2.0, 3.0))[0].waveform
    assert not torch.equal(inpaint(patched, window, (2.0, 3.0))[0].waveform, plain)
    assert not torch.equal(generate(patched, duration=5)[0].waveform, generate(v15, duration=5)[0].waveform)
    assert torch.equal(inpaint(v15, window, (2.0, 3.0))[0].waveform, plain)
    assert list(patched.model.patches) == [key]


def test_a_connected_models_own_guidance_rule_is_kept(v15):
    called = []
    patched = Parts(v15.model.clone(), v15.clip, v15.vae)
    patched.model.set_model_sampler_cfg_function(lambda args: called.append(1) or args["cond"])
    _, warnings = inpaint(patched, sound(6.0), (2.0, 3.0), variant="base", steps=4)
    assert len(called) == 4
    assert any("guidance rule" in warning for warning in warnings)
    assert patched.model.model_options["sampler_cfg_function"]


def test_a_connected_models_shift_is_respected(v15):
    from comfy_extras.nodes_model_advanced import ModelSamplingAuraFlow

    shifted = Parts(ModelSamplingAuraFlow().patch_aura(v15.model, 1.0)[0], v15.clip, v15.vae)
    with calls_of(v15.network, "forward") as called:
        inpaint(shifted, sound(6.0), (2.0, 3.0))
    times = [round(float(args[1].flatten()[0]), 4) for args in called]
    assert times == [1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]


def test_the_condition_is_made_once_a_run_and_not_at_every_step(v15):
    with calls_of(v15.network.encoder, "forward") as encoded:
        inpaint(v15, sound(6.0), (2.0, 3.0), variant="base", steps=6)
    assert len(encoded) == 2  # with and without the prompt
    with calls_of(v15.network.detokenizer, "forward") as hints:
        generate(v15, duration=5)
    assert len(hints) == 1


def test_a_connected_model_is_run_as_the_file_it_was_loaded_from_says(v15):
    connected = Parts(v15.model.clone(), v15.clip, v15.vae)
    connected.model.cached_patcher_init = (None, ("/models/diffusion_models/acestep_v1.5_sft.safetensors", {}))
    with calls_of(v15.network, "forward") as called:
        _, warnings = inpaint(connected, sound(6.0), (2.0, 3.0), variant="auto", steps=5)
    assert len(called) == 10  # with and without the prompt
    assert not any("run as turbo" in warning for warning in warnings)
    _, warnings = inpaint(v15, sound(6.0), (2.0, 3.0), variant="auto")
    assert any("run as turbo" in warning for warning in warnings)


def test_a_comfyui_that_shows_the_network_nothing_is_refused_for_edits_and_serves_for_songs(v15):
    from acestep_nodes.nodes.errors import BackendUnavailable

    network = type(v15.network)
    method = network.prepare_condition

    def forward(self, x, *args, **kwargs):
        return torch.zeros_like(x)

    with replaced(network, "forward", lambda _: forward):
        del network.prepare_condition
        try:
            with pytest.raises(BackendUnavailable, match="no prepare_condition"):
                inpaint(v15, sound(6.0), (2.0, 3.0))
            generate(v15, duration=5)
        finally:
            network.prepare_condition = method


def test_parts_of_the_wrong_kind_are_refused_before_anything_runs(v15, v1):
    with pytest.raises(InputError, match="version is ace-step, but the connected model is ACE-Step 1.5"):
        inpaint(v15, sound(6.0), (2.0, 3.0), version="ace-step")
    with pytest.raises(InputError, match="clip is not the text encoder of ACE-Step 1.5"):
        inpaint(Parts(v15.model, v1.clip, v15.vae), sound(6.0), (2.0, 3.0))
    with pytest.raises(InputError, match="vae is not the VAE of ACE-Step v1"):
        inpaint(Parts(v1.model, v1.clip, v15.vae), sound(6.0), (2.0, 3.0), variant="auto")
    with pytest.raises(InputError, match="model is .*, not ACE-Step"):
        inpaint(Parts(v15.clip.patcher, v15.clip, v15.vae), sound(6.0), (2.0, 3.0))


def out_of_memory(count: int):
    """Makes a function fail ``count`` times as a full device does."""

    def make(original):
        left = [count]

        def failing(*args, **kwargs):
            if left[0] > 0:
                left[0] -= 1
                raise torch.OutOfMemoryError("made up by a test")
            return original(*args, **kwargs)

        return failing

    return make


def test_memory_ending_while_sampling_unloads_everything_and_tries_again(parts):
    import comfy.model_management

    window = sound(6.0)
    expected = inpaint(parts, window, (2.0, 3.0), **steps_for(parts))[0].waveform
    with (
        replaced(parts.network, "forward", out_of_memory(1)),
        calls_of(comfy.model_management, "unload_all_models") as unloaded,
    ):
        made, _ = inpaint(parts, window, (2.0, 3.0), **steps_for(parts))
    assert len(unloaded) == 1
    assert torch.equal(made.waveform, expected)
    with (
        replaced(parts.network, "forward", out_of_memory(99)),
        pytest.raises(RenderError, match="not enough memory for ACE-Step .* shorter"),
    ):
        inpaint(parts, window, (2.0, 3.0), **steps_for(parts))
    assert "prepare_condition" not in vars(parts.network)


def test_memory_ending_in_the_vae_makes_smaller_pieces(v15):
    window = sound(14.0)
    expected = inpaint(v15, window, (6.0, 8.0), steps=1)[0].waveform

    def too_long(limit):
        def make(original):
            def limited(samples):
                if samples.shape[-1] > limit:
                    raise torch.OutOfMemoryError("made up by a test")
                return original(samples)

            return limited

        return make

    network = v15.vae.first_stage_model
    # Pieces of 272 frames do not fit, pieces of 136 do; ComfyUI itself tries once more in between.
    with replaced(network, "decode", too_long(140)), replaced(network.decoder, "forward", too_long(140)):
        made, _ = inpaint(v15, window, (6.0, 8.0), steps=1)
    torch.testing.assert_close(made.waveform, expected, atol=1e-5, rtol=0)
    with replaced(network, "encode", too_long(0)), pytest.raises(RenderError, match="not enough memory for the VAE"):
        inpaint(v15, window, (6.0, 8.0))


def test_runs_and_stops_leave_no_model_behind(v15):
    import comfy.model_management
    import comfy.model_patcher

    def patchers():
        gc.collect()
        return sum(isinstance(o, comfy.model_patcher.ModelPatcher) for o in gc.get_objects())

    inpaint(v15, sound(2.0), (0.5, 1.0))
    before = patchers()
    gc.disable()
    try:
        for count in range(5):
            inpaint(v15, sound(2.0), (0.5, 1.0))
            with pytest.raises(Stopped):
                inpaint(v15, sound(2.0), (0.5, 1.0), progress=StopAfter(3 + count))
        dead = [m for m in comfy.model_management.current_loaded_models if m.is_dead()]
    finally:
        gc.enable()
    assert not dead  # nothing but a reference cycle would need the collector
    assert patchers() == before
