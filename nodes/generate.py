"""ACEStepGenerate: new music from tags and lyrics."""

from comfy_api.v0_0_2 import io

from .inputs import CATEGORY, rendering_outputs, shared_optional, shared_required
from .rendering_node import RenderingNode
from .request import MAX_DURATION_SECONDS, MIN_DURATION_SECONDS, GenerateRequest, generate_request


class ACEStepGenerate(RenderingNode):
    NODE = "ACEStepGenerate"

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id=cls.NODE,
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
            ],
            outputs=rendering_outputs(),
            hidden=[io.Hidden.unique_id],
            has_intermediate_output=True,
        )  # fmt: skip

    @classmethod
    def build_request(cls, **inputs) -> GenerateRequest:
        return generate_request(node=cls.NODE, **inputs)

    @classmethod
    async def execute(cls, **inputs) -> io.NodeOutput:
        # Imported here: what only a run needs is no part of ComfyUI's start.
        from .rendering import render_generate

        return cls.output(await render_generate(cls.build_request(progress=cls.progress(), **inputs)))
