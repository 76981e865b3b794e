"""Which noise levels the samplers visit, and which part of a schedule an edit runs."""

import torch

# Upstream v1 applies its shift of 3 twice; 0.002994 is what its first application makes of the last step.
_V1_SHIFT = 3.0
_V1_LAST_SIGMA = 0.002994
# v1 guides only the middle half of the steps (guidance_interval 0.5).
_V1_GUIDED = (0.25, 0.75)


def shifted(sigmas: torch.Tensor, shift: float) -> torch.Tensor:
    """The time shift of flow models: σ' = shift·σ / (1 + (shift − 1)·σ)."""
    return shift * sigmas / (1 + (shift - 1) * sigmas)


def v1_sigmas(steps: int) -> torch.Tensor:
    """float32 [steps + 1] from 1 to 0, as upstream's scheduler makes them (pipeline_ace_step.py of ACE-Step)."""
    levels = shifted(torch.linspace(1.0, _V1_LAST_SIGMA, steps, dtype=torch.float64), _V1_SHIFT)
    return torch.cat([levels, levels.new_zeros(1)]).float()


def v15_sigmas(steps: int, shift: float) -> torch.Tensor:
    """float32 [steps + 1] from 1 to 0; ComfyUI's ``simple`` scheduler at this shift, for any number of steps."""
    return shifted(torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64), shift).float()


def v1_guided_steps(steps: int) -> range:
    """The steps of a full schedule in which v1 is guided; in the others only the prompt itself is followed."""
    first, last = _V1_GUIDED
    return range(int(first * steps), int(last * steps))


def first_step(steps: int, strength: float) -> int:
    """The step at which an edit of ``strength`` 0…1 begins; the earlier ones would keep the source as it is.

    The very expression of upstream v1, truncation of the float product included, so that results agree
    (60 steps at 0.8 begin at 11, not at 12).
    """
    return int(steps * (1 - strength))


def step_of(sigma: float, sigmas: torch.Tensor) -> int:
    """The step of ``sigmas`` that a sampler is at when it asks for noise level ``sigma``."""
    return int((sigmas[:-1] - sigma).abs().argmin())
