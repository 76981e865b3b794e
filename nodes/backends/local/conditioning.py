"""Tags, lyrics and music data → the CONDITIONING each generation of ACE-Step was trained on."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from ...request.requests import Request
from ...words import tags as tag_reader
from ...words.lyrics import has_words, is_instrumental_marker
from ...words.remarks import Remark, remark
from ...words.tempo import usual_tempo, wanted_and_denied
from .family import V1, V15, Family

# What the models were shown for music without vocals.
_INSTRUMENTAL_LYRICS = "[Instrumental]"
NO_LANGUAGE = "unknown"

# Above this share of unknown tokens v1 sings something else.
_V1_MAX_UNKNOWN_SHARE = 0.3
_V1_UNKNOWN_TOKEN = 1
# What the models were shown at most; upstream drops what goes beyond. By the names ComfyUI gives the texts.
_TEXT_TOKENS, _LYRIC_TOKENS = 256, 2048
_OTHER_TASKS = ("audio_codes", "reference_audio_timbre_latents")

# What the templates say of a song: the key and the metre of all of them, and the tempo that ComfyUI's node begins with.
_TEMPLATE_BPM, _TEMPLATE_KEY, _TEMPLATE_BEATS = 120, "E minor", 4
# The metre of most songs, for a plan whose tags name none.
_USUAL_BEATS = 4

# The task is named in the text itself (constants.py of ACE-Step-1.5).
REPAINT_INSTRUCTION = "Repaint the mask area based on the given conditions:"
COVER_INSTRUCTION = "Generate audio semantic tokens based on the given conditions:"
SONG_INSTRUCTION = "Fill the audio semantic mask based on the given conditions:"


@dataclass(frozen=True)
class Prompt:
    """What is to be heard. None: left to the model.

    bpm: 30…300. key: as "A minor". beats: beats a bar, 2, 3, 4 or 6. seconds: length of all the model renders.
    """

    tags: str
    lyrics: str
    language: str
    seconds: float
    bpm: int | None = None
    key: str | None = None
    beats: int | None = None

    @classmethod
    def of(cls, request: Request, language: str, seconds: float) -> "Prompt":
        """The prompt of a request; tempo, key and metre go from the tags into their own fields, as upstream advises."""
        metre = tag_reader.read_time_signature(request.tags)
        return cls(
            tags=tag_reader.without_data(request.tags),
            lyrics=lyrics_or(_INSTRUMENTAL_LYRICS, request),
            language=language if has_words(request.lyrics) else NO_LANGUAGE,
            seconds=seconds,
            bpm=tag_reader.read_bpm(request.tags),
            key=tag_reader.read_key(request.tags),
            beats=int(metre.split("/")[0]) if metre else None,
        )

    @classmethod
    def of_template(cls, request: Request, language: str, seconds: float, warn: Callable[[Remark], None]) -> "Prompt":
        """The prompt of a request as the official ComfyUI templates give it: tags and lyrics to the letter.

        They always name tempo, key and metre; where the tags do not, so does this, and says so.
        """
        bpm, key = tag_reader.read_bpm(request.tags), tag_reader.read_key(request.tags)
        metre = tag_reader.read_time_signature(request.tags)
        given = {f"{_TEMPLATE_BPM} BPM": bpm, _TEMPLATE_KEY: key, f"{_TEMPLATE_BEATS}/4": metre}
        if missing := ", ".join(data for data, found in given.items() if found is None):
            warn(remark("told_by_template", told=missing))
        return cls(
            tags=request.tags,
            lyrics=request.lyrics,
            language=language,
            seconds=seconds,
            bpm=bpm or _TEMPLATE_BPM,
            key=key or _TEMPLATE_KEY,
            beats=int(metre.split("/")[0]) if metre else _TEMPLATE_BEATS,
        )

    def to_plan(self, tags: str, warn: Callable[[Remark], None]) -> "Prompt":
        """The same with a tempo and a metre, for a language model that plans from them, and a word about it.

        Upstream's language model writes them before it plans; ComfyUI's always has them from the node. A plan without
        is a case that neither was made for.
        """
        if self.bpm is not None and self.beats is not None:
            return self
        wanted, _ = wanted_and_denied(tags)
        bpm, beats = self.bpm or usual_tempo(wanted).middle, self.beats or _USUAL_BEATS
        warn(remark("plan_filled", bpm=bpm, beats=beats))
        return replace(self, bpm=bpm, beats=beats)


def lyrics_or(instrumental: str, request: Request) -> str:
    """The lyrics, or ``instrumental`` where there are none. Section markers without words keep the form they give."""
    blank = not request.lyrics or is_instrumental_marker(request.lyrics)
    return instrumental if blank else request.lyrics


def encode_v1(clip, tags: str, lyrics: str, warn: Callable[[Remark], None]) -> list:
    """v1: tags through UMT5, lyrics as token numbers."""
    tokens = clip.tokenize(tags, lyrics=lyrics)
    _warn_of_length(tokens, {"umt5base": ("tags", _TEXT_TOKENS)}, V1, warn)
    numbers = [token[0] for token in tokens["lyrics"][0]] if lyrics else []
    unknown = numbers.count(_V1_UNKNOWN_TOKEN)
    if unknown > _V1_MAX_UNKNOWN_SHARE * len(numbers):
        warn(remark("lyrics_unread", unknown=unknown, all=len(numbers)))
    return clip.encode_from_tokens_scheduled(tokens)


def with_lyrics_strength(conditioning: list, strength: float) -> list:
    """v1: the same conditioning with the lyrics' embedding multiplied by ``strength``."""
    return [[cross, {**extra, "lyrics_strength": strength}] for cross, extra in conditioning]


