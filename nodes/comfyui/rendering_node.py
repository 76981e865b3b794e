"""What ComfyUI asks of each of the three rendering nodes besides running them."""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator

from comfy_api.v0_0_2 import io

from ..backends import fingerprint
from ..errors import ACEStepError
from ..request.progress import NodeProgress
from ..request.requests import Request
from ..request.values import tags_problem
from ..run import report

# The inputs that only the local backend reads.
LAZY_SOCKETS = ("model", "clip", "vae", "reference")
# Stands for what is connected and not read yet, while it is seen whether that is refused anyway.
NOT_READ = object()
UI_KEY = "acestep"


class RenderingNode:
    """Shared behaviour of ACEStepGenerate, ACEStepInpaint and ACEStepOutpaint.

    They name io.ComfyNode as a base of their own, and their ids as literals: what lists the nodes of all packs reads
    no more of the code than that, and would list this class too if it were one.
    """

    NODE: str  # the node id
    hidden: io.HiddenHolder  # ComfyUI's, set for each run

    @classmethod
    @abstractmethod
    def build_request(cls, **inputs) -> Request:
        """The checked request for a node's inputs. Raises InputError."""

    @classmethod
    def validate_inputs(cls, tags=None) -> bool | str:
        # Only tags: an input named here loses ComfyUI's own check of range and options. Linked tags come as None, and
        # missing ones not at all: ComfyUI says so itself.
        problem = None if tags is None else tags_problem(cls.NODE, tags)
        return problem.sentence() if problem else True

    @classmethod
    def fingerprint_inputs(cls, **inputs):
        if inputs.get("seed") == -1:
            return float("nan")  # never equal to itself: a new seed is drawn on every run
        return fingerprint(**({"backend": "auto"} | inputs))

    @classmethod
    def check_lazy_status(cls, **inputs) -> list[str]:
        with cls.telling():
            return cls.sockets_to_read(**inputs)

    @classmethod
    def sockets_to_read(cls, **inputs) -> list[str]:
        """Which connected inputs are needed and not read yet. Raises ACEStepError where a run would be refused."""
        # Bad input is refused here, before a connected loader reads its checkpoint.
        waiting = [name for name in LAZY_SOCKETS if name in inputs and inputs[name] is None]
        cls.build_request(**inputs | dict.fromkeys(waiting, NOT_READ))
        return waiting if inputs["backend"] in ("auto", "local") else []

    @classmethod
    def progress(cls) -> NodeProgress:
        return NodeProgress(cls.hidden.unique_id)

    @classmethod
    @contextlib.contextmanager
    def telling(cls) -> Iterator[None]:
        """An error of the block reaches the node's status row with its code; ComfyUI itself passes on text only."""
        try:
            yield
        except ACEStepError as error:
            cls.progress().status(failure=error.said.as_dict())
            raise

    @classmethod
    def output(cls, rendered: tuple) -> io.NodeOutput:
        audio, facts = rendered
        return io.NodeOutput(audio, report.to_json(facts), ui={UI_KEY: [facts]})
