"""ACE-Step 1.5: text to music, and repaint with the source and the mask in front of the network."""

import math
from dataclasses import dataclass

import torch

from ...request.progress import Progress
from . import conditioned, template
from .apg import ProjectedGuidance
from .family import V15
from .noise import edit_noise, varied_noise
from .recipe import Recipe
from .sampling import Guidance, Held, euler, sample
from .schedule import first_step, v15_sigmas
from .surroundings import HOLD, Surroundings

_TIME = (-1,)


@dataclass(frozen=True)
class Cover:
    """Music to play anew. latents: of it, [1, 64, frames]. strength: 0…1, the part of the steps that hear it; text: the
    embedding [1, L, D] of the prompt as for a song, which the other steps follow."""

    latents: torch.Tensor
    strength: float
    text: torch.Tensor

    def heard(self, sigmas: torch.Tensor) -> conditioned.Heard:
        """Until which of ``sigmas`` it is heard.

        Upstream switches text and source at step int(steps · strength) (``cover_steps`` of ACE-Step-1.5's
        generate_audio).
        """
        steps = int((len(sigmas) - 1) * self.strength)
        until = float(sigmas[steps - 1] + sigmas[steps]) / 2 if steps else math.inf
        return conditioned.Heard(self.latents, until, self.text)


def generate(
    model, positive: list, negative: list, *, frames: int, recipe: Recipe, seed: int, progress: Progress,
    variation: float = 0.0, variation_seed: int = 0, planned: bool = True, timbre: torch.Tensor | None = None,
    cover: Cover | None = None,
) -> torch.Tensor:  # fmt: skip
    """New latents [1, 64, frames].

    planned: ``positive`` holds audio codes, of which the network makes what it is shown beside the noise; else that is
    silence, or of ``cover`` what its tokenizer keeps. timbre: latents [1, 64, 750]; None: of silence.
    """
    own = model.clone()
    sigmas = _sigmas(own, recipe)
    # A template without a reference shows the network what ComfyUI does, with codes and without.
    as_comfyui = recipe.template and timbre is None and cover is None
    if planned or as_comfyui:
        conditioned.once_per_run(own, timbre, as_comfyui=as_comfyui)
    else:
        shown = silence(frames)
        heard = None if cover is None else cover.heard(sigmas)
        conditioned.by_source_and_mask(own, shown, torch.ones_like(shown), timbre, heard)
    shape = (1, *V15.latent_shape, frames)
    return sample(
        own,
        positive,
        negative,
        noise=varied_noise(shape, seed, variation, variation_seed),
        source=torch.zeros(shape),
        sigmas=sigmas,
        guidance=_guidance(recipe),
        seed=seed,
        progress=progress,
        sampler=None if recipe.template else euler(recipe.correction),
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
    surroundings: Surroundings = HOLD,
) -> torch.Tensor:
    """``source`` [1, 64, T] with new latents in ``spans`` (frames); the others come back as they were.

    strength: 1 makes the spans from noise alone; below, they start from the source with that much of the
        schedule ahead of them, and 0 changes nothing.
    surroundings: how firmly what is around the spans holds them; unless it does so throughout, what comes back
        there is the network's idea of the source, within ``blend_frames`` of a span or everywhere.
    """
    begin = first_step(recipe.steps, strength)
    if begin == recipe.steps or not spans:
        return source.clone()
    own = model.clone()
    sigmas = _sigmas(own, recipe)[begin:]
    inside = torch.zeros(1, 1, source.shape[-1])
    for start, stop in spans:
        inside[..., start:stop] = 1
    context = torch.where(inside.bool(), silence(source.shape[-1]), source)
    conditioned.by_source_and_mask(own, context, inside.expand_as(source))
    noise = edit_noise(source.shape, spans, seed)
    held = Held(source, noise, inside, steps=round(surroundings.ratio * recipe.steps) - begin)
    made = sample(
        own,
        positive,
        negative,
        noise=noise,
        source=source,
        sigmas=sigmas,
        guidance=_guidance(recipe),
        seed=seed,
        progress=progress,
        sampler=euler(recipe.correction, held),
    )
    return surroundings.blended(made, source, spans)


def silence(frames: int) -> torch.Tensor:
    """The latents [1, 64, frames] that 1.5 takes as silence."""
    from comfy.ldm.ace.ace_step15 import get_silence_latent

    # Its first frames are a head of fixed length, which a shorter clip cannot hold.
    return get_silence_latent(max(frames, V15.min_frames), "cpu")[..., :frames]


def _sigmas(model, recipe: Recipe) -> torch.Tensor:
    if recipe.template:
        return template.sigmas(model, recipe.steps)
    # A connected model may carry another shift (ModelSamplingAuraFlow); 3 is what the network comes with.
    return v15_sigmas(recipe.steps, float(getattr(model.get_model_object("model_sampling"), "shift", 3.0)))


def _guidance(recipe: Recipe) -> Guidance:
    projected = recipe.guidance != 1.0 and not recipe.template
    return Guidance(scale=recipe.guidance, rule=ProjectedGuidance(_TIME) if projected else None)
