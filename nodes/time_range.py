"""TimeRange: which part of a track to change."""

from comfy_api.v0_0_2 import io
from comfy_execution.graph_utils import ExecutionBlocker

from .audio.value import Sound, sounds_from_audio
from .comfyui.inputs import CATEGORY, TimeRangeType
from .comfyui.rendering_node import UI_KEY
from .request import time_ranges
from .request.time_ranges import ANCHORS, MAX_TIME_SECONDS
from .request.values import tempo
from .words.vocabulary import MAX_BPM

NODE = "TimeRange"
_OUTPUT_TOOLTIP = "{edge} of this node's own range, in seconds from the start of the track."
_ANCHOR_TOOLTIP = "Whether {name} counts from the start of the track or back from its end."
# The front end offers steps of 0.01 s, but a value typed or dragged to a sample is kept to a microsecond.
_STEP, _ROUND = 0.01, 0.000001


class TimeRange(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TimeRange",
            display_name="Time Range",
            category=CATEGORY,
            description="Choose the part of a track that an edit changes. Connect the track to see it and to have the "
            "range checked.",
            search_aliases=["range", "region", "selection", "audio mask", "segment", "trim points", "ace step"],
            inputs=[
                _time_input("start_time", 0.0, "Where the range begins, in seconds."),
                _anchor_input("start_time"),
                _time_input("end_time", 30.0, "Where the range ends, in seconds. 0 from end is the end of the track."),
                _anchor_input("end_time"),
                io.Audio.Input(
                    "audio", optional=True, tooltip="The track, to draw its waveform and to check the range against it."
                ),
                TimeRangeType.Input(
                    "previous",
                    optional=True,
                    tooltip="Ranges of another TimeRange node, to change several parts in one pass. Overlapping ranges "
                    "become one.",
                ),
                io.Int.Input(
                    "bpm",
                    default=0,
                    min=0,
                    max=MAX_BPM,
                    optional=True,
                    advanced=True,
                    tooltip="Tempo of the beats that the handles snap to, 30 to 300; 0: as found in the sound. "
                    "It does not change the sound.",
                ),
            ],
            outputs=[
                TimeRangeType.Output(
                    "time_range",
                    display_name="time_range",
                    tooltip="All ranges, for ACE-Step Inpaint or another Time Range.",
                ),
                io.Float.Output("start", display_name="start", tooltip=_OUTPUT_TOOLTIP.format(edge="Start")),
                io.Float.Output("end", display_name="end", tooltip=_OUTPUT_TOOLTIP.format(edge="End")),
            ],
            has_intermediate_output=True,
        )  # fmt: skip

    @classmethod
    def execute(
        cls, start_time, start_time_relative_to, end_time, end_time_relative_to, audio=None, previous=None, bpm=0
    ) -> io.NodeOutput:
        own = time_ranges.entry(NODE, start_time, start_time_relative_to, end_time, end_time_relative_to)
        earlier = () if previous is None else time_ranges.checked(f"{NODE}: previous", previous)
        bpm = tempo(NODE, bpm)
        value = (*earlier, own)
        if audio is not None:
            sound = sounds_from_audio(audio, NODE)[0]
            ranges = time_ranges.resolve(NODE, value, sound.seconds)
            return io.NodeOutput(value, *ranges[-1], ui={UI_KEY: [_picture(sound, ranges, bpm)]})
        if time_ranges.needs_length(own):
            unknown = ExecutionBlocker(
                f"{NODE}: start and end are not known, because the range counts from the end of a track and audio is "
                "not connected; connect audio or count from the start."
            )
            return io.NodeOutput(value, unknown, unknown)
        return io.NodeOutput(value, own[0], own[2])


def _picture(sound: Sound, ranges, bpm: float) -> dict:
    """What the waveform on the node is drawn from: the track's outline, all ranges, what they snap to."""
    # Imported by the first run and not when ComfyUI starts.
    from .audio import crossings
    from .audio.beats import find_beats
    from .audio.outline import outline_of_sound

    outline = outline_of_sound(sound)
    beats = find_beats(outline.onsets, bpm)
    return {
        "seconds": sound.seconds,
        "ranges": ranges,
        "peaks": outline.peaks.as_dict(),
        "crossings": crossings.as_dict(outline.crossings),
        "beats": beats and beats.as_dict(),
        "bpm": bpm,
    }


def _time_input(name: str, default: float, tooltip: str) -> io.Float.Input:
    return io.Float.Input(
        name, default=default, min=0.0, max=MAX_TIME_SECONDS, step=_STEP, round=_ROUND, tooltip=tooltip
    )


def _anchor_input(name: str) -> io.Combo.Input:
    return io.Combo.Input(
        f"{name}_relative_to", options=list(ANCHORS), default="start", tooltip=_ANCHOR_TOOLTIP.format(name=name)
    )
