"""One sampling run through ComfyUI's own guider and samplers: its memory management, previews and Stop."""

from collections.abc import Callable
from dataclasses import dataclass

import comfy.model_management
import comfy.samplers
import latent_preview
import torch

from ...request.progress import Progress
from .correction import Correction, corrected
from .schedule import step_of


@dataclass(frozen=True)
class Guidance:
    """How strongly the prompt is followed.

    scale: 1 leaves out the unguided prediction altogether.
    steps: the steps of ``sigmas`` that are guided; the others follow the prompt alone. None: all of them.
    rule: a ``sampler_cfg_function``; None is plain classifier-free guidance.
    """

    scale: float = 1.0
    steps: range | None = None
    rule: Callable[[dict], torch.Tensor] | None = None


@dataclass(frozen=True)
class Held:
    """What an edit holds on to while it is sampled: ``source`` with ``noise`` on it, where ``inside`` is 0.

    source, noise: [1, …, T]. inside: [1, 1, …, T]. steps: for the first of them; after that the network may redraw it.
    """

    source: torch.Tensor
    noise: torch.Tensor
    inside: torch.Tensor
    steps: int

    def put_back(self, x: torch.Tensor, level: float) -> torch.Tensor:
        """``x`` with what is held at noise level ``level`` 0…1."""
        source, noise, inside = (each.to(x) for each in (self.source, self.noise, self.inside))
        return torch.where(inside > 0, x, level * noise + (1 - level) * source)


def euler(correction: Correction | None = None, held: Held | None = None):
    """A ComfyUI SAMPLER of Euler steps, each corrected, and then with what is held put back, as upstream does it."""

    @torch.no_grad()
    def steps(model, x, sigmas, extra_args=None, callback=None, disable=None):
        ones = x.new_ones([x.shape[0]])
        for i, (level, following) in enumerate(zip(sigmas[:-1], sigmas[1:])):
            denoised = model(x, level * ones, **(extra_args or {}))
            if callback is not None:
                callback({"x": x, "i": i, "sigma": level, "sigma_hat": level, "denoised": denoised})
            x = x + (x - denoised) / level * (following - level)
            if correction is not None:
                x = corrected(x, denoised, level, correction)
            if held is not None and i < held.steps:
                x = held.put_back(x, following)
        return x

    return comfy.samplers.KSAMPLER(steps)


def sample(
    model,
    positive: list,
    negative: list,
    *,
    noise: torch.Tensor,
    source: torch.Tensor,
    sigmas: torch.Tensor,
    guidance: Guidance,
    seed: int,
    progress: Progress,
    mask: torch.Tensor | None = None,
    sampler=None,
) -> torch.Tensor:
    """Run ``sigmas`` [steps + 1] on ``model`` (a MODEL this run owns) and return latents, float32 on the CPU.

    noise, source: [1, …, T]. mask: [1, 1, …, T], 1 where the sampler may change ``source``.
    sampler: a ComfyUI SAMPLER; None is Euler.
    """
    if guidance.rule is not None and "sampler_cfg_function" not in model.model_options:
        model.set_model_sampler_cfg_function(guidance.rule)
    guider = _Guider(model)
    guider.set_conds(positive, negative)
    guider.set_cfg(guidance.scale)
    guider.guide_only(guidance.steps, sigmas)
    latents = guider.sample(
        noise,
        source,
        sampler or comfy.samplers.sampler_object("euler"),
        sigmas,
        denoise_mask=mask,
        callback=_callback(model, len(sigmas) - 1, progress),
        seed=seed,
    )
    return latents.to("cpu", torch.float32)


class _Guider(comfy.samplers.CFGGuider):
    """ComfyUI's guider that can leave some steps unguided, and then does not evaluate the network twice."""

    def guide_only(self, steps: range | None, sigmas: torch.Tensor) -> None:
        self._steps, self._sigmas = steps, sigmas

    def predict_noise(self, x, timestep, model_options=None, seed=None):
        scale = self.cfg
        guided = self._steps is None or step_of(float(timestep.flatten()[0]), self._sigmas) in self._steps
        self.cfg = scale if guided else 1.0
        try:
            return super().predict_noise(x, timestep, model_options or {}, seed)
        finally:
            self.cfg = scale


def _callback(model, steps: int, progress: Progress) -> Callable:
    """ComfyUI's progress bar and preview, and Stop at the end of every step."""
    show = latent_preview.prepare_callback(model, steps)

    def callback(step, denoised, x, total):
        progress.raise_if_stopped()
        show(step, denoised, x, total)

    return callback
