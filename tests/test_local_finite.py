"""A network that makes values that are not numbers is named, with its precision and what may help."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from acestep_nodes.nodes.errors import RenderError
from local_models.session import generate, inpaint, outpaint, replaced, sound, steps_for

pytest_plugins = ["local_fixtures"]

SONG = {"duration": 5, "planning": "off"}


@contextmanager
def broken(module: torch.nn.Module):
    """``module`` with one weight that is not a number."""
    weight = next(module.parameters())
    first = weight.flatten()[0].clone()
    with torch.no_grad():
        weight.view(-1)[0] = float("nan")
        try:
            yield
        finally:
            weight.view(-1)[0] = first


@pytest.mark.parametrize("kind", ["song", "inpaint", "outpaint"])
def test_a_broken_network_is_named_and_not_the_seed(parts, kind):
    few = steps_for(parts)
    with broken(getattr(parts.network, "decoder", parts.network)), pytest.raises(RenderError) as failed:
        if kind == "song":
            generate(parts, **SONG, **few)
        elif kind == "inpaint":
            inpaint(parts, sound(6.0), (2.0, 3.0), **few)
        else:
            outpaint(parts, sound(6.0), 0.0, 1.0, **few)
    said = str(failed.value)
    assert said.startswith("The network that is connected made values that are not numbers, in float32;")
    assert "connect another one" in said and "Another seed does not help." in said and "--fp32" not in said


def test_a_broken_vae_is_named_whether_it_reads_or_writes(v15):
    stage = v15.vae.first_stage_model
    with broken(stage.encoder), pytest.raises(RenderError, match="The VAE that is connected made"):
        inpaint(v15, sound(6.0), (2.0, 3.0))
    with broken(stage.decoder), pytest.raises(RenderError, match="The VAE that is connected made"):
        generate(v15, **SONG)


def test_a_broken_text_encoder_is_named_before_anything_is_sampled(v15):
    last = v15.clip.cond_stage_model.qwen3_06b.transformer.model.norm
    with broken(last), pytest.raises(RenderError, match="The text encoder that is connected made"):
        generate(v15, **SONG)


def test_the_file_and_a_higher_precision_are_named(v15):
    from acestep_nodes.nodes.backends.local import finite, installed
    from acestep_nodes.nodes.backends.local.files import DIFFUSION_MODELS, MODEL, ModelFile
    from acestep_nodes.nodes.backends.local.loading import Loaded
    from acestep_nodes.nodes.request.requests import generate_request

    file = ModelFile(DIFFUSION_MODELS, "acestep_v1.5_turbo.safetensors", "/m", 1, 1, ())
    chosen = replace(installed.choose(generate_request(duration=5, **v15.shared())), model=(file,))
    loaded = Loaded(v15.model, v15.clip, v15.vae)
    nothing = torch.tensor([1.0, float("inf")])
    with pytest.raises(RenderError, match=r"of acestep_v1.5_turbo.safetensors made .* in float32; .*get it again"):
        finite.checked(nothing, MODEL, chosen, loaded)
    lower = replaced(v15.model.model, "manual_cast_dtype", lambda _: torch.bfloat16)
    with lower, pytest.raises(RenderError, match=r"in bfloat16; .* Start ComfyUI with --fp32-unet .* get it again"):
        finite.checked(nothing, MODEL, chosen, loaded)
    assert finite.checked(nothing[:1], MODEL, chosen, loaded) is not None
