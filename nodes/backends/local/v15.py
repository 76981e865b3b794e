"""ACE-Step 1.5: text to music, and repaint with the source and the mask in front of the network."""

import torch

from ...progress import Progress
from . import conditioned
from .apg import ProjectedGuidance
from .family import V15
from .noise import edit_noise, plain_noise
from .recipe import Recipe
from .sampling import Guidance, sample
from .schedule import first_step, step_of, v15_sigmas

_TIME = (-1,)


def generate(
    model, positive: list, negative: list, *, frames: int, recipe: Recipe, seed: int, progress: Progress
) -> torch.Tensor:
    """New latents [1, 64, frames]."""
    own = model.clone()
    conditioned.once_per_run(own)
    shape = (1, *V15.latent_shape, frames)
    return sample(
        own,
        positive,
        negative,
        noise=plain_noise(shape, seed),
        source=torch.zeros(shape),
        sigmas=_sigmas(own, recipe.steps),
        guidance=_guidance(recipe),
        seed=seed,
        progress=progress,
    )


def repaint(
    model,
    positive: list,
    negative: list,
    *,
    source: torch.Tensor,
    spans: list[tuple[int, int]],
    recipe: Recipe,
    strength: float,
    seed: int,
    progress: Progress,
    injection_ratio: float = 1.0,
) -> torch.Tensor:
    """``source`` [1, 64, T] with new latents in ``spans`` (frames); the others come back as they were.

    strength: 1 makes the spans from noise alone; below, they start from the source with that much of the
        schedule ahead of them, and 0 changes nothing.
    injection_ratio: the part of the schedule for which the surroundings are the source itself (upstream's
        conservative 1.0, balanced 0.5, aggressive 0.0); after it the network may redraw them, so at less
        than 1 what comes back around the spans is the network's idea of the source.
    """
    begin = first_step(recipe.steps, strength)
    if begin == recipe.steps or not spans:
        return source.clone()
    own = model.clone()
    sigmas = _sigmas(own, recipe.steps)[begin:]
    inside = torch.zeros(1, 1, source.shape[-1])
    for start, stop in spans:
        inside[..., start:stop] = 1
    context = torch.where(inside.bool(), silence(source.shape[-1]), source)
    conditioned.by_source_and_mask(own, context, inside.expand_as(source))
    held = round(injection_ratio * recipe.steps) - begin
    if held < len(sigmas) - 1:
        own.set_model_denoise_mask_function(_released_after(held))
    return sample(
        own,
        positive,
        negative,
        noise=edit_noise(source.shape, spans, seed),
        source=source,
        sigmas=sigmas,
        guidance=_guidance(recipe),
        seed=seed,
        progress=progress,
        mask=inside,
    )


def silence(frames: int) -> torch.Tensor:
    """The latents [1, 64, frames] that 1.5 takes as silence."""
    from comfy.ldm.ace.ace_step15 import get_silence_latent

    # Its first frames are a head of fixed length, which a shorter clip cannot hold.
    return get_silence_latent(max(frames, V15.min_frames), "cpu")[..., :frames]


def _sigmas(model, steps: int) -> torch.Tensor:
    # A connected model may carry another shift (ModelSamplingAuraFlow); 3 is what the network comes with.
    return v15_sigmas(steps, float(getattr(model.get_model_object("model_sampling"), "shift", 3.0)))


def _guidance(recipe: Recipe) -> Guidance:
    return Guidance(scale=recipe.guidance, rule=ProjectedGuidance(_TIME) if recipe.guidance != 1.0 else None)


def _released_after(held: int):
    """A mask that keeps the surroundings for the first ``held`` steps and then opens everywhere."""

    def mask(sigma, denoise_mask, extra_options):
        step = step_of(float(sigma.flatten()[0]), extra_options["sigmas"])
        return denoise_mask if step < held else torch.ones_like(denoise_mask)

    return mask
