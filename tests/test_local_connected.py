"""Models, encoders and VAEs that the user connects, and what other packs have done to them."""

import pytest
import torch
from acestep_nodes.nodes.errors import InputError
from local_models import session
from local_models.session import Parts, calls_of, generate, inpaint, outpaint, replaced, sound

pytest_plugins = ["local_fixtures"]


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


def changed_from_half_way(crossattn, t):
    return crossattn * 0.1 if float(t.flatten()[0]) < 0.7 else crossattn


def as_a_wrapper(model):
    from comfy.patcher_extension import WrappersMP

    def theirs(executor, x, t, c_concat=None, c_crossattn=None, *args, **kwargs):
        return executor(x, t, c_concat, changed_from_half_way(c_crossattn, t), *args, **kwargs)

    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, "their.key", theirs)


def as_a_function_around_the_model(model):
    def theirs(apply_model, given):
        crossattn = changed_from_half_way(given["c"]["c_crossattn"], given["timestep"])
        return apply_model(given["input"], given["timestep"], **{**given["c"], "c_crossattn": crossattn})

    model.set_model_unet_function_wrapper(theirs)


@pytest.mark.parametrize("change", [as_a_wrapper, as_a_function_around_the_model])
def test_what_another_pack_changes_half_way_is_heard(v15, change):
    other = Parts(v15.model.clone(), v15.clip, v15.vae)
    change(other.model)
    window = sound(6.0)
    assert not torch.equal(inpaint(other, window, (2.0, 3.0))[0].waveform, inpaint(v15, window, (2.0, 3.0))[0].waveform)
    assert not torch.equal(generate(other, duration=5)[0].waveform, generate(v15, duration=5)[0].waveform)


class Around(torch.nn.Module):
    """A network within another module, as compilers and other packs wrap them: attributes are passed on."""

    def __init__(self, network):
        super().__init__()
        self._orig_mod = network

    def __getattr__(self, name):
        return super().__getattr__(name) if name == "_orig_mod" else getattr(self._orig_mod, name)

    def forward(self, *args, **kwargs):
        return self._orig_mod(*args, **kwargs)


def test_a_network_within_others_is_shown_the_edit_as_well(v15):
    network = v15.network
    other = Parts(v15.model.clone(), v15.clip, v15.vae)
    other.model.add_object_patch("diffusion_model", Around(Around(network)))
    window = sound(6.0)
    plain = inpaint(v15, window, (2.0, 3.0))[0].waveform
    assert torch.equal(inpaint(other, window, (2.0, 3.0))[0].waveform, plain)
    assert "prepare_condition" not in vars(network)


def test_a_compiled_network_is_compiled_once_for_all_edits(v15):
    import torch._dynamo.utils

    frames = torch._dynamo.utils.counters["frames"]
    # Compiled code goes by identity of the module, and a limit per function: a network of its own.
    parts = session.v15()
    plain = [inpaint(parts, sound(6.0), (2.0, 3.0), seed=seed, steps=2)[0].waveform for seed in (1, 2)]
    parts.model.add_object_patch("diffusion_model", torch.compile(parts.network, backend="eager"))
    made = [inpaint(parts, sound(6.0), (2.0, 3.0), seed=1, steps=2)[0].waveform]
    once = frames["total"]
    made += [inpaint(parts, sound(6.0), (2.0, 3.0), seed=2, steps=2)[0].waveform]
    assert once > 0 and frames["total"] == once
    for compiled, eager in zip(made, plain):
        torch.testing.assert_close(compiled, eager, atol=1e-5, rtol=0)


def test_a_network_that_never_asks_for_the_edit_is_refused(v15):
    from acestep_nodes.nodes.errors import RenderError

    class Deaf(Around):
        def forward(self, x, *args, **kwargs):
            return torch.zeros_like(x)

    network = v15.network
    other = Parts(v15.model.clone(), v15.clip, v15.vae)
    other.model.add_object_patch("diffusion_model", Deaf(network))
    with pytest.raises(RenderError, match="never shows it the source"):
        inpaint(other, sound(6.0), (2.0, 3.0))
    assert "prepare_condition" not in vars(network)


@pytest.mark.parametrize("family", ["v15", "v1"])
def test_context_windows_serve_for_songs_edits_and_extensions(comfy_path, family):
    # Models of its own: the patcher of the test before may still have its network in place.
    parts = getattr(session, family)()
    from comfy_extras.nodes_context_windows import ContextWindowsManualNode

    dimension, length = parts.model.model.latent_format.latent_dimensions + 1, 100 if family == "v15" else 40
    windowed = ContextWindowsManualNode.execute(
        parts.model, context_length=length, context_overlap=20, context_schedule="standard_static",
        context_stride=1, closed_loop=False, fuse_method="pyramid", dim=dimension, freenoise=False,
    ).args[0]  # fmt: skip
    other = Parts(windowed, parts.clip, parts.vae)
    with calls_of(parts.network, "forward") as called:
        for made, _ in (
            inpaint(other, sound(6.0), (3.0, 4.0), steps=1),
            outpaint(other, sound(6.0), 0.0, 1.0, steps=1),
            generate(other, duration=5, steps=1),
        ):
            assert bool(made.waveform.isfinite().all())
    assert len(called) > 3
    assert {args[0].shape[-1] for args in called} <= {length, length + 1}  # one more to go on from
