"""Steps, guidance and the rest a model is run with, unless the node says otherwise: upstream's, or ComfyUI's."""

from dataclasses import dataclass, replace

from ...request.requests import Request
from .correction import Correction
from .family import V1
from .installed import Chosen

_COMFYUI = "comfyui"
# What the language model draws from, in upstream's settings and in most of ComfyUI's templates.
_TOP_P = 0.9


@dataclass(frozen=True)
class Recipe:
    """steps: 1…200. guidance: 1 leaves out the prediction without the prompt. correction: after each step; None: none.

    template: everything else, from the noise levels to the text, is as in the official ComfyUI template of the model.
    top_p: the share of the likeliest audio codes that the language model of 1.5 draws from.
    """

    steps: int
    guidance: float
    correction: Correction | None = None
    template: bool = False
    top_p: float = _TOP_P


# Defaults of pipeline_ace_step.py (v1) and of ACE-Step-1.5's own page; turbo is distilled to need no guidance. Since
# August 2026 upstream corrects turbo only: base and sft came out distorted.
V1_RECIPE = Recipe(steps=60, guidance=15.0)
TURBO = Recipe(steps=8, guidance=1.0, correction=Correction(low=0.05, high=0.02))
BASE = Recipe(steps=32, guidance=7.0)
SFT = Recipe(steps=50, guidance=7.0)
# Of turbo when the language model has planned the song.
_PLANNED = Correction(low=0.02, high=0.06)

# The templates are for v1, turbo and the three XL models; base and sft are taken as the XL ones are.
_TEMPLATES = {
    "": Recipe(steps=50, guidance=5.0, template=True),
    "turbo": Recipe(steps=8, guidance=1.0, template=True),
    "base": Recipe(steps=50, guidance=6.0, template=True),
    "sft": Recipe(steps=50, guidance=7.0, template=True, top_p=1.0),
}


def follows_template(request: Request) -> bool:
    """Whether the request asks for the recipe of ComfyUI's templates."""
    return request.recipe == _COMFYUI


def recipe_for(chosen: Chosen, request: Request, *, planned: bool = False) -> Recipe:
    """The recipe of the chosen model with what the request changes about it. planned: with audio codes."""
    own = _TEMPLATES[chosen.variant.removeprefix("xl_")] if follows_template(request) else _upstream(chosen, planned)
    return replace(own, steps=request.steps or own.steps, guidance=request.guidance or own.guidance)


def _upstream(chosen: Chosen, planned: bool) -> Recipe:
    if chosen.family is V1:
        return V1_RECIPE
    if chosen.is_turbo:
        return replace(TURBO, correction=_PLANNED) if planned else TURBO
    return SFT if chosen.variant.endswith("sft") else BASE
