"""The local backend: one run of one node on the models of this machine."""

from collections.abc import Sequence
from functools import cached_property

from ...audio.resample import resample, with_channels
from ...audio.value import Sound
from ...errors import InputError
from ...request import GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ...tags import is_instrumental
from ..interface import Backend, Plan, Range, Seconds
from . import files, installed
from .family import V1

# The longest outpaint: both extensions and twice the longest context. The backend joins the passes itself.
_OUTPAINT_SECONDS = 720.0


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
        super().__init__(request)
        self._warnings: dict[str, None] = {}

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
        chosen, request = self._chosen, self.request
        longest = max(plan.call_seconds, default=0.0)
        if longest > self.max_seconds:
            elsewhere = " ACE-Step 1.5 makes up to 600 s." if chosen.family is V1 else ""
            raise InputError(
                f"{request.node}: {longest:g} s are asked for; {chosen.family.title} makes at most "
                f"{self.max_seconds:g} s in one piece, so ask for {self.max_seconds:g} s or less.{elsewhere}"
            )
        if chosen.is_turbo and request.guidance not in (0.0, 1.0):
            raise InputError(
                f"{request.node}: guidance is {request.guidance:g}, but turbo models are made to run at 1 and anything "
                "else ruins their sound; set guidance to 0 (the model's own), or variant to base or sft"
                + (", if that is what the connected or renamed model is." if chosen.assumed else ".")
            )
        self._warn_before(chosen)

    def _warn_before(self, chosen: installed.Chosen) -> None:
        request = self.request
        if chosen.assumed:
            self._warn(
                f"Nothing says whether {chosen.name} is turbo, base or sft, so it is run as turbo; set variant, or "
                "rename its file."
            )
        if chosen.family is V1 and request.variant != "auto":
            self._warn(f"variant {request.variant} is ignored: it is for ACE-Step 1.5, and version is {self.version}.")
        if not chosen.is_turbo and request.guidance != 1.0 and 0 < request.steps <= 12:
            self._warn(f"{request.steps} steps are few for {chosen.title}; use 0 for its own recipe, or 32 and more.")
        if not chosen.is_turbo and "sampler_cfg_function" in getattr(request.model, "model_options", {}):
            self._warn("The connected model brings a guidance rule of its own, which is used instead of ACE-Step's.")
        if not request.lyrics and not is_instrumental(request.tags):
            self._warn("There are no lyrics to sing, so the music is made instrumental.")

    async def generate(self, request: GenerateRequest) -> Sound:
        waveform = self._renderer.generate(request)
        return Sound(waveform, self._chosen.family.sample_rate)

    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        waveform = self._renderer.inpaint(self._at_model_rate(window), ranges, request)
        return Sound(waveform, self._chosen.family.sample_rate)

    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        waveform = self._renderer.outpaint(self._at_model_rate(window), before, after, request)
        return Sound(waveform, self._chosen.family.sample_rate)

    @classmethod
    def fingerprint(cls, **inputs) -> object:
        """The state of every file that could be chosen: a replaced or added one makes the node run again."""
        return tuple(file.identity for file in files.installed_files())

    def facts(self) -> dict:
        return {"warnings": list(self._warnings)}

    def close(self) -> None:
        vars(self).pop("_renderer", None)

    @cached_property
    def _renderer(self):
        # Imported here, as all that follows needs ComfyUI's engine.
        from .loading import load
        from .rendering import Renderer

        self.request.progress.status(state="loading")
        return Renderer(self._chosen, load(self._chosen, self.request), self._warn)

    def _at_model_rate(self, window: Sound):
        waveform = resample(window.waveform, window.sample_rate, self._chosen.family.sample_rate)
        return with_channels(waveform, 2)

    def _warn(self, sentence: str) -> None:
        """Keep a warning for the report, once."""
        self._warnings[sentence] = None
