"""Tags, lyrics and music data → the CONDITIONING each generation of ACE-Step was trained on."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ... import tags as tag_reader
from ...lyrics import has_words, is_instrumental_marker
from ...request import Request

# What the models were shown for music without vocals.
_INSTRUMENTAL_LYRICS = "[Instrumental]"
NO_LANGUAGE = "unknown"

# Above this share of unknown tokens v1 sings something else.
_V1_MAX_UNKNOWN_SHARE = 0.3
_V1_UNKNOWN_TOKEN = 1
_OTHER_TASKS = ("audio_codes", "reference_audio_timbre_latents")

# The task is named in the text itself (constants.py of ACE-Step-1.5).
REPAINT_INSTRUCTION = "Repaint the mask area based on the given conditions:"


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
        """The prompt of a request; tempo, key and metre are read out of the tags."""
        metre = tag_reader.read_time_signature(request.tags)
        return cls(
            tags=request.tags,
            lyrics=lyrics_or(_INSTRUMENTAL_LYRICS, request),
            language=language if has_words(request.lyrics) else NO_LANGUAGE,
            seconds=seconds,
            bpm=tag_reader.read_bpm(request.tags),
            key=tag_reader.read_key(request.tags),
            beats=int(metre.split("/")[0]) if metre else None,
        )


def lyrics_or(instrumental: str, request: Request) -> str:
    """The lyrics, or ``instrumental`` where there are none. Section markers without words keep the form they give."""
    blank = not request.lyrics or is_instrumental_marker(request.lyrics)
    return instrumental if blank else request.lyrics


def encode_v1(clip, tags: str, lyrics: str, warn: Callable[[str], None]) -> list:
    """v1: tags through UMT5, lyrics as token numbers."""
    tokens = clip.tokenize(tags, lyrics=lyrics)
    numbers = [token[0] for token in tokens["lyrics"][0]] if lyrics else []
    unknown = numbers.count(_V1_UNKNOWN_TOKEN)
    if unknown > _V1_MAX_UNKNOWN_SHARE * len(numbers):
        warn(
            f"ACE-Step v1 cannot read {unknown} of {len(numbers)} pieces of the lyrics; set language, write them in "
            "Latin letters, or set version to ace-step-1.5."
        )
    return clip.encode_from_tokens_scheduled(tokens)


def encode_v15_song(clip, prompt: Prompt, seed: int) -> list:
    """1.5, text to music: the language model also writes five audio codes for every second, from ``seed``."""
    tokens = clip.tokenize(prompt.tags, **_v15_fields(prompt), seed=seed, generate_audio_codes=True)
    return clip.encode_from_tokens_scheduled(tokens)


def encode_v15_repaint(clip, prompt: Prompt, warn: Callable[[str], None]) -> list:
    """1.5, repaint: no audio codes, as the surroundings say what the music is, and the repaint instruction."""
    tokens = clip.tokenize(prompt.tags, **_v15_fields(prompt), generate_audio_codes=False)
    # ComfyUI's template names the cover task; upstream was trained with the task's own instruction.
    text = _v15_text(REPAINT_INSTRUCTION, prompt)
    try:
        tokens["qwen3_06b"] = clip.tokenizer.qwen3_06b.tokenize_with_weights(text, False, disable_weights=True)
    except (AttributeError, TypeError) as error:
        warn(f"The connected clip cannot be given the repaint instruction ({error}), so it was asked for a cover.")
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


def _v15_fields(prompt: Prompt) -> dict:
    fields = {"bpm": prompt.bpm, "keyscale": prompt.key, "timesignature": prompt.beats}
    known = {name: value for name, value in fields.items() if value is not None}
    return known | {"lyrics": prompt.lyrics, "language": prompt.language, "duration": prompt.seconds}


def _v15_text(instruction: str, prompt: Prompt) -> str:
    metas = {
        "bpm": prompt.bpm,
        "timesignature": prompt.beats,
        "keyscale": prompt.key,
        "duration": f"{math.ceil(prompt.seconds)} seconds",
    }
    lines = "\n".join(f"- {name}: {'N/A' if value is None else value}" for name, value in metas.items())
    return (
        f"# Instruction\n{instruction}\n\n# Caption\n{prompt.tags.strip()}\n\n# Metas\n{lines}\n"
        "<|endoftext|>\n<|endoftext|>"
    )
