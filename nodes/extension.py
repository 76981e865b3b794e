"""The pack's nodes, as ComfyUI's loader asks for them."""

from comfy_api.v0_0_2 import ComfyExtension, io

from .backends.runcomfy.routes import register_routes as register_account_routes
from .generate import ACEStepGenerate
from .inpaint import ACEStepInpaint
from .outpaint import ACEStepOutpaint
from .peaks_route import register_routes as register_peaks_route
from .plan_route import register_routes as register_plan_route
from .tag_builder import TagBuilder
from .time_range import TimeRange


class ACEStepExtension(ComfyExtension):
    async def on_load(self) -> None:
        register_account_routes()
        register_peaks_route()
        register_plan_route()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [ACEStepGenerate, ACEStepInpaint, ACEStepOutpaint, TimeRange, TagBuilder]
