"""Adaptive projected guidance, as both generations of ACE-Step were tuned with it.

Sadat et al. 2024, "Eliminating Oversaturation and Artifacts of High Guidance Scales": the guidance direction
is averaged with a negative momentum, limited in length, and only its part at right angles to the prediction
is used. v1 takes lengths over each channel's frequency × time plane, 1.5 over time.
"""

import torch

_MOMENTUM = -0.75
_MAX_NORM = 2.5


class ProjectedGuidance:
    """The guidance rule of one sampling run; it carries momentum, so every run needs its own.

    dims: the dimensions of a latent over which lengths and projections are taken.
    """

    def __init__(self, dims: tuple[int, ...]):
        self._dims = dims
        self._running: torch.Tensor | float = 0.0

    def velocity(self, cond: torch.Tensor, uncond: torch.Tensor, scale: float) -> torch.Tensor:
        """Velocities predicted with and without the prompt → the velocity to follow."""
        self._running = (cond - uncond) + _MOMENTUM * self._running
        length = self._running.norm(p=2, dim=self._dims, keepdim=True)
        # A zero direction keeps its length of zero whatever it is scaled by.
        direction = self._running * (_MAX_NORM / length.clamp(min=1e-12)).clamp(max=1.0)
        # In float64 as upstream does: the two parts nearly cancel when they are parallel.
        wide, unit = direction.double(), cond.double()
        unit = unit / unit.norm(p=2, dim=self._dims, keepdim=True).clamp(min=1e-12)
        parallel = (wide * unit).sum(dim=self._dims, keepdim=True) * unit
        return cond + (scale - 1) * (wide - parallel).to(cond.dtype)

    def __call__(self, args: dict) -> torch.Tensor:
        """ComfyUI's ``sampler_cfg_function``: ``cond`` and ``uncond`` come as x − denoised = σ · velocity."""
        if args["cond_scale"] == 1.0:
            return args["cond"]
        sigma = args["sigma"].reshape(-1, *[1] * (args["cond"].ndim - 1)).to(args["cond"])
        return sigma * self.velocity(args["cond"] / sigma, args["uncond"] / sigma, args["cond_scale"])
