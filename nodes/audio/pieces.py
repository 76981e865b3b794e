"""What will stand in a span: the render's sound, brought to the channels, level and joints of what is around it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ..words.remarks import Remark, remark
from .channels import mix_remarks
from .colour import Recoloured, recoloured
from .context import Context
from .cut import REACH_SECONDS, TONAL_FADE_SECONDS, best_cut
from .edges import STOPPING, Edge, Target, covered
from .extrapolate import learning_samples
from .loudness import (
    LEVEL_CONTEXT_SECONDS,
    NO_GAIN,
    Gain,
    edge_gains,
    gain_curve,
    limit,
    offset_of,
    stray_offset,
)
from .render import Mix, Placement, Render, plain_mix
from .spaces import Span, Track
from .splice import continue_from, continue_into, fade_in, fade_out, fade_samples
from .stereo import narrowed_db, products_of, restored_mix

# New sound is written in blocks of this size, so that a range of ten minutes needs no second place.
_WRITTEN_SAMPLES = 1 << 19
# Where kept sound stops, no longer fade than this: further on nobody can foretell it.
_FORETOLD_MS = 50.0
# Sound that stops before its place is filled ends in a fade this long.
_SHORTAGE_FADE_MS = 20.0
# Sound that came back this much narrower lost its sides.
_NARROWED_DB = -6.0
# At each end at most a twelfth of a range stays as it was for a better join.
MOST_LEFT_OLD = 12
# A codec overshoots the peaks of a limited track a little; what is cut off beyond this share is heard (0.5 %).
LIMITED_SHARE = 5e-3


@dataclass(frozen=True)
class EditOptions:
    """crossfade_ms: 0 to 1000. match_loudness: level the new sound to its surroundings."""

    crossfade_ms: float
    match_loudness: bool


@dataclass(frozen=True)
class End:
    """One end of a piece. gain: at it. correlation: of the context beside it as rendered with that context as it was.
    recoloured: how that context's colour changed, if it did. fade: its length in samples."""

    gain: Gain
    correlation: float | None
    recoloured: Recoloured | None
    fade: int


@dataclass(frozen=True, eq=False)
class Piece:
    """What will be written: the render's sound of [start, stop), which is all of ``target`` or all there is."""

    target: Target
    start: int
    stop: int
    left: End
    right: End
    offset: torch.Tensor

    @property
    def inner(self) -> Span:
        """What lies between the fades, or all where that is nothing."""
        start = self.start + (self.left.fade if self.target.left is not Edge.OPEN else 0)
        stop = self.stop - (self.right.fade if self.target.right is not Edge.OPEN else 0)
        return (start, stop) if stop > start else (self.start, self.stop)

    def where(self, track: Track) -> dict[str, float]:
        """The range in seconds, as the user knows it."""
        return {"start": track.time(self.target.start), "end": track.time(self.target.stop, is_end=True)}

    def gain_db_at(self, position: int) -> float:
        """Straight from the gain at the first sample to the gain at the last one."""
        share = (position - self.start) / max(1, self.stop - 1 - self.start)
        return self.left.gain.db + (self.right.gain.db - self.left.gain.db) * share


def clipped_remark(track: Track, piece: Piece, share: float) -> Remark:
    return remark("range_clipped", **piece.where(track), percent=100 * share)


