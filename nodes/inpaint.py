"""ACEStepInpaint: new music in a range of a track, everything else bit for bit as it was."""

from comfy_api.v0_0_2 import io

from .comfyui.inputs import (
    CATEGORY,
    TimeRangeType,
    edit_appended,
    edit_optional,
    rendering_outputs,
    shared_appended,
    shared_optional,
    shared_required,
)
from .comfyui.rendering_node import RenderingNode
from .request.requests import InpaintRequest, inpaint_request


class ACEStepInpaint(RenderingNode, io.ComfyNode):
    NODE = "ACEStepInpaint"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ACEStepInpaint",
            display_name="ACE-Step Inpaint",
            category=CATEGORY,
            description="Make a range of a track anew with ACE-Step. Outside the range the output equals the source "
            "bit for bit, at its own sample rate and channel count.",
            search_aliases=[
                "repaint", "music fill", "fix section", "repair audio", "replace section", "audio inpainting",
                "rewrite ending", "redo part of a song", "ace step", "acestep", "runcomfy", "suno", "udio",
            ],
            inputs=[
                io.Audio.Input("audio", tooltip="The track to change: mono or stereo, any sample rate, any length."),
                TimeRangeType.Input(
                    "time_range",
                    tooltip="The range or ranges to make anew, from a TimeRange node. At least 0.05 s each.",
                ),
                *shared_required(),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="How much of the range may change. 1 makes it anew, lower keeps more of what is there, 0 "
                    "changes nothing. RunComfy always makes it anew.",
                ),
                *edit_optional(),
                *shared_optional(),
                *shared_appended(),
                *edit_appended(),
            ],
            outputs=rendering_outputs(),
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )  # fmt: skip

    @classmethod
    def build_request(cls, *, audio, time_range, **inputs) -> InpaintRequest:
        # Imported here: what only a run needs is no part of ComfyUI's start.
        from .run.rendering import inpaint_source

        request = inpaint_request(node=cls.NODE, **inputs)
        inpaint_source(request, audio, time_range)
        return request

    @classmethod
    async def execute(cls, audio, time_range, **inputs) -> io.NodeOutput:
        from .run.rendering import render_inpaint

        with cls.telling():
            request = inpaint_request(node=cls.NODE, progress=cls.progress(), **inputs)
            return cls.output(await render_inpaint(request, audio, time_range))
