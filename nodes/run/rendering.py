"""From a checked request to AUDIO and its report: plan, backend, splice, measure. The same for every backend."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import torch

from ..audio.fit import NOT_NUMBERS, EditOptions, Fit, fit_extension, fit_ranges
from ..audio.joints import loop_remarks
from ..audio.resample import check_can_resample, resample, with_channels
from ..audio.spaces import Ring, Span, Track
from ..audio.value import Sound, audio_from_batch, sounds_from_audio
from ..audio.windows import Extension, Window, plan_extensions, plan_windows
from ..backends import open_backend
from ..backends.interface import Backend, Plan
from ..errors import RenderError
from ..request import time_ranges
from ..request.requests import Call, EditRequest, GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ..words.remarks import Remark, remark
from . import report

# A service's MP3 may lack some milliseconds at the end; more than this is said.
_MISSING_SECONDS_SAID = 0.5


async def render_generate(request: GenerateRequest) -> tuple[Mapping, dict]:
    """New music. Returns AUDIO of one item a take, each exactly ``duration`` long, and the report."""
    with closing(open_backend(request)) as backend:
        request = backend.request
        run = await _Run.of(backend, _song_plan(request))
        takes: dict[int, Sound] = {}

        async def job(call: Call) -> None:
            takes[call.take] = await run.call(backend.generate, run.request_for(call))

        await run.all(job)
        audio, gains = _takes_as_audio([takes[k] for k in sorted(takes)], request.duration, run.warnings)
        for take, waveform, gain in zip(sorted(takes), audio["waveform"], gains):
            backend.delivered(take, Sound(waveform, audio["sample_rate"]), gain)
        return audio, run.report()


def check_generate(request: GenerateRequest) -> None:
    """Raise what would stop the run, before anything is loaded. The reference need not have been read yet."""
    with closing(open_backend(request)) as backend:
        backend.check(_song_plan(request))


def _song_plan(request: GenerateRequest) -> Plan:
    return Plan(call_seconds=(float(request.duration),), takes=request.batch_size)


async def render_inpaint(request: InpaintRequest, audio, time_range) -> tuple[Mapping, dict]:
    """The source with new music in ``time_range``; outside the range it is the source bit for bit."""
    sources, ranges = inpaint_source(request, audio, time_range)
    return await _inpainted(request, sources, ranges, _ring(request, ranges, sources[0].samples), blank=False)


async def render_outpaint(request: OutpaintRequest, audio) -> tuple[Mapping, dict]:
    """The source with new music before and after it; the source itself is kept bit for bit."""
    sources = sounds_from_audio(audio, request.node)
    if request.loop:
        return await _closed(request, sources)
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
        # After the first one a pass goes on from what was made.
        places = ((passes[0].start - before, passes[0].stop - before), *(None for _ in passes[1:]))
        run = await _Run.of(backend, Plan(seconds, len(sources), request.batch_size, sources, places))
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
        return audio_from_batch(run.delivered(out, request.keep), rate), run.report()


async def _closed(request: OutpaintRequest, sources: tuple[Sound, ...]) -> tuple[Mapping, dict]:
    """The source and after it new music that leads back to its start: an inpaint of what is added."""
    samples = sources[0].samples
    added = round(request.extend_after_duration * sources[0].sample_rate)
    longer = tuple(
        Sound(torch.nn.functional.pad(source.waveform, (0, added)), source.sample_rate) for source in sources
    )
    ranges = ((samples, samples + added),)
    return await _inpainted(
        request.as_inpaint(), longer, ranges, Ring.around(ranges, samples + added), blank=True
    )  # fmt: skip


async def _inpainted(
    request: InpaintRequest, sources: tuple[Sound, ...], ranges: Sequence[Span], ring: Ring, *, blank: bool
) -> tuple[Mapping, dict]:
    """The sources with new music in ``ranges``. blank: nothing stands there yet."""
    rate = sources[0].sample_rate
    with closing(open_backend(request)) as backend:
        request = backend.request
        windows = plan_windows(
            ring.samples,
            rate,
            sorted(ring.opened(span) for span in ranges),
            request.context_seconds,
            backend.max_seconds,
            backend.shares_windows,
        )
        windows = tuple(replace(window, blank=blank) for window in windows)
        seconds = tuple(window.samples / rate for window in windows)
        places = tuple(None if window.chained or request.loop else (window.start, window.stop) for window in windows)
        run = await _Run.of(backend, Plan(seconds, len(sources), request.batch_size, sources, places))
        out = _tracks(sources, request.batch_size, before=0, after=0, ring=ring)

        async def job(call: Call) -> None:
            track = out[_index(call, request)]
            for part, window in enumerate(windows):
                here = replace(call, part=part)
                # A chained window continues what was made before it, so its context comes from the result.
                known = track[:, window.start : window.stop] if window.chained else None
                if known is None:
                    known = ring.cut(sources[call.item].waveform, window.start, window.stop)
                rendered = await run.call(
                    backend.inpaint,
                    Sound(known, rate),
                    [((a - window.start) / rate, (b - window.start) / rate) for a, b in window.ranges],
                    run.request_for(here),
                )
                run.fitted(here, fit_ranges(track, rate, window, rendered, _options(request), ring.opening))
            if request.loop:
                run.say(call, loop_remarks(Track(track, rate, ring.opening), ranges))

        await run.all(job)
        run.windows = [_window_facts(window, ring, rate) for window in windows]
        tracks = run.delivered(out, request.keep)
        ring.close(tracks)
        return audio_from_batch(tracks, rate), run.report()


def inpaint_source(request: InpaintRequest, audio, time_range) -> tuple[tuple[Sound, ...], tuple[Span, ...]]:
    """The checked source and the ranges in samples. Raises InputError."""
    sources = sounds_from_audio(audio, request.node)
    where = f"{request.node}: time_range"
    in_samples = time_ranges.on_ring if request.loop else time_ranges.in_samples
    entries = time_ranges.checked(where, time_range)
    return sources, in_samples(where, entries, sources[0].samples, sources[0].sample_rate)


def _ring(request: InpaintRequest, ranges: Sequence[Span], samples: int) -> Ring:
    return Ring.around(ranges, samples) if request.loop else Ring(samples)


class _Run:
    """One run of one node: its jobs, its progress, and what is collected for the report."""

    @classmethod
    async def of(cls, backend: Backend, plan: Plan) -> "_Run":
        """The run of a checked plan. Raises ACEStepError before any model is loaded or money spent."""
        if plan.sources:  # what is rendered may come back at any rate
            check_can_resample()
        backend.check(plan)
        await backend.prepare(plan)
        return cls(backend, plan)

    def __init__(self, backend: Backend, plan: Plan):
        self._backend, self._plan = backend, plan
        self._estimate = backend.estimate(plan)
        self._started = time.perf_counter()
        self._render_seconds = 0.0
        self.windows: list[dict] = []
        self._fits: list[tuple[Call, Fit]] = []
        self._said: list[tuple[Call, Remark]] = []
        self._calls = [Call(item, take) for item in range(plan.items) for take in range(plan.takes)]
        self._kept = self._calls
        # Of a run that is fetched the seeds are its own.
        self.warnings: list[Remark] = [] if backend.request.resume_request_ids else list(backend.request.remarks)

    async def all(self, job: Callable) -> None:
        there = await self._backend.run([_bound(job, call) for call in self._calls])
        self._kept = self._calls = [call for call, is_there in zip(self._calls, there) if is_there]

    def delivered(self, tracks: torch.Tensor, keep: str) -> torch.Tensor:
        """Of one track for each item and take, in order, those that are there; of each item the best or all."""
        self._kept = self._calls
        if keep == "best":
            items = sorted({call.item for call in self._calls})
            self._kept = [min(self._takes_of(item), key=self._excess) for item in items]
        if len(self._kept) == len(tracks):
            return tracks
        return tracks[[call.item * self._plan.takes + call.take for call in self._kept]]

    def _takes_of(self, item: int) -> list[Call]:
        return [call for call in self._calls if call.item == item]

    def _excess(self, take: Call) -> list[float]:
        """How many times the usual the numbers of a take's joints and ranges are, the worst first."""
        found = [fit for call, fit in self._fits if (call.item, call.take) == (take.item, take.take)]
        return sorted((value for fit in found for value in fit.excess), reverse=True)

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
        self._fits.append((call, fit))
        self.say(call, fit.remarks)

    def say(self, call: Call, remarks: Sequence[Remark]) -> None:
        """What is to be said of a take, if it is handed on."""
        self._said += [(call, said) for said in remarks]

    def report(self) -> dict:
        backend = self._backend
        facts = backend.facts()
        total = time.perf_counter() - self._started
        takes = sorted({call.take for call in self._calls})
        there = {(call.item, call.take) for call in self._calls}
        kept = {(call.item, call.take) for call in self._kept}
        # Takes may finish in any order; the report has one, and counts the takes that are there.
        seams = sorted(
            (
                (call, seam.as_dict())
                for call, fit in self._fits
                if (call.item, call.take) in there
                for seam in fit.seams
            ),
            key=lambda s: (s[0].item, s[0].take, s[1]["time_seconds"]),
        )
        said = [remark for call, remark in self._said if (call.item, call.take) in kept]
        return report.build(
            backend=backend.name,
            version=backend.version,
            model=backend.model,
            seeds=[backend.request.seeds[take] for take in takes],
            estimate_usd=self._estimate,
            request_ids=facts.get("request_ids", ()),
            cost_usd=facts.get("cost_usd"),
            windows=self.windows,
            seams=[{"item": call.item, "take": takes.index(call.take), **seam} for call, seam in seams],
            warnings=[*facts.get("warnings", ()), *self.warnings, *said],
            timings={"total": round(total, 3), "render": round(self._render_seconds, 3)},
            recipe=facts.get("recipe"),
            kept=[self._kept_facts(call, takes) for call in self._kept],
        )

    def _kept_facts(self, kept: Call, takes: list[int]) -> dict:
        """One item of the AUDIO handed on, and why: each take's numbers, the worst first."""
        return {
            "item": kept.item,
            "take": takes.index(kept.take),
            "seed": self._backend.request.seeds[kept.take],
            "excess": {
                str(takes.index(call.take)): [round(value, 3) for value in self._excess(call)]
                for call in self._takes_of(kept.item)
            },
        }