@dataclass(frozen=True, eq=False)
class Scene:
    """The track, its ``known`` spans, and the render that lies against it."""

    track: Track
    known: tuple[Span, ...]
    render: Render
    placement: Placement
    silence_rms: float
    ceiling: float
    options: EditOptions

    @property
    def silence_power(self) -> float:
        return self.silence_rms**2

    # ------------------------------------------------------------ what will be written

    def with_stereo(self, targets: Sequence[Target]) -> tuple["Scene", list[Remark]]:
        """The same scene with the channels put right, and what there is to say about them."""
        if self.track.channels == 1:
            return self, []
        raw = replace(self, placement=replace(self.placement, mix=_as_is(self.render.sound.channels)))
        contexts = [side for target in targets for side in raw.contexts(target) if side is not None]
        if not contexts or any(_rms(context.kept) < self.silence_rms for context in contexts):
            return self, []
        products = products_of(contexts)
        mix = restored_mix(products, self.placement.mix)
        scene, said = self, []
        if mix != self.placement.mix:
            scene = replace(self, placement=replace(self.placement, mix=mix))
            said = list(_channel_remarks(mix))
        if narrowed_db(products, mix) < _NARROWED_DB:
            said.append(remark("mono_render"))
        return scene, said

    def piece(self, target: Target) -> tuple[Piece, list[Remark]]:
        """What will stand in ``target``, and what there is to say about it. Raises RenderError."""
        start, stop, said = covered(target, self.placement.available(self.render), self.track)
        left, right = self.contexts(target)
        gains = (NO_GAIN, NO_GAIN)
        if self.options.match_loudness:
            gains = edge_gains(left, right, self.silence_rms)
        said += [text for gain in gains for text in gain.remarks()]
        sides = [(side, gain.db) for side, gain in zip((left, right), gains) if side is not None]
        offset = offset_of([side for side, _ in sides], [gain for _, gain in sides])
        offset = offset - self.stray_offset(start, stop, [side for side, _ in sides], left=gains[0], right=gains[1])
        fade = fade_samples(self.options.crossfade_ms, self.track.sample_rate, stop - start)
        first, last = (
            End(gain, _similarity(side), self.recoloured(side), fade) for side, gain in zip((left, right), gains)
        )
        return self.with_best_cuts(Piece(target, start, stop, first, last, offset)), said

    def recoloured(self, context: Context | None) -> Recoloured | None:
        """How the colour of ``context`` changed; None, too, where it is silence."""
        if context is None:
            return None
        if min(map(_rms, context.centred)) < self.silence_rms:
            return None
        return recoloured(context)

    def stray_offset(self, start: int, stop: int, contexts: list[Context], left: Gain, right: Gain) -> torch.Tensor:
        """[C, 1]: what constant offset the new sound of [start, stop) would have that its surroundings have not."""
        raw = self.placement.raw(self.render, start, stop)
        found = stray_offset(raw, torch.tensor(self.placement.mix), contexts)
        return found * 10 ** ((left.db + right.db) / 40)

    def with_best_cuts(self, piece: Piece) -> Piece:
        """The same piece, let in where it joins best what lies under its ends."""
        rate, size = self.track.sample_rate, piece.stop - piece.start
        furthest = min(self.track.samples(REACH_SECONDS), size // MOST_LEFT_OLD)
        room = min(size // 4, furthest + max(piece.left.fade, self.track.samples(TONAL_FADE_SECONDS)))
        start, stop, left, right = piece.start, piece.stop, piece.left, piece.right
        if piece.target.left is Edge.FADE:
            new = self.take(start, start + room) * 10 ** (left.gain.db / 20) + piece.offset
            cut = best_cut(self.track.cut(start, start + room), new, left.fade, furthest, rate)
            start, left = start + cut.inward, replace(left, fade=cut.fade)
        if piece.target.right is Edge.FADE:
            new = self.take(stop - room, stop) * 10 ** (right.gain.db / 20) + piece.offset
            cut = best_cut(self.track.cut(stop - room, stop).flip(1), new.flip(1), right.fade, furthest, rate)
            stop, right = stop - cut.inward, replace(right, fade=cut.fade)
        return replace(piece, start=start, stop=stop, left=left, right=right)

    def contexts(self, target: Target) -> tuple[Context | None, Context | None]:
        """The sound on the left and on the right of ``target``."""
        near = self.track.samples(LEVEL_CONTEXT_SECONDS)
        return (
            self.context(target.start - near, target.start, nearest_last=True),
            self.context(target.stop, target.stop + near, nearest_last=False),
        )

    # ------------------------------------------------------------ writing

    def write(self, piece: Piece) -> list[Remark]:
        """Put ``piece`` into the track, its ends fitted to what they meet."""
        track, target, start, stop = self.track, piece.target, piece.start, piece.stop
        new = track.waveform[:, start:stop]
        old = new[:, : piece.left.fade].clone(), new[:, stop - start - piece.right.fade :].clone()
        for low in range(start, stop, _WRITTEN_SAMPLES):
            high = min(stop, low + _WRITTEN_SAMPLES)
            gains = gain_curve(piece.gain_db_at(low), piece.gain_db_at(high - 1), high - low)
            part = self.take(low, high) * gains
            track.waveform[:, low:high] = part + piece.offset if bool(piece.offset.any()) else part
        self.join(new, piece, old)
        clipped = limit(new, self.ceiling)
        # Beside kept sound that lies under it the source stands where the render has nothing; elsewhere silence.
        if target.left is not Edge.FADE and target.start < start:
            track.waveform[:, target.start : start] = 0
        if target.right is not Edge.FADE and stop < target.stop:
            track.waveform[:, stop : target.stop] = 0
        return [clipped_remark(track, piece, clipped)] if clipped > LIMITED_SHARE else []

    def join(self, new: torch.Tensor, piece: Piece, old: tuple[torch.Tensor, torch.Tensor]) -> None:
        """Fit the ends of ``new`` to what they meet; ``old`` stood there before. In place."""
        target, start, stop = piece.target, piece.start, piece.stop
        shortage = fade_samples(_SHORTAGE_FADE_MS, self.track.sample_rate, stop - start)
        most = self.track.samples(_FORETOLD_MS / 1000)
        rate = self.track.sample_rate
        if target.left is Edge.FADE:
            fade_in(new, old[0], piece.left.fade)
        elif start > target.start:
            fade_in(new, torch.zeros_like(new[:, :shortage]), shortage)
        elif target.left in STOPPING:
            kept = self.beside(start - learning_samples(rate), start, piece, piece.left.gain, target.left)
            continue_from(new, *kept, min(piece.left.fade, most), rate)
        if target.right is Edge.FADE:
            fade_out(new, old[1], piece.right.fade)
        elif stop < target.stop:
            fade_out(new, torch.zeros_like(new[:, :shortage]), shortage)
        elif target.right in STOPPING:
            kept = self.beside(stop, stop + learning_samples(rate), piece, piece.right.gain, target.right)
            continue_into(new, *kept, min(piece.right.fade, most), rate)

    def beside(self, low: int, high: int, piece: Piece, gain: Gain, edge: Edge) -> tuple[torch.Tensor, torch.Tensor]:
        """The kept sound of [low, high) and how it was rendered, at the same level: as nothing that tells at a JOIN."""
        first, last = (self.known[0][0], self.known[-1][1]) if self.known else (low, high)
        low, high = max(low, first, 0), min(high, last, self.track.length)
        kept = self.track.cut(low, high)
        if edge is Edge.JOIN:
            return kept, torch.zeros_like(kept)
        return kept, self.take(low, high) * 10 ** (gain.db / 20) + piece.offset

    def take(self, start: int, stop: int) -> torch.Tensor:
        return self.placement.take(self.render, start, stop)

    def context(self, low: int, high: int, *, nearest_last: bool) -> Context | None:
        """The sound of the known span in [low, high) that is nearest to the edit."""
        first, last = self.placement.available(self.render)
        spans = [(max(a, low, first), min(b, high, last)) for a, b in self.known]
        spans = [span for span in spans if span[1] > span[0]]
        if not spans:
            return None
        start, stop = spans[-1 if nearest_last else 0]
        return Context(self.track.cut(start, stop), self.take(start, stop), self.track.sample_rate)


def _channel_remarks(mix: Mix) -> tuple[Remark, ...]:
    said = mix_remarks(mix)
    return said or (remark("stereo_restored"),)


def _as_is(channels: int) -> Mix:
    """Every rendered channel by itself."""
    return plain_mix(channels, channels)


def _rms(piece: torch.Tensor) -> float:
    return float(piece.square().mean().sqrt()) if piece.numel() else 0.0


def _similarity(context: Context | None) -> float | None:
    if context is None:
        return None
    # An offset that a service took away is no difference anybody hears.
    kept, rendered = (side.double() for side in context.centred)
    energy = math.sqrt(float(kept.square().sum()) * float(rendered.square().sum()))
    return float((kept * rendered).sum()) / energy if energy > 1e-20 else None
