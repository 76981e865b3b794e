"""ACE-Step v1: text to music and repaint as upstream's pipeline runs them (pipeline_ace_step.py of ACE-Step)."""

import comfy.samplers
import torch

from ...request.progress import Progress
from . import template
from .apg import ProjectedGuidance
from .family import V1
from .noise import edit_noise, varied_noise
from .recipe import Recipe
from .sampling import Guidance, sample
from .schedule import first_step, v1_guided_steps, v1_sigmas

# Upstream takes lengths over the frequency × time plane of each channel.
_PLANE = (-1, -2)
# omega_scale 10 through upstream's logistic: 0.9 + 0.2 / (1 + e^(−0.1·10)).
_OMEGA = 1.0462117


def generate(
    model, positive: list, negative: list, *, frames: int, recipe: Recipe, seed: int, progress: Progress,
    variation: float = 0.0, variation_seed: int = 0,
) -> torch.Tensor:  # fmt: skip
    """New latents [1, 8, 16, frames]."""
    shape = (1, *V1.latent_shape, frames)
    own = _own(model, recipe)
    return sample(
        own,
        positive,
        negative,
        noise=varied_noise(shape, seed, variation, variation_seed),
        source=torch.zeros(shape),
        sigmas=_sigmas(own, recipe),
        guidance=_guidance(recipe, begin=0),
        seed=seed,
        progress=progress,
        sampler=None if recipe.template else comfy.samplers.KSAMPLER(_euler_with_omega),
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
) -> torch.Tensor:
    """``source`` [1, 8, 16, T] with new latents in ``spans`` (frames); the others come back as they were.

    strength is upstream's variance, which mixes two noises and decides where in the schedule the edit starts.
    """
    begin = first_step(recipe.steps, strength)
    if begin == recipe.steps or not spans:
        return source.clone()
    inside = torch.zeros(1, 1, *source.shape[2:])
    for start, stop in spans:
        inside[..., start:stop] = 1
    own = _own(model, recipe)
    return sample(
        own,
        positive,
        negative,
        noise=edit_noise(source.shape, spans, seed, strength),
        source=source,
        sigmas=_sigmas(own, recipe)[begin:],
        guidance=_guidance(recipe, begin),
        seed=seed,
        progress=progress,
        mask=inside,
    )


def guided_steps(recipe: Recipe, strength: float) -> int:
    """How many steps of an edit follow the guidance; with none of them the prompt hardly counts."""
    begin = first_step(recipe.steps, strength)
    return sum(step >= begin for step in _guided_steps(recipe)) if recipe.guidance != 1.0 else 0


def _own(model, recipe: Recipe):
    """The clone of ``model`` that a run works on."""
    own = model.clone()
    if recipe.template:
        template.prepare_v1(own)
    return own


def _sigmas(own, recipe: Recipe) -> torch.Tensor:
    return template.sigmas(own, recipe.steps) if recipe.template else v1_sigmas(recipe.steps)


def _guided_steps(recipe: Recipe) -> range:
    return range(recipe.steps) if recipe.template else v1_guided_steps(recipe.steps)


def _guidance(recipe: Recipe, begin: int) -> Guidance:
    if recipe.template or recipe.guidance == 1.0:
        return Guidance(recipe.guidance)
    guided = v1_guided_steps(recipe.steps)
    here = range(max(0, guided.start - begin), max(0, guided.stop - begin))
    return Guidance(recipe.guidance, here, ProjectedGuidance(_PLANE))


@torch.no_grad()
def _euler_with_omega(model, x, sigmas, extra_args=None, callback=None, disable=None):
    """Euler whose steps keep their mean and are stretched around it by omega, upstream's default for v1."""
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones, **(extra_args or {}))
        if callback is not None:
            callback({"x": x, "i": i, "sigma": sigmas[i], "sigma_hat": sigmas[i], "denoised": denoised})
        step = (x - denoised) / sigmas[i] * (sigmas[i + 1] - sigmas[i])
        mean = step.mean()
        x = x + (step - mean) * _OMEGA + mean
    return x
