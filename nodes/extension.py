"""The pack's nodes, as ComfyUI's loader asks for them."""

from comfy_api.v0_0_2 import ComfyExtension, io

from .generate import ACEStepGenerate
from .inpaint import ACEStepInpaint
from .outpaint import ACEStepOutpaint
from .tag_builder import TagBuilder
from .time_range import TimeRange


class ACEStepExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [ACEStepGenerate, ACEStepInpaint, ACEStepOutpaint, TimeRange, TagBuilder]
