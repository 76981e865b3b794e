"""The four hosted ACE-Step models: which one a request goes to, and the body it gets."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from ...errors import InputError
from ...request.requests import GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ...words.remarks import remark
from ...words.tags import is_instrumental, join_tags, split_tags
from ...words.vocabulary import LANGUAGE_NAMES

MAX_CALL_SECONDS = 240
MAX_BODY_BYTES = 64 * 1024 * 1024

V1, V1_5 = "ace-step", "ace-step-1.5"
TEXT_TO_AUDIO = {
    V1: "acestep-ai/ace-step/text-to-audio",
    V1_5: "acestep-ai/ace-step-1.5/text-to-audio",
}
INPAINT = "acestep-ai/ace-step/audio-inpaint"
OUTPAINT = "acestep-ai/ace-step/audio-outpaint"
MODELS = (*TEXT_TO_AUDIO.values(), INPAINT, OUTPAINT)

# Times are sent to the microsecond, far below one sample.
_TIME_DECIMALS = 6


@dataclass(frozen=True)
class Body:
    """What is POSTed. ``sha256`` identifies it in the journal; ``seconds`` is the sound that should come back.

    words: everything of it but the sound. where: the range, or the extensions, in seconds. as_wav: the same with its
    sound as WAV, for a service that does not read FLAC; None where there is none, or the body would be too large.
    known_as: its ``sha256``, where that is not of ``data``.
    """

    model: str
    data: bytes
    words: bytes
    seed: int
    seconds: float
    window_sha256: str | None = None
    where: tuple[float, ...] = ()
    as_wav: Callable[[], "Body | None"] = lambda: None
    known_as: str | None = None

    @cached_property
    def sha256(self) -> str:
        return self.known_as or hashlib.sha256(self.data).hexdigest()

    def descent_from(self, parent_key: str, source: str) -> str:
        """What this part of a chain was made from, however its parent was spliced.

        A later part's window holds sound of the part before it, and so changes with the crossfade. Two parts
        of equal descent asked for the same music; the later one needs not be bought again.
        """
        lines = (self.model.encode(), self.words, repr(self.seconds).encode(), parent_key.encode(), source.encode())
        return hashlib.sha256(b"\n".join(lines)).hexdigest()


class Sendable(Protocol):
    """A window of the source as the files it can be sent as."""

    def flac(self) -> bytes: ...

    def wav(self) -> bytes: ...


def model_for(request: Request) -> str:
    """The hosted model for a request. Raises InputError for one that does not exist."""
    version = V1 if request.version == "auto" else request.version
    if isinstance(request, GenerateRequest):
        return TEXT_TO_AUDIO[version]
    if version != V1:
        raise InputError(remark("edits_are_v1", node=request.node, version=request.version))
    return INPAINT if isinstance(request, InpaintRequest) else OUTPAINT


def version_of(model: str) -> str:
    """``ace-step`` or ``ace-step-1.5``."""
    return V1_5 if model == TEXT_TO_AUDIO[V1_5] else V1


def model_meant_by(told: str) -> str | None:
    """The hosted model that RunComfy calls ``told``, perhaps with a version behind its name; None for another."""
    told = told.strip()
    return next((m for m in MODELS if told == m or (told.startswith(m) and not told[len(m)].isalnum())), None)


def task_of(model: str) -> str:
    """``text-to-audio``, ``audio-inpaint`` or ``audio-outpaint``."""
    return model.rsplit("/", 1)[1]


def generate_body(request: GenerateRequest) -> Body:
    """Text to audio."""
    fields = _words(request) | {"duration": request.duration, "seed": request.seed}
    words = _json(fields)
    return Body(model_for(request), words, words, request.seed, float(request.duration))


def inpaint_body(request: InpaintRequest, sent: Sendable, window_seconds: float, span: Sequence[float]) -> Body:
    """New sound between ``span`` = (start, end), in seconds from the start of the window in ``sent``."""
    start, end = (round(seconds, _TIME_DECIMALS) for seconds in span)
    fields = _words(request) | {
        "start_time": start,
        "start_time_relative_to": "start",
        "end_time": end,
        "end_time_relative_to": "start",
        "seed": request.seed,
    }
    return _edit_body(request, INPAINT, sent, fields, window_seconds, (start, end))


def outpaint_body(request: OutpaintRequest, sent: Sendable, window_seconds: float, before: float, after: float) -> Body:
    """``before`` and ``after`` seconds of new sound around the window in ``sent``."""
    before, after = round(before, _TIME_DECIMALS), round(after, _TIME_DECIMALS)
    fields = _words(request) | {
        "extend_before_duration": before,
        "extend_after_duration": after,
        "seed": request.seed,
    }
    return _edit_body(request, OUTPAINT, sent, fields, window_seconds + before + after, (before, after))


def _edit_body(
    request: Request, model: str, sent: Sendable, fields: dict, seconds: float, where: tuple[float, ...]
) -> Body:
    flac, words = sent.flac(), _json(fields)
    data = _with_sound("flac", flac, words)
    if len(data) > MAX_BODY_BYTES:
        said = remark("request_too_large", size=f"{len(data) / 2**20:.1f}", most=MAX_BODY_BYTES // 2**20)
        raise InputError(remark("of_node", node=request.node, said=said))
    body = Body(model, data, words, request.seed, seconds, hashlib.sha256(flac).hexdigest(), where)

    def as_wav() -> Body | None:
        data = _with_sound("wav", sent.wav(), words)
        # Known by the same hash: it asks for the same music, whichever of the two the service takes the next time.
        return replace(body, data=data, known_as=body.sha256) if len(data) <= MAX_BODY_BYTES else None

    return replace(body, as_wav=as_wav)


def _with_sound(form: str, file: bytes, words: bytes) -> bytes:
    # Joined as bytes: the sound is large, and a JSON encoder would copy it several times.
    uri = f"data:audio/{form};base64,".encode() + base64.b64encode(file)
    return b'{"audio":"' + uri + b'",' + words[1:]


def _words(request: Request) -> dict:
    return {"tags": tags_sent(request), "lyrics": lyrics_sent(request)}


def tags_sent(request: Request) -> str:
    """The tags, with the vocal language as one more, as TagBuilder writes it, when it is set and not there yet."""
    name = LANGUAGE_NAMES.get(request.language)
    if name is None or name in request.tags.casefold() or is_instrumental(request.tags):
        return request.tags
    return join_tags([*split_tags(request.tags), f"{name} vocal"])


def lyrics_sent(request: Request) -> str:
    """Blank lyrics let the service write its own, so instrumental tags turn them into ``[inst]``."""
    if not request.lyrics.strip() and is_instrumental(request.tags):
        return "[inst]"
    return request.lyrics


def writes_own_lyrics(request: Request) -> bool:
    """Whether RunComfy's model will write the words itself."""
    return not lyrics_sent(request).strip()


def _json(fields: dict) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
