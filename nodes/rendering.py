"""From a checked request to AUDIO and its report: plan, backend, splice, measure. The same for every backend."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import torch

from . import report, time_ranges
from .audio.fit import EditOptions, Fit, fit_extension, fit_ranges
from .audio.resample import resample, with_channels
from .audio.value import Sound, audio_from_batch, sounds_from_audio
from .audio.windows import Extension, Window, plan_extensions, plan_windows
from .backends import open_backend
from .backends.interface import Backend, Plan
from .errors import RenderError
from .request import Call, EditRequest, GenerateRequest, InpaintRequest, OutpaintRequest, Request

# A service's MP3 may lack some milliseconds at the end; more than this is said.
_MISSING_SECONDS_SAID = 0.5


async def render_generate(request: GenerateRequest) -> tuple[Mapping, dict]:
    """New music. Returns AUDIO of one item a take, each exactly ``duration`` long, and the report."""
    with closing(open_backend(request)) as backend:
        request = backend.request
        plan = Plan(call_seconds=(float(request.duration),), takes=request.batch_size)
        run = await _Run.of(backend, plan)
        takes: dict[int, Sound] = {}

        async def job(call: Call) -> None:
            takes[call.take] = await run.call(backend.generate, run.request_for(call))

        await run.all(job)
        return _takes_as_audio([takes[k] for k in sorted(takes)], request.duration, run.warnings), run.report()


async def render_inpaint(request: InpaintRequest, audio, time_range) -> tuple[Mapping, dict]:
    """The source with new music in ``time_range``; outside the range it is the source bit for bit."""
    sources, ranges = inpaint_source(request.node, audio, time_range)
    rate, samples = sources[0].sample_rate, sources[0].samples
    with closing(open_backend(request)) as backend:
        request = backend.request
        windows = plan_windows(
            samples, rate, ranges, request.context_seconds, backend.max_seconds, backend.shares_windows
        )
        seconds = tuple((w.stop - w.start) / rate for w in windows)
        run = await _Run.of(backend, Plan(seconds, len(sources), request.batch_size, sources))
        out = _tracks(sources, request.batch_size, before=0, after=0)

        async def job(call: Call) -> None:
            track = out[_index(call, request)]
            for part, window in enumerate(windows):
                # A chained window continues what was made before it, so its context comes from the result.
                known = Sound(track, rate) if window.chained else sources[call.item]
                here = replace(call, part=part)
                rendered = await run.call(
                    backend.inpaint,
                    known.cut(window.start, window.stop),
                    [((a - window.start) / rate, (b - window.start) / rate) for a, b in window.ranges],
                    run.request_for(here),
                )
                run.fitted(here, fit_ranges(track, rate, window, rendered, _options(request)))

        await run.all(job)
        run.windows = [_window_facts(window, rate) for window in windows]
        return audio_from_batch(out, rate), run.report()


async def render_outpaint(request: OutpaintRequest, audio) -> tuple[Mapping, dict]:
    """The source with new music before and after it; the source itself is kept bit for bit."""
    sources = sounds_from_audio(audio, request.node)
    rate, samples = sources[0].sample_rate, sources[0].samples
    with closing(open_backend(request)) as backend:
        request = backend.request
        before = round(request.extend_before_duration * rate)
        after = round(request.extend_after_duration * rate)
        passes = plan_extensions(
            samples,
            rate,
            request.extend_before_duration,
            request.extend_after_duration,
            request.context_seconds,
            backend.max_seconds,
        )
        seconds = tuple((p.stop - p.start + p.before + p.after) / rate for p in passes)
        run = await _Run.of(backend, Plan(seconds, len(sources), request.batch_size, sources))
        out = _tracks(sources, request.batch_size, before, after)

        async def job(call: Call) -> None:
            track = out[_index(call, request)]
            for part, extension in enumerate(passes):
                here = replace(call, part=part)
                rendered = await run.call(
                    backend.outpaint,
                    Sound(track, rate).cut(extension.start, extension.stop),
                    extension.before / rate,
                    extension.after / rate,
                    run.request_for(here),
                )
                run.fitted(here, fit_extension(track, rate, extension, rendered, _options(request)))

        await run.all(job)
        run.windows = [_extension_facts(extension, rate) for extension in passes]
        return audio_from_batch(out, rate), run.report()


def inpaint_source(node: str, audio, time_range) -> tuple[tuple[Sound, ...], tuple[tuple[int, int], ...]]:
    """The checked source and the ranges in samples. Raises InputError."""
    sources = sounds_from_audio(audio, node)
    entries = time_ranges.checked(f"{node}: time_range", time_range)
    return sources, time_ranges.in_samples(f"{node}: time_range", entries, sources[0].samples, sources[0].sample_rate)


class _Run:
    """One run of one node: its jobs, its progress, and what is collected for the report."""

    @classmethod
    async def of(cls, backend: Backend, plan: Plan) -> "_Run":
        """The run of a checked plan. Raises ACEStepError before any model is loaded or money spent."""
        backend.check(plan)
        await backend.prepare(plan)
        return cls(backend, plan)

    def __init__(self, backend: Backend, plan: Plan):
        self._backend, self._plan = backend, plan
        self._estimate = backend.estimate(plan)
        self._started = time.perf_counter()
        self._render_seconds = 0.0
        self.windows: list[dict] = []
        self._seams: list[tuple[Call, dict]] = []
        self.warnings: list[str] = []

    async def all(self, job: Callable) -> None:
        calls = [Call(item, take) for item in range(self._plan.items) for take in range(self._plan.takes)]
        await self._backend.run([_bound(job, call) for call in calls])

    async def call(self, render: Callable, *arguments) -> Sound:
        started = time.perf_counter()
        sound = await render(*arguments)
        self._render_seconds += time.perf_counter() - started
        return sound

    def request_for(self, call: Call) -> Request:
        request, parts = self._backend.request, len(self._plan.call_seconds)
        index = (call.item * self._plan.takes + call.take) * parts + call.part
        total = self._plan.items * self._plan.takes * parts
        return replace(request.for_call(call), progress=request.progress.part(index, total))

    def fitted(self, call: Call, fit: Fit) -> None:
        self._seams += [(call, seam.as_dict()) for seam in fit.seams]
        self.warnings += fit.warnings

    def report(self) -> dict:
        backend = self._backend
        facts = backend.facts()
        total = time.perf_counter() - self._started
        # Takes may finish in any order; the report has one.
        seams = sorted(self._seams, key=lambda s: (s[0].item, s[0].take, s[1]["time_seconds"]))
        return report.build(
            backend=backend.name,
            version=backend.version,
            model=backend.model,
            seeds=backend.request.seeds,
            estimate_usd=self._estimate,
            request_ids=facts.get("request_ids", ()),
            cost_usd=facts.get("cost_usd"),
            windows=self.windows,
            seams=[{"item": call.item, "take": call.take, **seam} for call, seam in seams],
            warnings=[*facts.get("warnings", ()), *self.warnings],
            timings={"total": round(total, 3), "render": round(self._render_seconds, 3)},
        )


def _bound(job: Callable, call: Call) -> Callable:
    return lambda: job(call)


def _index(call: Call, request: Request) -> int:
    """Where a take lies in the output batch: every take of item 1, then of item 2, …"""
    return call.item * request.batch_size + call.take


def _options(request: EditRequest) -> EditOptions:
    return EditOptions(crossfade_ms=request.crossfade_ms, match_loudness=request.match_loudness)


def _tracks(sources: Sequence[Sound], takes: int, before: int, after: int) -> torch.Tensor:
    """[items · takes, C, before + T + after]: each source once for each take, silence around it. The only copy."""
    first = sources[0]
    length = before + first.samples + after
    out = torch.empty(len(sources) * takes, first.channels, length)
    out[:, :, :before] = 0
    out[:, :, length - after :] = 0
    for index in range(out.shape[0]):
        out[index, :, before : length - after] = sources[index // takes].waveform
    return out


def _takes_as_audio(takes: Sequence[Sound], duration: int, warnings: list[str]) -> Mapping:
    """Takes → AUDIO of exactly ``duration`` seconds at one rate and number of channels."""
    rate = max(take.sample_rate for take in takes)
    channels = max(take.channels for take in takes)
    out = torch.zeros(len(takes), channels, duration * rate)
    for index, take in enumerate(takes):
        waveform = with_channels(resample(take.waveform, take.sample_rate, rate), channels)[:, : out.shape[2]]
        out[index, :, : waveform.shape[1]] = waveform
        missing = duration - take.seconds
        if missing > _MISSING_SECONDS_SAID:
            warnings.append(
                f"Take {index + 1} came back {missing:.1f} s shorter than the {duration} s asked for; "
                "its end is silence."
            )
    if not bool(torch.isfinite(out).all()):
        raise RenderError("The backend returned samples that are not numbers; run it again with another seed.")
    return audio_from_batch(out, rate)


def _window_facts(window: Window, rate: int) -> dict:
    return {
        "start": round(window.start / rate, 6),
        "end": round(window.stop / rate, 6),
        "ranges": [[round(a / rate, 6), round(b / rate, 6)] for a, b in window.ranges],
    }


def _extension_facts(extension: Extension, rate: int) -> dict:
    """In seconds of the output: the window given to the model, and the ranges of new sound around it."""
    spans = ((extension.start - extension.before, extension.start), (extension.stop, extension.stop + extension.after))
    return {
        "start": round(extension.start / rate, 6),
        "end": round(extension.stop / rate, 6),
        "ranges": [[round(a / rate, 6), round(b / rate, 6)] for a, b in spans if b > a],
    }
