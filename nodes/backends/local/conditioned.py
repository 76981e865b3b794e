"""What ACE-Step 1.5's network is shown besides the noise, swapped for the time of one call.

ComfyUI's network class has a place for the source and the mask of an edit but no input for them; it
makes both itself in ``prepare_condition``. A wrapper on a clone of the model stands in for that method
while the network runs, and puts back whatever was there, also after an error or Stop. The condition is
made again only when what it is made of has changed, which within a run is the work of other packs.
"""

import functools
import inspect
import itertools
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ...errors import BackendUnavailable, RenderError
from ...words.remarks import Remark, remark

_KEY = "acestep.condition"
_METHOD = "prepare_condition"
# Its parameters that count here, by ComfyUI's names. ComfyUI may pass them by position or by name, in any order.
_LATENTS = "src_latents"
_REFERENCE = "refer_audio_acoustic_hidden_states_packed"
_TEXT = "text_hidden_states"
_ENCODED = (_TEXT, "text_attention_mask", "lyric_hidden_states", "lyric_attention_mask")
_CODES, _IS_COVER = "audio_codes", "is_covers"
# Of its modules: the first makes the embedding, the other two make of a sound what a cover is shown of it.
_PARTS = ("encoder", "tokenizer", "detokenizer")
# Timbre is read from 30 s of a reference, and without one from 30 s of silence (handler.py of ACE-Step-1.5).
TIMBRE_FRAMES = 750
# With and without the prompt, for a handful of prompts; more than these are made anew each time.
_KEPT_CONDITIONS = 8


@dataclass(frozen=True)
class Heard:
    """Music to play anew. latents: of it, [1, 64, T], as long as what is made. until: it is heard at noise levels above
    this. text: what the text encoder makes of the prompt for a song, [1, L, D], which holds from there on."""

    latents: torch.Tensor
    until: float
    text: torch.Tensor


def once_per_run(model, timbre: torch.Tensor | None = None, *, as_comfyui: bool = False) -> None:
    """Make the network's own condition once for each prompt of the run instead of at every step.

    timbre: latents [1, 64, 750] of what a song from audio codes is to sound like; None: of silence, which as_comfyui is
        as long as the song.

    On a ComfyUI whose network names its arguments otherwise it stays at every step.
    """
    network = _owner(model.get_model_object("diffusion_model"))
    if network is not None and {_LATENTS, _REFERENCE} <= _signature(network).parameters.keys():
        _wrap(model, _Own, timbre, as_comfyui)
    elif timbre is not None:
        raise _unknown(_without([_LATENTS, _REFERENCE]))


def by_source_and_mask(
    model, source: torch.Tensor, mask: torch.Tensor, timbre: torch.Tensor | None = None, cover: Heard | None = None
) -> None:
    """Show the network ``source`` and ``mask`` [1, 64, T], 1 where new music is wanted, and until its time ``cover``.

    timbre: latents [1, 64, 750] of what it is to sound like; None: of silence. Raises BackendUnavailable on a ComfyUI
    whose network cannot be shown them.
    """
    if lacking := _lacking(_owner(model.get_model_object("diffusion_model"))):
        raise _unknown(lacking)
    context = torch.cat([source, mask], dim=1).movedim(1, 2)
    if cover is None:
        _wrap(model, _Edit, context, timbre)
    else:
        _wrap(model, _Covering, context, timbre, cover)


def _unknown(lacking: Remark) -> BackendUnavailable:
    return BackendUnavailable(remark("unknown_comfyui", lacking=lacking))


def _lacking(network: torch.nn.Module | None) -> Remark | None:
    """What an edit needs of the network and does not find; None when all is there."""
    if network is None:
        return remark("network_lacks", names=_METHOD)
    if missing := [part for part in _PARTS if not hasattr(network, part)]:
        return remark("network_lacks", names=", ".join(missing))
    known = _signature(network).parameters
    missing = [name for name in (*_ENCODED, _REFERENCE, _LATENTS) if name not in known]
    return _without(missing) if missing else None


def _without(arguments: list[str]) -> Remark:
    return remark("method_lacks", method=_METHOD, names=", ".join(arguments))


def _own_method(network: torch.nn.Module) -> Callable[..., tuple]:
    """The network's own method, whatever stands in for it now."""
    return getattr(type(network), _METHOD).__get__(network)


def _signature(network: torch.nn.Module) -> inspect.Signature:
    return inspect.signature(_own_method(network))


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
        self.own = _own_method(network)
        self._signature = _signature(network)
        self.memory = _Memory()
        self.window = None  # ComfyUI's context window of this call
        self.level = 1.0  # and its noise level
        self.asked = False
        self.gives_way = False

    def __call__(self, *args, **named):
        self.asked = True
        given = self._signature.bind(*args, **named)
        given.apply_defaults()
        embedding, mask, shown = self.make(given)
        # The network blanks the embedding in place for the unguided prediction.
        return embedding.clone(), mask, shown

    @abstractmethod
    def make(self, given: inspect.BoundArguments) -> tuple:
        """(embedding, mask, what is shown beside the noise), for the arguments of ``prepare_condition``."""


