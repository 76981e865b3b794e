"""Models, encoders and VAEs that the user connects, and what other packs have done to them."""

import inspect
from contextlib import ExitStack, contextmanager

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


class AsksInItsOwnWay:
    """What the network's forward takes for the network, but ``prepare_condition`` is called as ``ask`` wants."""

    def __init__(self, network, ask):
        self._network, self._ask = network, ask

    def __getattr__(self, name):
        return getattr(self._network, name)

    def prepare_condition(self, *args, **named):
        return self._ask(self._network.prepare_condition, args, named)


@contextmanager
def comfyui_that_asks(network, change):
    """The network's class as a later ComfyUI might have it.

    change: takes the parameters of ``prepare_condition``; returns those it has now, and which go by position.
    """
    owner = type(network)
    original = inspect.signature(owner.prepare_condition)
    itself, *own = original.parameters.values()
    parameters, by_position = change(own)
    signature = inspect.Signature([itself, *parameters])

    def changed(method):
        def prepare_condition(*args, **named):
            bound = signature.bind(*args, **named)
            bound.apply_defaults()
            return method(*(bound.arguments.get(name) for name in original.parameters))

        prepare_condition.__signature__ = signature
        return prepare_condition

    def ask(method, args, named):
        given = original.bind(None, *args, **named).arguments
        named = {parameter.name: given[parameter.name] for parameter in parameters if parameter.name in given}
        return method(*[named.pop(name) for name in by_position], **named)

    def forward(method):
        return lambda self, *args, **named: method(AsksInItsOwnWay(self, ask), *args, **named)

    with ExitStack() as changes:
        changes.enter_context(replaced(owner, "prepare_condition", changed))
        changes.enter_context(replaced(owner, "forward", forward))
        yield


def by_name(parameters):
    return parameters, []


def keyword_only(parameters):
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters], []


def in_another_order(parameters):
    required = [parameter for parameter in parameters if parameter.default is inspect.Parameter.empty]
    return [*reversed(required), *parameters[len(required) :]], [parameter.name for parameter in reversed(required)]


def with_one_more_in_front(parameters):
    more = inspect.Parameter("timestep_r", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    return [more, *(parameter.replace(default=None) for parameter in parameters)], []


@pytest.fixture(scope="module")
def stock(v15):
    """An edit and a song as the ComfyUI that is there makes them."""
    return inpaint(v15, sound(6.0), (2.0, 3.0))[0].waveform, generate(v15, duration=5)[0].waveform


@pytest.mark.parametrize("change", [by_name, keyword_only, in_another_order, with_one_more_in_front])
def test_comfyui_may_name_its_arguments_and_order_them_as_it_likes(v15, stock, change):
    with comfyui_that_asks(v15.network, change), calls_of(v15.network.encoder, "forward") as encoded:
        made = inpaint(v15, sound(6.0), (2.0, 3.0))[0].waveform, generate(v15, duration=5)[0].waveform
    assert torch.equal(made[0], stock[0])
    assert torch.equal(made[1], stock[1])
    assert len(encoded) == 2  # still once a run


@pytest.mark.parametrize("lacking", [["src_latents"], ["lyric_hidden_states", "src_latents"]])
def test_a_comfyui_that_lacks_an_argument_is_refused_for_edits(v15, lacking):
    from acestep_nodes.nodes.errors import BackendUnavailable

    def without(parameters):
        return [parameter for parameter in parameters if parameter.name not in lacking], []

    sentence = f"prepare_condition takes no {', '.join(lacking)}. Update the pack"
    with comfyui_that_asks(v15.network, without), pytest.raises(BackendUnavailable, match=sentence):
        inpaint(v15, sound(6.0), (2.0, 3.0))


def test_a_comfyui_that_renames_the_latents_makes_songs_its_own_way(v15):
    def renamed(method):
        def prepare_condition(*args, **named):
            return method(*args, **named)

        signature = inspect.signature(method)
        parameters = [p.replace(name="x") if p.name == "src_latents" else p for p in signature.parameters.values()]
        prepare_condition.__signature__ = signature.replace(parameters=parameters)
        return prepare_condition

    with (
        replaced(type(v15.network), "prepare_condition", renamed),
        calls_of(v15.network.detokenizer, "forward") as hints,
        calls_of(v15.network.encoder, "forward") as conditions,
    ):
        generate(v15, duration=5)
    assert len(hints) == 8  # at every step, as ComfyUI does
    assert {args[4].shape[1] for args in conditions} == {128}  # and with a reference as long as the song


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


def test_a_shift_on_v1s_model_is_said_to_be_ignored(v1):
    from comfy_extras.nodes_model_advanced import ModelSamplingSD3

    def warnings_of(model):
        options = {"duration": 5, "steps": 1, "guidance": 1.0, "variant": "auto"}
        return [text for text in generate(Parts(model, v1.clip, v1.vae), **options)[1] if "a shift of" in text]

    (shifted,) = ModelSamplingSD3().patch(v1.model, 5.0)
    (same,) = ModelSamplingSD3().patch(v1.model, 3.0)
    assert warnings_of(v1.model) == warnings_of(same) == []
    for _ in range(2):  # the second time it is loaded already
        (said,) = warnings_of(shifted)
        assert "a shift of 5, which is ignored" in said


def test_a_text_encoder_that_comfyui_loaded_for_another_model_is_refused(v15):
    """What Load CLIP makes of 1.5's text encoder alone: it reads the tags and would give no lyrics."""
    from comfy.text_encoders.anima import AnimaTokenizer

    class Clip:
        tokenizer = AnimaTokenizer.__new__(AnimaTokenizer)

    Clip.tokenizer.qwen3_06b = Clip.tokenizer.t5xxl = None
    with pytest.raises(InputError, match="clip is not the text encoder of ACE-Step 1.5; load qwen_0.6b_ace15 and"):
        generate(Parts(v15.model, Clip(), v15.vae), duration=5, planning="off")
