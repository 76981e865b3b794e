"""ACEStepOutpaint: new music before and after a track, the track itself bit for bit as it was."""

from comfy_api.v0_0_2 import io

from .audio.value import sounds_from_audio
from .comfyui.inputs import (
    CATEGORY,
    edit_appended,
    edit_optional,
    rendering_outputs,
    shared_appended,
    shared_optional,
    shared_required,
)
from .comfyui.rendering_node import RenderingNode
from .request.requests import MAX_EXTENSION_SECONDS, OutpaintRequest, outpaint_request


class ACEStepOutpaint(RenderingNode, io.ComfyNode):
    NODE = "ACEStepOutpaint"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ACEStepOutpaint",
            display_name="ACE-Step Outpaint",
            category=CATEGORY,
            description="Add an intro, an outro or both to a track with ACE-Step. The source itself stays in the "
            "output bit for bit.",
            search_aliases=[
                "extend", "extend song", "continue song", "lengthen", "intro", "outro", "fade out", "audio outpainting",
                "extend audio", "longer song", "ace step", "acestep", "runcomfy", "suno", "udio",
            ],
            inputs=[
                io.Audio.Input("audio", tooltip="The track to extend: mono or stereo, any sample rate, any length."),
                io.Float.Input(
                    "extend_before_duration",
                    default=0.0,
                    min=0.0,
                    max=MAX_EXTENSION_SECONDS,
                    step=0.1,
                    tooltip="Seconds of new music before the source, 0 to 240.",
                ),
                io.Float.Input(
                    "extend_after_duration",
                    default=30.0,
                    min=0.0,
                    max=MAX_EXTENSION_SECONDS,
                    step=0.1,
                    tooltip="Seconds of new music after the source, 0 to 240.",
                ),
                *shared_required(),
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
    def build_request(cls, *, audio, **inputs) -> OutpaintRequest:
        request = outpaint_request(node=cls.NODE, **inputs)
        sounds_from_audio(audio, request.node)
        return request

    @classmethod
    async def execute(cls, audio, **inputs) -> io.NodeOutput:
        # Imported here: what only a run needs is no part of ComfyUI's start.
        from .run.rendering import render_outpaint

        with cls.telling():
            request = outpaint_request(node=cls.NODE, progress=cls.progress(), **inputs)
            return cls.output(await render_outpaint(request, audio))
