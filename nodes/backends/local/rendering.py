"""From a request and sound at the model's rate to sound at the model's rate: text, latents, network, VAE."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional

from ...request.requests import EditRequest, GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ...words.lyrics import has_words
from ...words.remarks import Remark, remark
from . import conditioning, lyric_language, template, v1, v15, vae_chunks
from .conditioned import TIMBRE_FRAMES
from .conditioning import Prompt
from .extend import extended, pass_lengths
from .family import V1, Family
from .files import CLIP, MODEL, VAE
from .finite import checked
from .frames import Span, frames_of_samples, spans_inside, widened
from .installed import Chosen, plans
from .kept import Known, Takes
from .loading import Loaded
from .memory import with_room
from .recipe import follows_template, recipe_for
from .schedule import first_step
from .surroundings import SURROUNDINGS

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


class Renderer:
    """The loaded model of one run.

    warn: takes remarks for the report. takes: where songs are kept and known ones found.
    """

    def __init__(self, chosen: Chosen, loaded: Loaded, warn: Callable[[Remark], None], takes: Takes):
        self._takes = takes
        self._songs: dict[int, torch.Tensor] = {}  # latents by take
        self._chosen, self._family, self._loaded = chosen, chosen.family, loaded
        self._model, self._clip, self._vae = loaded.model, loaded.clip, loaded.vae
        self._network = v1 if chosen.family is V1 else v15
        self._warn = warn
        self._texts: dict[tuple, tuple[list, list]] = {}
        self._encoded: tuple[torch.Tensor, torch.Tensor] | None = None

    def generate(self, request: GenerateRequest, reference: torch.Tensor | None = None) -> torch.Tensor:
        """[2, duration · rate]. reference: another sound at that rate, [2, N], for what the request says of it."""
        family = self._family
        samples = request.duration * family.sample_rate
        recipe = recipe_for(self._chosen, request, planned=plans(request))
        # A template's latents hold whole frames only, and as few as that gives.
        frames = samples // family.hop
        if not recipe.template:
            frames = max(frames_of_samples(samples, family), family.min_frames)
        positive, negative = self._song_text(request)
        more = {} if family is V1 else self._song_sources(request, reference, frames)
        request.progress.status(state="sampling")
        latents = self._sampled(
            lambda: self._network.generate(
                self._model,
                positive,
                negative,
                frames=frames,
                recipe=recipe,
                seed=request.seed,
                progress=request.progress,
                variation=request.variation,
                variation_seed=request.variation_seed,
                **more,
            ),
            request,
        )
        request.progress.status(state="decoding")
        waveform = self._decoded(latents, 0, frames, request)[:, :samples]
        self._songs[request.call.take] = latents
        return waveform

    def keep(self, take: int, song: torch.Tensor, gain: float) -> None:
        """Keep what a take was made of, to know it again by ``song`` [2, N]: what it gave, times ``gain``."""
        self._takes.put(self._vae, song, self._songs[take], gain)

    def known(self, song: torch.Tensor) -> tuple[torch.Tensor, float] | None:
        """The latents, and the gain on what this VAE decodes of them, of this very ``song`` [2, N], if it is known."""
        return self._takes.find(self._vae, song)

    def inpaint(
        self, source: torch.Tensor, ranges: Sequence[tuple[float, float]], request: InpaintRequest,
        known: Known | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """source [2, N], ranges in seconds → the same with new sound in the ranges (see LocalBackend)."""
        family, samples = self._family, source.shape[1]
        offset = known.offset if known else 0
        frames, lead = frames_of_samples(samples + offset, family), offset / family.sample_rate
        spans = spans_inside([(start + lead, stop + lead) for start, stop in ranges], frames, family)
        steps = recipe_for(self._chosen, request).steps
        if first_step(steps, request.strength) == steps:
            self._warn(remark("strength_too_small", strength=f"{request.strength:g}", steps=steps))
            return source
        text = self._edit_text(request, samples / family.sample_rate)
        missing = max(0, family.min_frames * family.hop - samples)
        latents = known.latents if known else self._encode(torch.nn.functional.pad(source, (0, missing)), request)
        latents = self._repaint(text, latents, spans, request.strength, _seed(request), request)
        return self._patched(source, offset, latents, spans, request, known.gain if known else 1.0)

    def outpaint(
        self, source: torch.Tensor, before: float, after: float, request: OutpaintRequest, known: Known | None = None
    ) -> torch.Tensor:
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
        # New frames begin on the window's own grid.
        if known and known.offset == 0:
            kept, gain = known.latents[..., :whole], known.gain
        else:
            gain = 1.0
            kept = self._encode_mirrored(source, whole, before_samples > 0, after_samples > 0, request)

        def make(latents: torch.Tensor, spans: list[Span], seed: int) -> torch.Tensor:
            return self._repaint(texts[latents.shape[-1]], latents, spans, 1.0, seed, request)

        latents = extended(kept, head, tail, family, _seed(request), make)
        out = torch.nn.functional.pad(source, (before_samples, after_samples))
        spans = [(0, head), (head + whole, latents.shape[-1])]
        offset = head * family.hop - before_samples
        return self._patched(out, offset, latents, [span for span in spans if span[1] > span[0]], request, gain)

    def _repaint(
        self, text, latents, spans: list[Span], strength: float, seed: int, request: EditRequest
    ) -> torch.Tensor:
        positive, negative = text
        recipe = recipe_for(self._chosen, request)
        if self._family is V1 and recipe.guidance != 1.0 and v1.guided_steps(recipe, strength) == 0:
            self._warn(remark("hardly_guided", strength=f"{strength:g}"))
        more = {} if self._family is V1 else {"surroundings": SURROUNDINGS[request.surroundings]}
        request.progress.status(state="sampling")
        return self._sampled(
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
                **more,
            ),
            request,
        )

    def _patched(
        self, sound: torch.Tensor, offset: int, latents: torch.Tensor, spans: list[Span], request: Request, gain: float
    ) -> torch.Tensor:
        """``sound`` [2, N] with the decoded ``spans`` and their surroundings in it, times ``gain``; its sample 0 is
        ``offset`` samples into the latents."""
        request.progress.status(state="decoding")
        hop, out = self._family.hop, sound.clone()
        context = round(DECODED_CONTEXT_SECONDS * self._family.frame_rate)
        # Latents that were filled up to the network's least reach beyond the sound.
        frames = frames_of_samples(sound.shape[1] + offset, self._family)
        for start, stop in widened(spans, context, frames):
            decoded = self._decoded(latents, start, stop, request)
            first, last = start * hop - offset, stop * hop - offset
            a, b = max(0, first), min(sound.shape[1], last)
            if b > a:
                out[:, a:b] = decoded[:, a - first : b - first] * gain
        return out

    def _encode(self, source: torch.Tensor, request: Request) -> torch.Tensor:
        if self._encoded is None or not torch.equal(self._encoded[0], source):
            request.progress.status(state="encoding")
            latents = vae_chunks.encode(self._vae, self._family, source, _ENCODING_SEED, request.progress)
            self._encoded = (source, self._checked(latents, VAE))
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
        prompt = self._prompt(request, float(request.duration))
        # ComfyUI's node has no other text for a song without codes.
        if not plans(request) and (request.reference is not None or not follows_template(request)):
            is_cover = request.covers
            return self._unplanned_text(
                prompt, conditioning.COVER_INSTRUCTION if is_cover else conditioning.SONG_INSTRUCTION, request
            )
        prompt = prompt.to_plan(request.tags, self._warn)
        planned, top_p = plans(request), recipe_for(self._chosen, request).top_p
        return self._text(
            ("song", prompt, request.seed),
            lambda: conditioning.encode_v15_song(self._clip, prompt, request.seed, self._warn, top_p, planned),
            request,
        )

    def _unplanned_text(self, prompt: Prompt, instruction: str, request: GenerateRequest) -> tuple[list, list]:
        return self._text(
            (instruction, prompt),
            lambda: conditioning.encode_v15_without_codes(self._clip, prompt, instruction, self._warn),
            request,
        )

    def _song_sources(self, request: GenerateRequest, reference: torch.Tensor | None, frames: int) -> dict:
        """What 1.5 is given of a song besides its text."""
        if reference is None:
            return {"planned": plans(request)}
        # As upstream prepares any sound.
        reference = reference.clamp(-1.0, 1.0)
        if not request.covers:
            return {
                "planned": plans(request),
                "timbre": self._encode(_thirty_seconds(reference, self._family), request),
            }
        hop = self._family.hop
        latents = self._encode(reference[:, : (frames + self._family.reach_frames) * hop], request)[..., :frames]
        latents = torch.cat([latents, v15.silence(frames)[..., : frames - latents.shape[-1]]], dim=-1)
        prompt = self._prompt(request, float(request.duration))
        (song, *_), _ = self._unplanned_text(prompt, conditioning.SONG_INSTRUCTION, request)
        return {"planned": False, "cover": v15.Cover(latents, request.reference_strength, song[0])}

    def _edit_text(self, request: Request, seconds: float) -> tuple[list, list]:
        if self._family is V1:
            lyrics = self._v1_lyrics(request)
            return self._text(
                ("v1", request.tags, lyrics),
                lambda: self._v1_text(request, lyrics),
                request,
            )
        prompt = self._prompt(request, seconds)
        return self._text(
            ("edit", prompt), lambda: conditioning.encode_v15_repaint(self._clip, prompt, self._warn), request
        )

    def _text(self, key: tuple, encode: Callable[[], list], request: Request) -> tuple[list, list]:
        """The conditioning and its blank, made before VAE and network need the memory, once for all takes."""
        if key not in self._texts:
            request.progress.status(state="reading tags and lyrics")
            positive = self._with_room(encode, request)
            for embedding, _ in positive:
                self._checked(embedding, CLIP)
            self._texts[key] = (positive, conditioning.zeroed(positive))
        return self._texts[key]

    def _v1_text(self, request: Request, lyrics: str) -> list:
        text = conditioning.encode_v1(self._clip, request.tags, lyrics, self._warn)
        if follows_template(request):
            return conditioning.with_lyrics_strength(text, template.V1_LYRICS_STRENGTH)
        return text

    def _prompt(self, request: Request, seconds: float) -> Prompt:
        language = self._language(request)
        if follows_template(request):
            return Prompt.of_template(request, language, seconds, self._warn)
        return Prompt.of(request, language, seconds)

    def _language(self, request: Request) -> str:
        """1.5's language field. The templates say English; a script that is not Latin says otherwise."""
        if request.language == "auto" and follows_template(request):
            return lyric_language.of_script(request.lyrics) or lyric_language.USUAL
        return lyric_language.of(request.lyrics, request.tags) if request.language == "auto" else request.language

    def _v1_lyrics(self, request: Request) -> str:
        if has_words(request.lyrics) and request.language not in ("auto", *lyric_language.V1_LANGUAGES):
            known = ", ".join(lyric_language.V1_LANGUAGES)
            self._warn(remark("language_not_sung", language=request.language, known=known))
        if follows_template(request) and request.language == "auto":
            return request.lyrics
        return lyric_language.v1_lyrics(
            conditioning.lyrics_or(_V1_INSTRUMENTAL, request),
            request.language,
            lyric_language.named_in("", request.tags) or lyric_language.USUAL,
        )

    def _sampled(self, sample: Callable[[], torch.Tensor], request: Request) -> torch.Tensor:
        return self._checked(self._with_room(sample, request), MODEL)

    def _decoded(self, latents: torch.Tensor, start: int, stop: int, request: Request) -> torch.Tensor:
        waveform = vae_chunks.decode(self._vae, self._family, latents, start, stop, request.progress)
        return self._checked(waveform, VAE)

    def _checked(self, made: torch.Tensor, kind: str) -> torch.Tensor:
        return checked(made, kind, self._chosen, self._loaded)

    def _with_room(self, task: Callable, request: Request):
        request.progress.raise_if_stopped()
        return with_room(task, f"{self._chosen.title} ({request.node})")


def _thirty_seconds(sound: torch.Tensor, family: Family) -> torch.Tensor:
    """The first 30 s of ``sound`` [2, N], repeated where it is shorter. Of more than 30 s upstream takes
    three times 10 s from places that it draws."""
    samples = TIMBRE_FRAMES * family.hop
    return sound.repeat(1, -(-samples // sound.shape[1]))[:, :samples]


def _seed(request: Request) -> int:
    """What the part of an edit that is being made draws its noise from."""
    return request.seed + request.call.part * _PART_STRIDE
