"""What a rendering node was asked to do, checked once and then immutable."""

import secrets
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..errors import InputError
from ..words.remarks import Remark, remark
from ..words.vocabulary import (
    BACKENDS,
    KEEPS,
    LANGUAGES,
    PLANNINGS,
    RECIPES,
    REFERENCE_USES,
    SURROUNDINGS,
    VARIANTS,
    VERSIONS,
)
from .progress import Progress
from .values import MAX_SEED, choice, number, seed_number, tags_problem, text, whole_number, yes_or_no

MAX_BATCH_SIZE = 16
MAX_STEPS = 200
MAX_GUIDANCE = 30.0
MAX_COST_USD = 1000.0
MIN_DURATION_SECONDS, MAX_DURATION_SECONDS = 5, 600
MAX_EXTENSION_SECONDS = 240.0
MAX_CONTEXT_SECONDS = 120.0
MAX_CROSSFADE_MS = 1000.0


@dataclass(frozen=True)
class Call:
    """Which render of a run this is: batch item of the source, take, and part of an edit, all from 0."""

    item: int = 0
    take: int = 0
    part: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """What the three rendering nodes share. ``seed`` is never -1: a drawn seed is already drawn.

    ``recipe`` says whose settings the local model runs with; ``steps`` and ``guidance`` 0 mean that recipe's own.
    ``model``, ``clip`` and ``vae`` are ComfyUI objects that each replace only its own part of what the local backend
    would load. ``remarks`` is what the report has to say of the request itself.
    """

    node: str
    tags: str
    lyrics: str = ""
    seed: int = 0
    version: str = "auto"
    backend: str = "auto"
    batch_size: int = 1
    language: str = "auto"
    variant: str = "auto"
    steps: int = 0
    guidance: float = 0.0
    recipe: str = "upstream"
    max_cost_usd: float = 1.0
    resume_request_ids: tuple[str, ...] = ()
    model: object = None
    clip: object = None
    vae: object = None
    progress: Progress = field(default_factory=Progress)
    call: Call = Call()
    remarks: tuple[Remark, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed a take: seed, seed+1, …, wrapping to 0 past the largest allowed seed."""
        return tuple((self.seed + take) % (MAX_SEED + 1) for take in range(self.batch_size))

    def for_call(self, call: Call) -> "Request":
        """This request for one render: the seed of its take."""
        return replace(self, seed=self.seeds[call.take], batch_size=1, call=call)


@dataclass(frozen=True, kw_only=True, eq=False)
class GenerateRequest(Request):
    """``duration`` in whole seconds, 5 to 600. The rest is for the local models.

    planning: ``off`` leaves out the language model of 1.5. reference: a sound to take the timbre from, or to cover, as
    ``reference_use`` says; reference_strength: of a cover, 0 to 1. variation: 0 to 1, how far the noise is turned from
    that of ``seed`` to that of ``variation_seed``.
    """

    duration: int
    planning: str = "auto"
    reference: Any = None
    reference_use: str = "timbre"
    reference_strength: float = 1.0
    variation: float = 0.0
    variation_seed: int = 0

    @property
    def covers(self) -> bool:
        return self.reference is not None and self.reference_use == "cover"

    def for_call(self, call: Call) -> "GenerateRequest":
        toward = (self.variation_seed + call.take) % (MAX_SEED + 1)
        return replace(self, seed=self.seeds[call.take], variation_seed=toward, batch_size=1, call=call)


@dataclass(frozen=True, kw_only=True, eq=False)
class EditRequest(Request):
    """What inpaint and outpaint share.

    context_seconds: unchanged source given to the model on each side, 0 to 120.
    crossfade_ms: 0 to 1000. match_loudness: level the new sound to its surroundings.
    loop: the track's end is followed by its start. keep: of several takes hand on ``all`` or the ``best``.
    surroundings: how firmly what is kept holds the new part while local 1.5 makes it.
    """

    context_seconds: float = 30.0
    crossfade_ms: float = 30.0
    match_loudness: bool = True
    surroundings: str = "hold"
    loop: bool = False
    keep: str = "all"


@dataclass(frozen=True, kw_only=True, eq=False)
class InpaintRequest(EditRequest):
    """``strength`` 0 to 1: how much of the range may change (local backend)."""

    strength: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class OutpaintRequest(EditRequest):
    """Seconds of new sound before and after the source, 0 to 240 each, not both 0."""

    extend_before_duration: float = 0.0
    extend_after_duration: float = 30.0

    def as_inpaint(self) -> InpaintRequest:
        """The same as an inpaint of what is added: between two parts that are kept there is no outside."""
        return InpaintRequest(**{each.name: getattr(self, each.name) for each in fields(EditRequest)})


def generate_request(
    *, duration, planning="auto", reference=None, reference_use="timbre", reference_strength=1.0, variation=0.0,
    variation_seed=0, **shared,
) -> GenerateRequest:  # fmt: skip
    """Checked request of ACEStepGenerate. Raises InputError."""
    node = shared["node"]
    toward, folded = seed_number(node, "variation_seed", variation_seed, 0)
    request = GenerateRequest(
        duration=whole_number(node, "duration", duration, MIN_DURATION_SECONDS, MAX_DURATION_SECONDS, "s"),
        planning=choice(node, "planning", planning, PLANNINGS),
        reference=reference,
        reference_use=choice(node, "reference_use", reference_use, REFERENCE_USES),
        reference_strength=number(node, "reference_strength", reference_strength, 0.0, 1.0),
        variation=number(node, "variation", variation, 0.0, 1.0),
        variation_seed=toward,
        **_shared(**shared),
    )
    if folded and request.variation:
        request = replace(request, remarks=(*request.remarks, folded))
    if reference is not None:
        _check_takes_reference(request)
    return request


def _check_takes_reference(request: GenerateRequest) -> None:
    """Raise InputError where nothing can come of a reference, whatever is installed."""
    if request.backend not in ("auto", "local"):
        raise InputError(remark("reference_not_for_backend", node=request.node, backend=request.backend))
    if request.version == "ace-step":
        raise InputError(remark("reference_not_for_version", node=request.node))


def inpaint_request(*, strength=1.0, **shared) -> InpaintRequest:
    """Checked request of ACEStepInpaint. Raises InputError."""
    node = shared["node"]
    return InpaintRequest(strength=number(node, "strength", strength, 0.0, 1.0), **_edit(**shared))


def outpaint_request(*, extend_before_duration, extend_after_duration, **shared) -> OutpaintRequest:
    """Checked request of ACEStepOutpaint. Raises InputError."""
    node = shared["node"]
    before = number(node, "extend_before_duration", extend_before_duration, 0.0, MAX_EXTENSION_SECONDS, "s")
    after = number(node, "extend_after_duration", extend_after_duration, 0.0, MAX_EXTENSION_SECONDS, "s")
    if before == 0.0 and after == 0.0:
        raise InputError(remark("nothing_to_add", node=node, most=f"{MAX_EXTENSION_SECONDS:g}"))
    request = OutpaintRequest(extend_before_duration=before, extend_after_duration=after, **_edit(**shared))
    if request.loop and before:
        raise InputError(remark("loop_extended_before", node=node, before=f"{before:g}"))
    return request


def _shared(
    *, node, tags, lyrics, seed, version, backend, batch_size, language="auto", variant="auto", steps=0,
    guidance=0.0, max_cost_usd=1.0, resume_request_id="", recipe="upstream", model=None, clip=None, vae=None,
    progress=None,
) -> dict:  # fmt: skip
    problem = tags_problem(node, tags)
    if problem:
        raise InputError(problem)
    seed, folded = seed_number(node, "seed", seed, -1)
    words = {"tags": tags, "lyrics": text(node, "lyrics", lyrics)}
    # A template of ComfyUI's gives the model every blank and empty line of them.
    to_the_letter = recipe == "comfyui" and backend in ("auto", "local")
    return {
        "node": node,
        **(words if to_the_letter else {name: value.strip() for name, value in words.items()}),
        "seed": secrets.randbelow(MAX_SEED + 1) if seed == -1 else seed,
        "version": choice(node, "version", version, VERSIONS),
        "backend": choice(node, "backend", backend, BACKENDS),
        "batch_size": whole_number(node, "batch_size", batch_size, 1, MAX_BATCH_SIZE),
        "language": choice(node, "language", language, ("auto", *LANGUAGES)),
        "variant": choice(node, "variant", variant, VARIANTS),
        "steps": whole_number(node, "steps", steps, 0, MAX_STEPS),
        "guidance": number(node, "guidance", guidance, 0.0, MAX_GUIDANCE),
        "max_cost_usd": number(node, "max_cost_usd", max_cost_usd, 0.0, MAX_COST_USD, "USD"),
        "resume_request_ids": _request_ids(node, text(node, "resume_request_id", resume_request_id)),
        "recipe": choice(node, "recipe", recipe, RECIPES),
        "model": model,
        "clip": clip,
        "vae": vae,
        "progress": progress or Progress(),
        "remarks": (folded,) if folded else (),
    }


def _request_ids(node: str, value: str) -> tuple[str, ...]:
    """Of "a, b". What each must look like is the backend's to say."""
    if not value.strip():
        return ()
    ids = tuple(piece.strip() for piece in value.split(","))
    if not all(ids):
        raise InputError(remark("id_missing", node=node))
    twice = next((each for each in ids if ids.count(each) > 1), None)
    if twice is not None:
        raise InputError(remark("id_twice", node=node, id=repr(twice[:140])))
    return ids


def _edit(
    *, context_seconds=30.0, crossfade_ms=30.0, match_loudness=True, surroundings="hold", loop=False, keep="all",
    **shared,
) -> dict:  # fmt: skip
    node = shared["node"]
    return _shared(**shared) | {
        "context_seconds": number(node, "context_seconds", context_seconds, 0.0, MAX_CONTEXT_SECONDS, "s"),
        "crossfade_ms": number(node, "crossfade_ms", crossfade_ms, 0.0, MAX_CROSSFADE_MS, "ms"),
        "match_loudness": yes_or_no(node, "match_loudness", match_loudness),
        "surroundings": choice(node, "surroundings", surroundings, SURROUNDINGS),
        "loop": yes_or_no(node, "loop", loop),
        "keep": choice(node, "keep", keep, KEEPS),
    }
