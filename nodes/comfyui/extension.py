"""The pack's nodes, as ComfyUI's loader asks for them."""

from comfy_api.v0_0_2 import ComfyExtension, io

from ..generate import ACEStepGenerate
from ..inpaint import ACEStepInpaint
from ..outpaint import ACEStepOutpaint
from ..routes.account import register_routes as register_account_routes
from ..routes.example_track import register_routes as register_example_track_route
from ..routes.local import register_routes as register_local_route
from ..routes.models import register_routes as register_models_routes
from ..routes.peaks import register_routes as register_peaks_route
from ..routes.plan import register_routes as register_plan_route
from ..tag_builder import TagBuilder
from ..time_range import TimeRange
from .pack_folder import warn_if_not_served


class ACEStepExtension(ComfyExtension):
    async def on_load(self) -> None:
        register_account_routes()
        register_example_track_route()
        register_local_route()
        register_models_routes()
        register_peaks_route()
        register_plan_route()
        await warn_if_not_served()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [ACEStepGenerate, ACEStepInpaint, ACEStepOutpaint, TimeRange, TagBuilder]


class SecondCopy(ComfyExtension):
    """What a copy of the pack is while another one is in use."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return []
