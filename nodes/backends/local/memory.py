"""What to do when the memory of the device ends: what ComfyUI does, and then a sentence."""

from collections.abc import Callable
from typing import TypeVar

import comfy.model_management

from ...errors import RenderError
from ...words.remarks import joined, remark

Result = TypeVar("Result")


def with_room(task: Callable[[], Result], doing: str) -> Result:
    """``task()``; when it runs out of memory everything is unloaded and it runs once more.

    Raises RenderError, naming what was going on (``doing``) and what would help.
    """
    for _ in range(2):
        try:
            return task()
        except Exception as error:
            comfy.model_management.raise_non_oom(error)
        # Out of the except block: the exception no longer holds the tensors of the failed try.
        comfy.model_management.unload_all_models()
        comfy.model_management.soft_empty_cache()
    raise RenderError(joined(remark("memory_short", doing=doing), remark("less_at_once")))
