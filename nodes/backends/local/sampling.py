"""One sampling run through ComfyUI's own guider and samplers: its memory management, previews and Stop."""

from collections.abc import Callable
from dataclasses import dataclass

import comfy.model_management
import comfy.samplers
import latent_preview
import torch

from ...progress import Progress
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
