"""ACEStepGenerate: new music from tags and lyrics."""

from comfy_api.v0_0_2 import io

from .audio.value import sound_from_audio
from .comfyui.inputs import (
    CATEGORY,
    generate_appended,
    rendering_outputs,
    shared_appended,
    shared_optional,
    shared_required,
)
from .comfyui.rendering_node import NOT_READ, RenderingNode
from .request.requests import MAX_DURATION_SECONDS, MIN_DURATION_SECONDS, GenerateRequest, generate_request


class ACEStepGenerate(RenderingNode, io.ComfyNode):
    NODE = "ACEStepGenerate"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="ACEStepGenerate",
            display_name="ACE-Step Generate",
            category=CATEGORY,
            description="Make music from tags and lyrics with ACE-Step, on your own GPU or on RunComfy.",
            search_aliases=[
                "music", "song", "text to music", "text to audio", "audio generation", "ace step", "acestep",
                "runcomfy", "suno", "udio",
            ],
            inputs=[
                io.Int.Input(
                    "duration",
                    default=60,
                    min=MIN_DURATION_SECONDS,
                    max=MAX_DURATION_SECONDS,
                    tooltip="Length of the music in seconds, 5 to 600. ACE-Step 1.5 on your GPU makes up to 600 s, "
                    "version 1 and RunComfy up to 240 s.",
                ),
                *shared_required(),
                *shared_optional(),
                *shared_appended(),
                *generate_appended(),
            ],
            outputs=rendering_outputs(),
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )  # fmt: skip

    @classmethod
    def build_request(cls, **inputs) -> GenerateRequest:
        if inputs.get("reference", NOT_READ) is not NOT_READ:
            inputs["reference"] = sound_from_audio(inputs["reference"], cls.NODE, "reference")
        return generate_request(node=cls.NODE, **inputs)

    @classmethod
    def sockets_to_read(cls, **inputs) -> list[str]:
        # Imported here: what only a run needs is no part of ComfyUI's start.
        from .run.rendering import check_generate

        wanted = super().sockets_to_read(**inputs)
        if wanted == ["reference"]:
            # What makes the reference may cost something, so it is asked for last, when nothing else stops the run.
            check_generate(cls.build_request(**inputs | {"reference": NOT_READ}))
        return [name for name in wanted if name != "reference"] or wanted

    @classmethod
    async def execute(cls, **inputs) -> io.NodeOutput:
        from .run.rendering import render_generate

        with cls.telling():
            return cls.output(await render_generate(cls.build_request(progress=cls.progress(), **inputs)))
