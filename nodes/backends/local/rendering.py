"""From a request and sound at the model's rate to sound at the model's rate: text, latents, network, VAE."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional

from ...lyrics import has_words
from ...request import GenerateRequest, InpaintRequest, OutpaintRequest, Request
from . import conditioning, lyric_language, v1, v15, vae_chunks
from .conditioning import Prompt
from .extend import extended, pass_lengths
from .family import V1
from .frames import Span, frames_of_samples, spans_inside, widened
from .installed import Chosen
from .loading import Loaded
from .memory import with_room
from .recipe import recipe_for
from .schedule import first_step

# Beside what was made new, this much of the source as the VAE gives it back is returned with it: a seam's
# loudness is compared over up to 3 s, and 1 s more keeps resampling filters off its end.
DECODED_CONTEXT_SECONDS = 4.0
# Before an extension the sound is mirrored over its end while it is encoded, so that its last frames are
# not encoded as the end of a file; the encoder of 1.5 looks 7 frames ahead.
_MIRRORED_FRAMES = 16
# The encoder draws from a distribution. One seed for all: takes then share one encoding of the source.
_ENCODING_SEED = 0

# What v1 was shown for music without vocals.
_V1_INSTRUMENTAL = "[inst]"

# The parts of one edit draw from different seeds: with the same noise and the same text, they would repeat each other.
# Larger than what the passes of one part add to it, and odd.
_PART_STRIDE = 1_000_000_007

_LESS_AT_ONCE = "Use a shorter duration or less context, another variant, or start ComfyUI with --lowvram."


class Renderer:
    """The loaded model of one run.

    warn: takes sentences for the report.
    """

    def __init__(self, chosen: Chosen, loaded: Loaded, warn: Callable[[str], None]):
        self._chosen, self._family = chosen, chosen.family
        self._model, self._clip, self._vae = loaded.model, loaded.clip, loaded.vae
        self._network = v1 if chosen.family is V1 else v15
        self._warn = warn
        self._texts: dict[tuple, tuple[list, list]] = {}
        self._encoded: tuple[torch.Tensor, torch.Tensor] | None = None

    def generate(self, request: GenerateRequest) -> torch.Tensor:
        """[2, duration · rate]"""
        family = self._family
        samples = request.duration * family.sample_rate
        frames = max(frames_of_samples(samples, family), family.min_frames)
        positive, negative = self._song_text(request)
        request.progress.status(state="sampling")
        latents = self._with_room(
            lambda: self._network.generate(
                self._model,
                positive,
                negative,
                frames=frames,
                recipe=recipe_for(self._chosen, request),
                seed=request.seed,
                progress=request.progress,
            ),
            request,
        )
        request.progress.status(state="decoding")
        waveform = vae_chunks.decode(self._vae, family, latents, 0, frames, request.progress)
        return waveform[:, :samples]

    def inpaint(
        self, source: torch.Tensor, ranges: Sequence[tuple[float, float]], request: InpaintRequest
    ) -> torch.Tensor:
        """source [2, N], ranges in seconds → the same with new sound in the ranges (see LocalBackend)."""
        family, samples = self._family, source.shape[1]
        frames = frames_of_samples(samples, family)
        spans = spans_inside(ranges, frames, family)
        steps = recipe_for(self._chosen, request).steps
        if first_step(steps, request.strength) == steps:
            self._warn(
                f"strength is {request.strength:g}, too little for a single one of {steps} steps: nothing changed."
            )
            return source
        text = self._edit_text(request, samples / family.sample_rate)
        missing = max(0, family.min_frames * family.hop - samples)
        latents = self._encode(torch.nn.functional.pad(source, (0, missing)), request)
        latents = self._repaint(text, latents, spans, request.strength, _seed(request), request)
        return self._patched(source, 0, latents, spans, request)

    def outpaint(self, source: torch.Tensor, before: float, after: float, request: OutpaintRequest) -> torch.Tensor:
        """source [2, N] → [2, before · rate + N + after · rate]"""
        family, samples = self._family, source.shape[1]
        before_samples, after_samples = round(before * family.sample_rate), round(after * family.sample_rate)
        whole = max(1, samples // family.hop) if after_samples else frames_of_samples(samples, family)
        head = frames_of_samples(before_samples, family)
        tail = max(0, frames_of_samples(samples + after_samples, family) - whole)
        texts = {
            frames: self._edit_text(request, frames / family.frame_rate)
            for frames in pass_lengths(whole, head, tail, family)
        }
        known = self._encode_mirrored(source, whole, before_samples > 0, after_samples > 0, request)

        def make(latents: torch.Tensor, spans: list[Span], seed: int) -> torch.Tensor:
            return self._repaint(texts[latents.shape[-1]], latents, spans, 1.0, seed, request)

        latents = extended(known, head, tail, family, _seed(request), make)
        out = torch.nn.functional.pad(source, (before_samples, after_samples))
        spans = [(0, head), (head + whole, latents.shape[-1])]
        offset = head * family.hop - before_samples
        return self._patched(out, offset, latents, [span for span in spans if span[1] > span[0]], request)

    def _repaint(self, text, latents, spans: list[Span], strength: float, seed: int, request: Request) -> torch.Tensor:
        positive, negative = text
        recipe = recipe_for(self._chosen, request)
        if self._family is V1 and recipe.guidance != 1.0 and v1.guided_steps(recipe, strength) == 0:
            self._warn(
                f"At strength {strength:g} v1 runs no guided step, so tags and lyrics hardly count; use 0.6 or more."
            )
        request.progress.status(state="sampling")
        return self._with_room(
            lambda: self._network.repaint(
                self._model,
                positive,
                negative,
                source=latents,
                spans=spans,
                recipe=recipe,
                strength=strength,
                seed=seed,
                progress=request.progress,
            ),
            request,
        )

    def _patched(
        self, sound: torch.Tensor, offset: int, latents: torch.Tensor, spans: list[Span], request: Request
    ) -> torch.Tensor:
        """``sound`` [2, N] with the decoded ``spans`` and their surroundings in it; its sample 0 is ``offset`` samples
        into the latents."""
        request.progress.status(state="decoding")
        hop, out = self._family.hop, sound.clone()
        context = round(DECODED_CONTEXT_SECONDS * self._family.frame_rate)
        # Latents that were filled up to the network's least reach beyond the sound.
        frames = frames_of_samples(sound.shape[1] + offset, self._family)
        for start, stop in widened(spans, context, frames):
            decoded = vae_chunks.decode(self._vae, self._family, latents, start, stop, request.progress)
            first, last = start * hop - offset, stop * hop - offset
            a, b = max(0, first), min(sound.shape[1], last)
            if b > a:
                out[:, a:b] = decoded[:, a - first : b - first]
        return out

    def _encode(self, source: torch.Tensor, request: Request) -> torch.Tensor:
        if self._encoded is None or not torch.equal(self._encoded[0], source):
            request.progress.status(state="encoding")
            latents = vae_chunks.encode(self._vae, self._family, source, _ENCODING_SEED, request.progress)
            self._encoded = (source, latents)
        return self._encoded[1]

    def _encode_mirrored(
        self, source: torch.Tensor, whole: int, before: bool, after: bool, request: Request
    ) -> torch.Tensor:
        """The latents of the source's ``whole`` first frames, as if it went on past the sides to be extended."""
        hop = self._family.hop
        mirrored = min(_MIRRORED_FRAMES, (source.shape[1] - 1) // hop)
        left, right = mirrored * before, mirrored * after
        longer = torch.nn.functional.pad(source, (left * hop, right * hop), mode="reflect")
        return self._encode(longer, request)[..., left : left + whole]

    def _song_text(self, request: GenerateRequest) -> tuple[list, list]:
        if self._family is V1:
            return self._edit_text(request, float(request.duration))
        prompt = Prompt.of(request, self._language(request), float(request.duration))
        return self._text(
            ("song", prompt, request.seed),
            lambda: conditioning.encode_v15_song(self._clip, prompt, request.seed),
            request,
        )

    def _edit_text(self, request: Request, seconds: float) -> tuple[list, list]:
        if self._family is V1:
            lyrics = self._v1_lyrics(request)
            return self._text(
                ("v1", request.tags, lyrics),
                lambda: conditioning.encode_v1(self._clip, request.tags, lyrics, self._warn),
                request,
            )
        prompt = Prompt.of(request, self._language(request), seconds)
        return self._text(
            ("edit", prompt), lambda: conditioning.encode_v15_repaint(self._clip, prompt, self._warn), request
        )

    def _text(self, key: tuple, encode: Callable[[], list], request: Request) -> tuple[list, list]:
        """The conditioning and its blank, made before VAE and network need the memory, once for all takes."""
        if key not in self._texts:
            request.progress.status(state="reading tags and lyrics")
            positive = self._with_room(encode, request)
            self._texts[key] = (positive, conditioning.zeroed(positive))
        return self._texts[key]

    def _language(self, request: Request) -> str:
        """1.5's language field; a script that serves many languages leaves it to the model."""
        if request.language != "auto":
            return request.language
        return lyric_language.of_script(request.lyrics) or conditioning.NO_LANGUAGE

    def _v1_lyrics(self, request: Request) -> str:
        if has_words(request.lyrics) and request.language not in ("auto", *lyric_language.V1_LANGUAGES):
            self._warn(
                f"ACE-Step v1 does not sing {request.language}; it knows {', '.join(lyric_language.V1_LANGUAGES)}. "
                "The lyrics are taken as their script suggests; version ace-step-1.5 knows more languages."
            )
        return lyric_language.v1_lyrics(conditioning.lyrics_or(_V1_INSTRUMENTAL, request), request.language)

    def _with_room(self, task: Callable, request: Request):
        request.progress.raise_if_stopped()
        return with_room(task, f"{self._chosen.title} ({request.node})", _LESS_AT_ONCE)


def _seed(request: Request) -> int:
    """What the part of an edit that is being made draws its noise from."""
    return request.seed + request.call.part * _PART_STRIDE
