"""What a rendering node was asked to do, checked once and then immutable."""

import math
import secrets
from dataclasses import dataclass, field, replace

from .errors import InputError
from .progress import Progress
from .vocabulary import BACKENDS, LANGUAGES, MAX_BPM, MIN_BPM, VARIANTS, VERSIONS

MAX_SEED = 2**31 - 1
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


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the three rendering nodes share. ``seed`` is never -1: a drawn seed is already drawn.

    ``steps`` and ``guidance`` 0 mean the model's own recipe. ``model``, ``clip`` and ``vae`` are ComfyUI
    objects that each replace only its own part of what the local backend would load.
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
    max_cost_usd: float = 1.0
    resume_request_ids: tuple[str, ...] = ()
    model: object = field(default=None, compare=False)
    clip: object = field(default=None, compare=False)
    vae: object = field(default=None, compare=False)
    progress: Progress = field(default_factory=Progress, compare=False)
    call: Call = Call()

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed a take: seed, seed+1, …, wrapping to 0 past the largest allowed seed."""
        return tuple((self.seed + take) % (MAX_SEED + 1) for take in range(self.batch_size))

    def for_call(self, call: Call) -> "Request":
        """This request for one render: the seed of its take."""
        return replace(self, seed=self.seeds[call.take], batch_size=1, call=call)


@dataclass(frozen=True, kw_only=True)
class GenerateRequest(Request):
    """``duration`` in whole seconds, 5 to 600."""

    duration: int


@dataclass(frozen=True, kw_only=True)
class EditRequest(Request):
    """What inpaint and outpaint share.

    context_seconds: unchanged source given to the model on each side, 0 to 120.
    crossfade_ms: 0 to 1000. match_loudness: level the new sound to its surroundings.
    """

    context_seconds: float = 30.0
    crossfade_ms: float = 30.0
    match_loudness: bool = True


@dataclass(frozen=True, kw_only=True)
class InpaintRequest(EditRequest):
    """``strength`` 0 to 1: how much of the range may change (local backend)."""

    strength: float = 1.0


@dataclass(frozen=True, kw_only=True)
class OutpaintRequest(EditRequest):
    """Seconds of new sound before and after the source, 0 to 240 each, not both 0."""

    extend_before_duration: float = 0.0
    extend_after_duration: float = 30.0


def generate_request(*, duration, **shared) -> GenerateRequest:
    """Checked request of ACEStepGenerate. Raises InputError."""
    node = shared["node"]
    seconds = whole_number(node, "duration", duration, MIN_DURATION_SECONDS, MAX_DURATION_SECONDS, "s")
    return GenerateRequest(duration=seconds, **_shared(**shared))


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
        raise InputError(
            f"{node}: extend_before_duration and extend_after_duration are both 0 s, so there is nothing to add; "
            f"set at least one of them, up to {MAX_EXTENSION_SECONDS:g} s."
        )
    return OutpaintRequest(extend_before_duration=before, extend_after_duration=after, **_edit(**shared))


def number(node: str, name: str, value, low: float, high: float, unit: str = "") -> float:
    """``value`` as a float within [low, high], or InputError."""
    unit = f" {unit}" if unit else ""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{node}: {name} is {value!r}; it must be a number from {low:g} to {high:g}{unit}.")
    if not low <= value <= high:
        raise InputError(f"{node}: {name} is {value:g}{unit}; {low:g} to {high:g}{unit} is allowed.")
    return float(value)


def whole_number(node: str, name: str, value, low: int, high: int, unit: str = "") -> int:
    """``value`` as an int within [low, high], or InputError."""
    unit = f" {unit}" if unit else ""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or value != int(value):
        raise InputError(f"{node}: {name} is {value!r}; it must be a whole number from {low} to {high}{unit}.")
    if not low <= value <= high:
        raise InputError(f"{node}: {name} is {int(value)}{unit}; {low} to {high}{unit} is allowed.")
    return int(value)


def tempo(node: str, value) -> int:
    """``value`` as a tempo in BPM: 0 (none) or what ACE-Step accepts, or InputError."""
    bpm = whole_number(node, "bpm", value, 0, MAX_BPM)
    if 0 < bpm < MIN_BPM:
        raise InputError(f"{node}: bpm is {bpm}; 0 (none) or {MIN_BPM} to {MAX_BPM} is allowed.")
    return bpm


def choice(node: str, name: str, value, options: tuple[str, ...]) -> str:
    """``value`` when it is one of ``options``, or InputError."""
    if value not in options:
        raise InputError(f"{node}: {name} is {value!r}; choose one of {', '.join(options)}.")
    return value


def text(node: str, name: str, value) -> str:
    """``value`` when it is text, or InputError."""
    if not isinstance(value, str):
        raise InputError(f"{node}: {name} is {type(value).__name__}; it must be text.")
    return value


def tags_problem(node: str, tags) -> str | None:
    """The sentence to show when ``tags`` cannot be used, else None."""
    if not isinstance(tags, str):
        return f"{node}: tags is {type(tags).__name__}; it must be text."
    if not tags.strip(" ,\t\r\n"):
        return (
            f"{node}: tags is empty; describe the music with at least one comma-separated tag, "
            "for example: lo-fi hip-hop, mellow, rhodes piano, 75 BPM."
        )
    return None


def _shared(
    *, node, tags, lyrics, seed, version, backend, batch_size, language="auto", variant="auto", steps=0,
    guidance=0.0, max_cost_usd=1.0, resume_request_id="", model=None, clip=None, vae=None, progress=None,
) -> dict:  # fmt: skip
    problem = tags_problem(node, tags)
    if problem:
        raise InputError(problem)
    seed = whole_number(node, "seed", seed, -1, MAX_SEED)
    ids = text(node, "resume_request_id", resume_request_id)
    return {
        "node": node,
        "tags": tags.strip(),
        "lyrics": text(node, "lyrics", lyrics).strip(),
        "seed": secrets.randbelow(MAX_SEED + 1) if seed == -1 else seed,
        "version": choice(node, "version", version, VERSIONS),
        "backend": choice(node, "backend", backend, BACKENDS),
        "batch_size": whole_number(node, "batch_size", batch_size, 1, MAX_BATCH_SIZE),
        "language": choice(node, "language", language, ("auto", *LANGUAGES)),
        "variant": choice(node, "variant", variant, VARIANTS),
        "steps": whole_number(node, "steps", steps, 0, MAX_STEPS),
        "guidance": number(node, "guidance", guidance, 0.0, MAX_GUIDANCE),
        "max_cost_usd": number(node, "max_cost_usd", max_cost_usd, 0.0, MAX_COST_USD, "USD"),
        "resume_request_ids": tuple(part for part in (piece.strip() for piece in ids.split(",")) if part),
        "model": model,
        "clip": clip,
        "vae": vae,
        "progress": progress or Progress(),
    }


def _edit(*, context_seconds=30.0, crossfade_ms=30.0, match_loudness=True, **shared) -> dict:
    node = shared["node"]
    if not isinstance(match_loudness, bool):
        raise InputError(f"{node}: match_loudness is {match_loudness!r}; it must be true or false.")
    return _shared(**shared) | {
        "context_seconds": number(node, "context_seconds", context_seconds, 0.0, MAX_CONTEXT_SECONDS, "s"),
        "crossfade_ms": number(node, "crossfade_ms", crossfade_ms, 0.0, MAX_CROSSFADE_MS, "ms"),
        "match_loudness": match_loudness,
    }
