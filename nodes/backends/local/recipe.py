"""Steps and guidance a model is meant to run with, unless the node says otherwise."""

from dataclasses import dataclass

from ...request import Request
from .family import V1
from .installed import Chosen


@dataclass(frozen=True)
class Recipe:
    """steps: 1…200. guidance: 1 leaves out the prediction without the prompt."""

    steps: int
    guidance: float


# Defaults of pipeline_ace_step.py (v1) and of ACE-Step-1.5's handler; turbo is distilled to need no guidance.
V1_RECIPE = Recipe(steps=60, guidance=15.0)
TURBO = Recipe(steps=8, guidance=1.0)
BASE_AND_SFT = Recipe(steps=50, guidance=7.0)


def recipe_for(chosen: Chosen, request: Request) -> Recipe:
    """The recipe of the chosen model with what the request changes about it."""
    own = V1_RECIPE if chosen.family is V1 else TURBO if chosen.is_turbo else BASE_AND_SFT
    return Recipe(request.steps or own.steps, request.guidance or own.guidance)
