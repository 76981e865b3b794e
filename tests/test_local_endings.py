"""How a run of the local backend ends: done, stopped, failed or out of memory, nothing of it is left."""

import copy
import gc

import pytest
import torch
from acestep_nodes.nodes.errors import RenderError
from acestep_nodes.nodes.request.progress import Progress
from local_models.session import calls_of, generate, inpaint, outpaint, replaced, sound, steps_for

pytest_plugins = ["local_fixtures"]


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
