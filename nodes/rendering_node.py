"""What ComfyUI asks of each of the three rendering nodes besides running them."""

from abc import abstractmethod

from comfy_api.v0_0_2 import io

from . import report
from .backends import fingerprint
from .progress import NodeProgress
from .request import Request, tags_problem

MODEL_SOCKETS = ("model", "clip", "vae")
UI_KEY = "acestep"


class RenderingNode(io.ComfyNode):
    """Shared behaviour of ACEStepGenerate, ACEStepInpaint and ACEStepOutpaint."""

    NODE: str  # the node id

    @classmethod
    @abstractmethod
    def build_request(cls, **inputs) -> Request:
        """The checked request for a node's inputs. Raises InputError."""

    @classmethod
    def validate_inputs(cls, tags) -> bool | str:
        # Only tags: an input named here loses ComfyUI's own check of range and options. Linked tags come as None.
        return tags is None or tags_problem(cls.NODE, tags) or True

    @classmethod
    def fingerprint_inputs(cls, **inputs):
        if inputs.get("seed") == -1:
            return float("nan")  # never equal to itself: a new seed is drawn on every run
        return fingerprint(**({"backend": "auto"} | inputs))

    @classmethod
    def check_lazy_status(cls, **inputs) -> list[str]:
        # Bad input is refused here, before a connected loader reads its checkpoint.
        cls.build_request(**inputs)
        if inputs["backend"] not in ("auto", "local"):
            return []
        return [name for name in MODEL_SOCKETS if name in inputs and inputs[name] is None]

    @classmethod
    def progress(cls) -> NodeProgress:
        return NodeProgress(cls.hidden.unique_id)

    @classmethod
    def output(cls, rendered: tuple) -> io.NodeOutput:
        audio, facts = rendered
        return io.NodeOutput(audio, report.to_json(facts), ui={UI_KEY: [facts]})
