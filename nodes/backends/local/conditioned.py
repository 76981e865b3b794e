"""What ACE-Step 1.5's network is shown besides the noise, swapped for the time of one call.

ComfyUI's network class has a place for the source and the mask of an edit but no input for them; it
makes both itself in ``prepare_condition``. A wrapper on a clone of the model stands in for that method
while the network runs, and puts back whatever was there, also after an error or Stop. The condition is
made again only when what it is made of has changed, which within a run is the work of other packs.
"""

import functools
import itertools
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

import torch

from ...errors import BackendUnavailable, RenderError

_KEY = "acestep.condition"
_METHOD = "prepare_condition"
_LATENTS_ARGUMENT = 6
# Timbre is read from the first 30 s of the reference (handler.py of ACE-Step-1.5).
_TIMBRE_FRAMES = 750
# With and without the prompt, for a handful of prompts; more than these are made anew each time.
_KEPT_CONDITIONS = 8


def once_per_run(model) -> None:
    """Make the network's own condition once for each prompt of the run instead of at every step."""
    if _owner(model.get_model_object("diffusion_model")) is not None:
        _wrap(model, _Own)


def by_source_and_mask(model, source: torch.Tensor, mask: torch.Tensor) -> None:
    """Show the network ``source`` and ``mask`` [1, 64, T], 1 where new music is wanted."""
    network = _owner(model.get_model_object("diffusion_model"))
    if network is None or not hasattr(network, "encoder"):
        raise BackendUnavailable(
            "This version of ComfyUI runs ACE-Step 1.5 in a way this pack does not know: its network has no "
            f"{_METHOD}. Update the pack, or use a ComfyUI from 0.20 to 0.30."
        )
    _wrap(model, _Edit, torch.cat([source, mask], dim=1).movedim(1, 2))


class _Memory:
    """The last results of a function, each found again by equal arguments."""

    def __init__(self):
        self._kept: deque[tuple[tuple, tuple]] = deque(maxlen=_KEPT_CONDITIONS)

    def recall(self, arguments: tuple, make: Callable[[], tuple]) -> tuple:
        """What ``make`` gave when ``arguments`` were the same, else what it gives now."""
        for known, result in self._kept:
            if _same(known, arguments):
                return result
        result = make()
        self._kept.append((tuple(x.clone() if isinstance(x, torch.Tensor) else x for x in arguments), result))
        return result


def _same(known: tuple, given: tuple) -> bool:
    if len(known) != len(given):
        return False
    for a, b in zip(known, given):
        tensors = isinstance(a, torch.Tensor) + isinstance(b, torch.Tensor)
        if tensors == 2:
            if (a.shape, a.dtype, a.device) != (b.shape, b.dtype, b.device) or not torch.equal(a, b):
                return False
        elif tensors or a != b:
            return False
    return True


class _Condition(ABC):
    """Stands in for ``prepare_condition`` of one network, one object for a whole run."""

    def __init__(self, network):
        self.network = network
        self.memory = _Memory()
        self.window = None  # ComfyUI's context window of this call
        self.asked = False

    def __call__(self, *args, **named):
        self.asked = True
        embedding, mask, shown = self.make(*args, **named)
        # The network blanks the embedding in place for the unguided prediction.
        return embedding.clone(), mask, shown

    @abstractmethod
    def make(self, *args, **named) -> tuple:
        """(embedding, mask, what is shown beside the noise), for the arguments of ``prepare_condition``."""


class _Own(_Condition):
    """What the network makes itself."""

    def make(self, *args, **named) -> tuple:
        def own() -> tuple:
            return getattr(type(self.network), _METHOD)(self.network, *args, **named)

        # Of the latents only the length counts.
        given = [x.shape if at == _LATENTS_ARGUMENT else x for at, x in enumerate(args)]
        return self.memory.recall((*given, *itertools.chain(*named.items())), own)


class _Edit(_Condition):
    """The condition of an edit. context: source and mask as the network takes them, [1, T, 128]."""

    def __init__(self, network, context: torch.Tensor):
        super().__init__(network)
        self._context = context

    def make(self, text, text_mask, lyrics, lyrics_mask, reference, _order, latents, *_, **__) -> tuple:
        # One timbre for each item; the stock order gives all of them to the first one.
        order = torch.arange(reference.shape[0], device=reference.device)
        given = (text, text_mask, lyrics, lyrics_mask, reference[:, :_TIMBRE_FRAMES], order)
        embedding, mask = self.memory.recall(given, lambda: self.network.encoder(*given))
        context = self._context if self.window is None else self.window.get_tensor(self._context, dim=1)
        return embedding, mask, context.to(latents).expand(latents.shape[0], -1, -1)


@functools.cache
def _never_traced(kind: type[_Condition]) -> type[_Condition]:
    """The same kind, left out of what torch.compile makes of a network; that would be made again for every run."""
    return type(kind.__name__, (kind,), {"__call__": torch.compiler.disable(kind.__call__)})


def _wrap(model, kind: type[_Condition], *details) -> None:
    from comfy.patcher_extension import WrappersMP

    # Whoever compiles has loaded this; for the others it would be seconds of imports.
    kind = _never_traced(kind) if "torch._dynamo" in sys.modules else kind
    # On several GPUs each has a network of its own.
    conditions: dict[torch.nn.Module, _Condition] = {}
    wrapper = functools.partial(_apply_model, lambda network: kind(network, *details), conditions)
    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, _KEY, wrapper)


def _apply_model(
    make, conditions, executor, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **named
):
    """The APPLY_MODEL wrapper."""
    options = transformer_options or {}
    network = _owner(executor.class_obj.diffusion_model)
    condition = conditions.setdefault(network, make(network))
    if getattr(executor.class_obj.current_patcher, "hook_patches", None):
        condition.memory = _Memory()  # the weights change between steps
    condition.window = options.get("context_window")
    before = vars(network).get(_METHOD)
    if before is not None and isinstance(condition, _Own):
        return executor(x, t, c_concat, c_crossattn, control, options, **named)  # another pack's, which then holds
    setattr(network, _METHOD, condition)
    try:
        made = executor(x, t, c_concat, c_crossattn, control, options, **named)
    finally:
        if before is None:
            delattr(network, _METHOD)
        else:
            setattr(network, _METHOD, before)
    if not condition.asked:
        raise RenderError(
            "Something on the connected model runs ACE-Step 1.5's network in a way that never shows it the source "
            "of an edit; take the node that changes the model out, or connect another model."
        )
    return made


def _owner(network: torch.nn.Module) -> torch.nn.Module | None:
    """The module whose own method ``prepare_condition`` is, also within one that is compiled or wrapped."""
    return next((module for module in network.modules() if hasattr(type(module), _METHOD)), None)
