"""What ACE-Step 1.5's network is shown besides the noise, swapped for the time of one call.

ComfyUI's network class has a place for the source and the mask of an edit but no input for them; it
makes both itself in ``prepare_condition``. A wrapper on a clone of the model stands in for that method
while the network runs, and puts back whatever was there, also after an error or Stop. It makes the
condition once a run instead of at every step, as it does not depend on the step.
"""

import functools
from collections.abc import Callable

import torch

from ...errors import BackendUnavailable

_KEY = "acestep.condition"
# Timbre is read from the first 30 s of the reference (handler.py of ACE-Step-1.5).
_TIMBRE_FRAMES = 750


def once_per_run(model) -> None:
    """Make the network's own condition once for each prompt of the run instead of at every step."""
    network = model.get_model_object("diffusion_model")
    # With context windows one prompt stands for several conditions, one for each window.
    if hasattr(network, "prepare_condition") and "context_handler" not in model.model_options:
        _wrap(model, lambda network, own: own)


def by_source_and_mask(model, source: torch.Tensor, mask: torch.Tensor) -> None:
    """Show the network ``source`` and ``mask`` [1, 64, T], 1 where new music is wanted."""
    network = model.get_model_object("diffusion_model")
    if not (hasattr(network, "prepare_condition") and hasattr(network, "encoder")):
        raise BackendUnavailable(
            "This version of ComfyUI runs ACE-Step 1.5 in a way this pack does not know: its network has no "
            "prepare_condition. Update the pack, or use a ComfyUI from 0.20 to 0.30."
        )
    context = torch.cat([source, mask], dim=1).movedim(1, 2)

    def prepare(network, _own):
        def condition(text, text_mask, lyrics, lyrics_mask, reference, order, latents, *_, **__):
            embedding, embedding_mask = network.encoder(
                text,
                text_mask,
                lyrics,
                lyrics_mask,
                reference[:, :_TIMBRE_FRAMES],
                # One timbre for each item; the stock order gives all of them to the first one.
                torch.arange(reference.shape[0], device=reference.device),
            )
            shown = context.to(latents).expand(latents.shape[0], -1, -1)
            return embedding, embedding_mask, shown

        return condition

    _wrap(model, prepare)


def _wrap(model, prepare: Callable) -> None:
    from comfy.patcher_extension import WrappersMP

    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, _KEY, functools.partial(_apply_model, prepare, {}))


def _apply_model(
    prepare, made, executor, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kwargs
):
    """The APPLY_MODEL wrapper. ``made`` holds the conditions of the run, by prompt and device."""
    options = transformer_options or {}
    network = executor.class_obj.diffusion_model
    # A compiled network passes attributes on to the module it was made from; that one holds the method.
    network = getattr(network, "_orig_mod", network)
    prompts = tuple(options.get("uuids", ())) + (x.device, tuple(x.shape))
    changing = getattr(executor.class_obj.current_patcher, "hook_patches", None)
    memory = {} if changing or len(prompts) == 2 else made
    before = network.__dict__.get("prepare_condition")
    network.prepare_condition = _made_once(prepare(network, network.prepare_condition), memory, prompts)
    try:
        return executor(x, t, c_concat, c_crossattn, control, options, **kwargs)
    finally:
        if before is None:
            del network.prepare_condition
        else:
            network.prepare_condition = before


def _made_once(make: Callable, made: dict, key) -> Callable:
    def condition(*args, **kwargs):
        if key not in made:
            made[key] = make(*args, **kwargs)
        embedding, mask, shown = made[key]
        # The network blanks the embedding in place for the unguided prediction.
        return embedding.clone(), mask, shown

    return condition