def _bound(job: Callable, call: Call) -> Callable:
    return lambda: job(call)


def _index(call: Call, request: Request) -> int:
    """Where a take lies in the output batch: every take of item 1, then of item 2, …"""
    return call.item * request.batch_size + call.take


def _options(request: EditRequest) -> EditOptions:
    return EditOptions(crossfade_ms=request.crossfade_ms, match_loudness=request.match_loudness)


def _tracks(
    sources: Sequence[Sound], takes: int, before: int, after: int, ring: Ring | None = None
) -> torch.Tensor:  # fmt: skip
    """[items · takes, C, before + T + after]: each source once for each take, silence around it. The only copy.

    ring: where the tracks are opened, when nothing is added to them.
    """
    first = sources[0]
    length = before + first.samples + after
    ring = ring or Ring(first.samples)
    out = torch.empty(len(sources) * takes, first.channels, length)
    out[:, :, :before] = 0
    out[:, :, length - after :] = 0
    for index in range(out.shape[0]):
        ring.open_into(out[index, :, before : length - after], sources[index // takes].waveform)
    return out


def _takes_as_audio(
    takes: Sequence[Sound], duration: int, warnings: list[Remark]
) -> tuple[Mapping, list[float]]:  # fmt: skip
    """Takes → AUDIO of exactly ``duration`` seconds at one rate and number of channels, and each take's gain."""
    rate = max(take.sample_rate for take in takes)
    channels = max(take.channels for take in takes)
    out = torch.zeros(len(takes), channels, duration * rate)
    for index, take in enumerate(takes):
        waveform = with_channels(resample(take.waveform, take.sample_rate, rate), channels)[:, : out.shape[2]]
        out[index, :, : waveform.shape[1]] = waveform
        missing = duration - take.seconds
        if missing > _MISSING_SECONDS_SAID:
            warnings.append(remark("take_short", take=index + 1, missing=missing, duration=duration))
        if -missing > _MISSING_SECONDS_SAID:  # of an id that was typed in nobody knows the length beforehand
            whole = math.ceil(take.seconds)
            warnings.append(remark("take_cut", take=index + 1, more=-missing, duration=duration, whole=whole))
    if not bool(torch.isfinite(out).all()):
        raise RenderError(NOT_NUMBERS)
    gains = [1.0] * len(takes)
    for index, take in enumerate(out):
        # Whatever writes it into a file would clip it; upstream turns it down as well.
        peak = float(take.abs().max())
        if peak > 1.0:
            take /= peak
            gains[index] = 1 / peak
            warnings.append(remark("take_loud", take=index + 1, db=20 * math.log10(peak)))
    return audio_from_batch(out, rate), gains


def _window_facts(window: Window, ring: Ring, rate: int) -> dict:
    """In seconds of the output; of what crosses the track's end the start is larger than the end."""

    def seconds(span: Span) -> list[float]:
        return [round(ring.position(at, is_end=end) / rate, 6) for at, end in zip(span, (False, True))]

    start, end = seconds((window.start, window.stop))
    return {"start": start, "end": end, "ranges": [seconds(span) for span in window.ranges]}


def _extension_facts(extension: Extension, rate: int) -> dict:
    """In seconds of the output: the window given to the model, and the ranges of new sound around it."""
    spans = ((extension.start - extension.before, extension.start), (extension.stop, extension.stop + extension.after))
    return {
        "start": round(extension.start / rate, 6),
        "end": round(extension.stop / rate, 6),
        "ranges": [[round(a / rate, 6), round(b / rate, 6)] for a, b in spans if b > a],
    }