class _Own(_Condition):
    """What the network makes itself."""

    def __init__(self, network, timbre: torch.Tensor | None, as_comfyui: bool):
        super().__init__(network)
        self._timbre, self._as_comfyui = timbre, as_comfyui
        self.gives_way = timbre is None  # to what another pack has put in the method's place

    def make(self, given: inspect.BoundArguments) -> tuple:
        planned = given.arguments.get(_CODES) is not None and given.arguments.get(_IS_COVER) is None
        if planned and not self._as_comfyui:
            # A song from codes, whose reference gives nothing but the timbre; ComfyUI makes it as long as the song.
            given.arguments[_REFERENCE] = _timbre(self._timbre, given.arguments[_REFERENCE])
        args, named = given.args, given.kwargs
        # Of the latents only the length counts.
        given.arguments[_LATENTS] = given.arguments[_LATENTS].shape
        key = (*given.args, *itertools.chain(*given.kwargs.items()))
        return self.memory.recall(key, lambda: self.own(*args, **named))


class _Edit(_Condition):
    """The condition of an edit. context: source and mask as the network takes them, [1, T, 128]."""

    def __init__(self, network, context: torch.Tensor, timbre: torch.Tensor | None):
        super().__init__(network)
        self._context = context
        self._timbre = timbre

    def make(self, given: inspect.BoundArguments) -> tuple:
        latents = given.arguments[_LATENTS]
        reference = _timbre(self._timbre, given.arguments[_REFERENCE])
        # One timbre for each item; the stock order gives all of them to the first one.
        order = torch.arange(reference.shape[0], device=reference.device)
        encoded = (*(given.arguments[name] for name in _ENCODED), reference, order)
        embedding, mask = self.memory.recall(encoded, lambda: self.network.encoder(*encoded))
        context = self._shown(latents)
        context = context if self.window is None else self.window.get_tensor(context, dim=1)
        return embedding, mask, context.to(latents).expand(latents.shape[0], -1, -1)

    def _shown(self, latents: torch.Tensor) -> torch.Tensor:
        """What is shown now, [1, T, 128]. latents: what it is shown beside, for their device and precision."""
        return self._context


class _Covering(_Edit):
    """An edit of all, which is shown what the tokenizer keeps of ``cover`` until its time is over."""

    def __init__(self, network, context: torch.Tensor, timbre: torch.Tensor | None, cover: Heard):
        super().__init__(network, context, timbre)
        self._cover = cover

    def make(self, given: inspect.BoundArguments) -> tuple:
        if not self._is_heard:
            text = given.arguments[_TEXT]
            given.arguments[_TEXT] = self._cover.text.to(text).expand(text.shape[0], -1, -1)
        return super().make(given)

    @property
    def _is_heard(self) -> bool:
        return self.level > self._cover.until

    def _shown(self, latents: torch.Tensor) -> torch.Tensor:
        if not self._is_heard:
            return self._context
        (hints,) = self.memory.recall((latents.dtype, latents.device), lambda: (self._hints(latents),))
        return torch.cat([hints, self._context[..., hints.shape[-1] :].to(hints)], dim=-1)

    def _hints(self, latents: torch.Tensor) -> torch.Tensor:
        """[1, T, 64], five frames a token; the last one is filled up with silence as upstream fills it up."""
        frames = self._cover.latents.movedim(1, 2).to(latents)
        spare = -frames.shape[1] % self.network.pool_window_size
        codes = _quantized(self.network.tokenizer, torch.cat([frames, _silence(frames)[:, :spare]], dim=1))
        return self.network.detokenizer(codes)[:, : frames.shape[1]]


def _quantized(tokenizer, frames: torch.Tensor) -> torch.Tensor:
    """What ``tokenizer`` keeps of ``frames`` [B, T, 64]: [B, T / 5, D].

    ComfyUI's own quantiser sends the values through tanh a second time where the model was trained with a clamp, and so
    comes to other codes.
    """
    pooled = tokenizer.audio_acoustic_proj(frames.unflatten(1, (-1, tokenizer.pool_window_size)))
    quantizer = tokenizer.quantizer
    # In float32 whatever the weights are, as it was trained.
    values = quantizer.project_in(tokenizer.attention_pooler(pooled)).float()
    steps = quantizer.layers[0]._levels.to(values) - 1
    bound = 1 + 1 / steps
    values = ((values / bound).tanh() * bound).clamp(-1.0, 1.0)
    return quantizer.project_out((torch.floor(steps * (values + 1) / 2 + 0.5) * 2 / steps - 1).to(frames))


def _timbre(timbre: torch.Tensor | None, reference: torch.Tensor) -> torch.Tensor:
    """``timbre``, or the silence that stands for no reference, [B, 750, 64]: like ``reference`` in all but length."""
    packed = _silence(reference) if timbre is None else timbre.movedim(1, 2).to(reference)
    return packed.expand(reference.shape[0], -1, -1)


def _silence(like: torch.Tensor) -> torch.Tensor:
    """[1, 750, 64], of the device and precision of ``like``."""
    from comfy.ldm.ace.ace_step15 import get_silence_latent

    return get_silence_latent(TIMBRE_FRAMES, like.device).to(like).movedim(1, 2)


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
    condition.level = float(t.max())
    before = vars(network).get(_METHOD)
    if before is not None and condition.gives_way:
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
        raise RenderError(remark("source_unseen"))
    return made


def _owner(network: torch.nn.Module) -> torch.nn.Module | None:
    """The module whose own method ``prepare_condition`` is, also within one that is compiled or wrapped."""
    return next((module for module in network.modules() if hasattr(type(module), _METHOD)), None)
