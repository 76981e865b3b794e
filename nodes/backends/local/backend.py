"""The local backend: one run of one node on the models of this machine."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import torch

from ...audio.resample import resample, with_channels
from ...audio.value import Sound
from ...errors import InputError
from ...request.requests import GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ...words.lyrics import without_markdown, without_times
from ...words.remarks import Remark, joined, remark
from ...words.tags import is_instrumental
from ..interface import Backend, Plan, Range, Seconds
from . import files, installed
from .family import V1
from .kept import Known
from .recipe import follows_template

# The longest outpaint: both extensions and twice the longest context. The backend joins the passes itself.
_OUTPAINT_SECONDS = 720.0
# A timbre is read from the first 30 s. Beyond what is heard of a reference so much is kept for filters and encoder.
_TIMBRE_SECONDS, _MARGIN_SECONDS = 30.0, 1.0
# Upstream takes a sound that never gets louder for none.
_SILENCE = 1e-6
# What v1 takes no notice of, and the values at which that need not be said.
_OF_V15 = {"variant": "auto", "planning": "auto", "surroundings": "hold"}


class LocalBackend(Backend):
    """ACE-Step v1 and 1.5 on this machine, in ComfyUI's engine.

    Nothing is loaded before ``check`` has passed; files are only looked at by their headers. What an edit
    gives back is the window at the model's rate: around what was made new it is the window as the VAE gives
    it back, which is what a seam is measured and levelled against, and beyond that it is the window itself,
    resampled. Both are in step with the source to the sample.
    """

    name = "local"
    shares_windows = True

    def __init__(self, request: Request):
        self._warnings: dict[Remark, None] = {}
        self._plan = Plan(())
        self._songs: dict[int, tuple[torch.Tensor, float] | None] = {}  # known ones by item of the source
        # The text of ComfyUI's templates goes to the model as it is.
        lyrics = request.lyrics if follows_template(request) else self._sung(request.lyrics)
        super().__init__(replace(request, lyrics=lyrics))

    def _sung(self, lyrics: str) -> str:
        """The lyrics without what players and editors of text write into them."""
        lyrics = "\n".join(lyrics.splitlines())
        for clean, code in ((without_times, "lyrics_times"), (without_markdown, "lyrics_markdown")):
            cleaned = clean(lyrics)
            if cleaned != lyrics:
                self._warn(remark(code))
            lyrics = cleaned
        return lyrics

    @cached_property
    def _chosen(self) -> installed.Chosen:
        return installed.choose(self.request)

    @property
    def max_seconds(self) -> Seconds:
        if isinstance(self.request, OutpaintRequest):
            return _OUTPAINT_SECONDS
        return self._chosen.family.max_seconds

    @property
    def version(self) -> str:
        return self._chosen.family.version

    @property
    def model(self) -> str:
        return self._chosen.name

    def check(self, plan: Plan) -> None:
        self._plan = plan
        chosen, request = self._chosen, self.request
        longest = max(plan.call_seconds, default=0.0)
        if longest > self.max_seconds:
            lengths = {"seconds": f"{longest:g}", "most": f"{self.max_seconds:g}"}
            said = remark("longer_than_model", node=request.node, title=chosen.family.title, **lengths)
            raise InputError(joined(said, remark("longer_with_v15")) if chosen.family is V1 else said)
        if chosen.is_turbo and request.guidance not in (0.0, 1.0):
            code = "assumed_turbo_guidance" if chosen.assumed else "turbo_guidance"
            raise InputError(remark(code, node=request.node, guidance=f"{request.guidance:g}"))
        if isinstance(request, GenerateRequest) and request.reference is not None:
            self._check_reference(chosen, request, request.reference)
        self._warn_before(chosen)

    def _check_reference(self, chosen: installed.Chosen, request: GenerateRequest, reference) -> None:
        if chosen.family is V1:
            raise InputError(remark("reference_not_for_model", node=request.node, title=chosen.title))
        if not isinstance(reference, Sound):
            return  # not read yet
        if float(reference.waveform.abs().max()) < _SILENCE:
            raise InputError(remark("reference_silent", node=request.node))
        if request.covers and request.planning == "on":
            self._warn(remark("cover_unplanned"))
        if request.covers and reference.seconds < request.duration:
            self._warn(remark("reference_short", seconds=reference.seconds, duration=request.duration))

    def _warn_before(self, chosen: installed.Chosen) -> None:
        request = self.request
        if chosen.assumed:
            self._warn(remark("run_as_turbo", name=chosen.name))
        for name, default in _OF_V15.items():
            value = getattr(request, name, default)
            if chosen.family is V1 and value != default:
                self._warn(remark("only_v15", name=name, value=value))
        if not chosen.is_turbo and request.guidance != 1.0 and 0 < request.steps <= 12:
            self._warn(remark("few_steps", steps=request.steps, title=chosen.title))
        if not follows_template(request):
            self._warn_of_what_is_replaced(chosen)

    def _warn_of_what_is_replaced(self, chosen: installed.Chosen) -> None:
        """What upstream's recipe does otherwise than the connected model, or than the lyrics say."""
        request = self.request
        if chosen.family is V1 and (shift := _own_shift(request.model)) is not None:
            self._warn(remark("shift_ignored", shift=f"{shift:g}"))
        if not chosen.is_turbo and "sampler_cfg_function" in getattr(request.model, "model_options", {}):
            self._warn(remark("own_guidance"))
        if not request.lyrics and not is_instrumental(request.tags):
            self._warn(remark("no_lyrics"))

    async def generate(self, request: GenerateRequest) -> Sound:
        waveform = self._renderer.generate(request, self._reference(request))
        return Sound(waveform, self._chosen.family.sample_rate)

    def delivered(self, take: int, sound: Sound, gain: float) -> None:
        self._renderer.keep(take, sound.waveform, gain)

    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        waveform = self._renderer.inpaint(
            self._at_model_rate(window), ranges, request, self._known(request, window.samples)
        )
        return Sound(waveform, self._chosen.family.sample_rate)

    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        known = self._known(request, window.samples)
        waveform = self._renderer.outpaint(self._at_model_rate(window), before, after, request, known)
        return Sound(waveform, self._chosen.family.sample_rate)

    @classmethod
    def fingerprint(cls, **inputs) -> object:
        """The state of every file that could be chosen: a replaced or added one makes the node run again."""
        return tuple(file.identity for file in files.installed_files())

    def facts(self) -> dict:
        return {"warnings": list(self._warnings), "recipe": self.request.recipe}

    def close(self) -> None:
        vars(self).pop("_renderer", None)

    @cached_property
    def _renderer(self):
        # Imported here, as all that follows needs ComfyUI's engine.
        from .loading import SHELF, load
        from .rendering import Renderer

        self.request.progress.status(state="loading")
        return Renderer(self._chosen, load(self._chosen, self.request), self._warn, SHELF.takes)

    def _known(self, request: Request, samples: int) -> Known | None:
        """The latents of the window of so many samples that is being edited, when its source is a song made here."""
        family, call = self._chosen.family, request.call
        place = self._plan.windows[call.part] if self._plan.windows else None
        source = self._plan.sources[call.item] if self._plan.sources else None
        if place is None or source is None or (source.sample_rate, source.channels) != (family.sample_rate, 2):
            return None
        if call.item not in self._songs:
            self._songs[call.item] = self._renderer.known(source.waveform)
        song = self._songs[call.item]
        return None if song is None else Known.cut(song, place[0], place[0] + samples, family)

    def _at_model_rate(self, window: Sound):
        waveform = resample(window.waveform, window.sample_rate, self._chosen.family.sample_rate)
        return with_channels(waveform, 2)

    def _reference(self, request: GenerateRequest) -> torch.Tensor | None:
        """What a song is given of the reference, at the model's rate; of a long one no more than can be heard."""
        if request.reference is None:
            return None
        seconds = (request.duration if request.covers else _TIMBRE_SECONDS) + _MARGIN_SECONDS
        return self._at_model_rate(request.reference.cut(0, round(seconds * request.reference.sample_rate)))

    def _warn(self, said: Remark) -> None:
        """Keep a warning for the report, once."""
        self._warnings[said] = None


def _own_shift(model) -> float | None:
    """The shift that a node such as ModelSamplingSD3 gave a connected model; None for the network's own."""
    if model is None:
        return None
    shift = getattr(model.get_model_object("model_sampling"), "shift", None)
    # Not what stands on the network, which is another node's as long as the model is loaded with it.
    return None if shift == model.model.model_config.sampling_settings.get("shift") else shift