def encode_v15_song(
    clip, prompt: Prompt, seed: int, warn: Callable[[Remark], None], top_p: float = 0.9, planned: bool = True
) -> list:
    """1.5, text to music as ComfyUI's node encodes it.

    planned: the language model writes five audio codes for every second, from ``seed`` and the likeliest ``top_p`` of
    them all.
    """
    tokens = clip.tokenize(prompt.tags, **_v15_fields(prompt), seed=seed, generate_audio_codes=planned, top_p=top_p)
    _warn_of_length(tokens, _V15_LIMITS, V15, warn)
    return clip.encode_from_tokens_scheduled(tokens)


def encode_v15_repaint(clip, prompt: Prompt, warn: Callable[[Remark], None]) -> list:
    """1.5, repaint: no audio codes, as the surroundings say what the music is, and the repaint instruction."""
    return encode_v15_without_codes(clip, prompt, REPAINT_INSTRUCTION, warn)


def encode_v15_without_codes(clip, prompt: Prompt, instruction: str, warn: Callable[[Remark], None]) -> list:
    """1.5, any task that the language model does not plan, by its instruction."""
    tokens = clip.tokenize(prompt.tags, **_v15_fields(prompt), generate_audio_codes=False)
    # ComfyUI's template names the cover task; upstream was trained with the task's own instruction.
    text = _v15_text(instruction, prompt)
    try:
        tokens["qwen3_06b"] = clip.tokenizer.qwen3_06b.tokenize_with_weights(text, False, disable_weights=True)
    except (AttributeError, TypeError) as error:
        warn(remark("asked_for_cover", error=str(error)))
    _warn_of_length(tokens, _V15_LIMITS, V15, warn)
    positive = clip.encode_from_tokens_scheduled(tokens)
    # Codes would turn the task into another one; a clip that adds its own must not get its way.
    return [[cross, {k: v for k, v in extra.items() if k not in _OTHER_TASKS}] for cross, extra in positive]


def zeroed(conditioning: list) -> list:
    """The same conditioning with nothing in it, which both networks take as "no prompt"."""
    blank = []
    for cross, extra in conditioning:
        extra = dict(extra)
        for key in ("pooled_output", "conditioning_lyrics"):
            if extra.get(key) is not None:
                extra[key] = torch.zeros_like(extra[key])
        blank.append([torch.zeros_like(cross), extra])
    return blank


_V15_LIMITS = {"qwen3_06b": ("tags", _TEXT_TOKENS), "lyrics": ("lyrics", _LYRIC_TOKENS)}


def _warn_of_length(
    tokens: dict, limits: dict[str, tuple[str, int]], family: Family, warn: Callable[[Remark], None]
) -> None:
    for name, (text, limit) in limits.items():
        length = sum(len(batch) for batch in tokens.get(name, ()))
        if length > limit:
            warn(remark(f"{text}_too_long", length=length, title=family.title, limit=limit))


def _v15_fields(prompt: Prompt) -> dict:
    fields = {"bpm": prompt.bpm, "keyscale": prompt.key, "timesignature": prompt.beats}
    known = {name: value for name, value in fields.items() if value is not None}
    return known | {"lyrics": prompt.lyrics, "language": prompt.language, "duration": prompt.seconds}


def _v15_text(instruction: str, prompt: Prompt) -> str:
    metas = {
        "bpm": prompt.bpm,
        "timesignature": prompt.beats,
        "keyscale": prompt.key,
        "duration": f"{int(prompt.seconds)} seconds",
    }
    lines = "\n".join(f"- {name}: {'N/A' if value is None else value}" for name, value in metas.items())
    return (
        f"# Instruction\n{instruction}\n\n# Caption\n{prompt.tags.strip()}\n\n# Metas\n{lines}\n"
        "<|endoftext|>\n<|endoftext|>"
    )
