"""What was loaded last, kept for the next run until ComfyUI frees memory.

ComfyUI decides where a loaded model lives but cannot drop one that somebody still holds. So what is kept here
is let go when ComfyUI unloads it outside of a node (its buttons to free memory, or after running out of it), and
when it makes room for a graph that has no use for it, as ComfyUI's own cache lets go of what a graph does not hold.
"""

import functools
import hashlib
import sys
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from .family import Family
from .frames import frames_of_samples

_RELEASE_SECONDS = 0.5
# Of ten minutes each they hold 61 MB; that many are made in one run at most.
MOST_TAKES = 16


class Takes:
    """The latents of the songs that one VAE decoded last, found again by the sound's own samples.

    An edit of such a song, untouched since, needs no encoding, and its surroundings are what the network made and not
    a copy through the VAE. At most MOST_TAKES songs, on the CPU, and only as long as that VAE is there.
    """

    def __init__(self):
        self._of_vae: weakref.WeakKeyDictionary[object, deque] = weakref.WeakKeyDictionary()

    def put(self, vae, waveform: torch.Tensor, latents: torch.Tensor, gain: float) -> None:
        """vae: ComfyUI's VAE, which made ``latents`` [1, …, T] into what is, times ``gain``, ``waveform`` [2, N]. Other
        VAEs' songs are let go."""
        network = _network_of(vae)
        if network not in self._of_vae:
            self._of_vae.clear()
        songs = self._of_vae.setdefault(network, deque(maxlen=MOST_TAKES))
        songs.append((waveform.shape, _digest(waveform), (latents, gain)))

    def find(self, vae, waveform: torch.Tensor) -> tuple[torch.Tensor, float] | None:
        """The latents and the gain of this very sound, float32 [2, N], or None."""
        songs = [song for song in self._of_vae.get(_network_of(vae), ()) if song[0] == waveform.shape]
        if not songs:
            return None
        digest = _digest(waveform)
        return next((made_of for _, known, made_of in songs if known == digest), None)

    def clear(self) -> None:
        self._of_vae.clear()


def _network_of(vae):
    """What the copies of a VAE share."""
    return getattr(vae, "first_stage_model", vae)


def _digest(waveform: torch.Tensor) -> bytes:
    return hashlib.blake2b(waveform.contiguous().numpy().data).digest()


@dataclass(frozen=True)
class Known:
    """The latents of an edit's window, where they are known. latents: [1, …, T]. offset: the window begins so many
    samples into the first frame. gain: what is decoded of them, times this, is the window."""

    latents: torch.Tensor
    offset: int
    gain: float

    @classmethod
    def cut(cls, song: tuple[torch.Tensor, float], start: int, stop: int, family: Family) -> "Known | None":
        """Of a whole song, latents and gain, the samples [start, stop); None where the network needs more of them."""
        latents, gain = song
        first, offset = divmod(start, family.hop)
        frames = frames_of_samples(offset + stop - start, family)
        part = latents[..., first : first + frames]
        return cls(part, offset, gain) if part.shape[-1] == frames and frames >= family.min_frames else None


class Shelf:
    """One place for each kind of part (model, clip, vae), and beside it the songs made with them (``takes``). Used by
    ComfyUI's worker thread and by timers."""

    def __init__(self):
        self.takes = Takes()
        self._parts: dict[str, tuple[tuple, object]] = {}
        self._users: set[str] = set()
        self._uses = 0

    def begin(self, identities: Mapping[str, tuple], node: str) -> None:
        """A run of ``node`` (its class) begins that wants these parts: drop others of their kinds, so that no two
        stand side by side."""
        self._uses += 1
        self._users.add(node)
        for kind, identity in identities.items():
            if kind in self._parts and self._parts[kind][0] != identity:
                del self._parts[kind]

    def get(self, kind: str):
        """The part of this kind, or None."""
        kept = self._parts.get(kind)
        return kept[1] if kept else None

    def put(self, kind: str, identity: tuple, part) -> None:
        """Keep ``part`` until another of its kind is wanted or ComfyUI frees memory."""
        from comfy.patcher_extension import CallbacksMP

        leaving = functools.partial(self._on_detach, kind)
        patcher_of(part).add_callback_with_key(CallbacksMP.ON_DETACH, "acestep.kept", leaving)
        self._parts[kind] = (identity, part)

    def clear(self) -> None:
        """Let go of everything."""
        self._uses += 1
        self._parts.clear()
        self.takes.clear()

    def __deepcopy__(self, _memo) -> "Shelf":
        # The callback travels with copies of a patcher; there is still only one shelf.
        return self

    def _on_detach(self, kind: str, _patcher, unpatch_all: bool) -> None:
        """ComfyUI took a kept part off its device. For a graph that uses it that makes room, and it will be wanted
        again."""
        from comfy_execution.utils import get_executing_context

        if unpatch_all and (get_executing_context() is None or not self._is_used_by_running_graph()):
            self._release_later(kind, self._uses)

    def _is_used_by_running_graph(self) -> bool:
        server = sys.modules.get("server")
        if server is None:  # ComfyUI's engine without its server
            return True
        running = list(server.PromptServer.instance.prompt_queue.currently_running.values())
        graphs = (prompt for _number, _id, prompt, *_ in running)
        return any(node.get("class_type") in self._users for graph in graphs for node in graph.values())

    def _release_later(self, kind: str, uses: int) -> None:
        timer = threading.Timer(_RELEASE_SECONDS, self._release, (kind, uses))
        timer.daemon = True
        timer.start()

    def _release(self, kind: str, uses: int) -> None:
        """Let go once ComfyUI is done unloading, unless a run has begun since.

        Not from within the callback: a model that dies while ComfyUI goes through its list of loaded models
        takes itself off that list, and the queue's thread would end with an IndexError.
        """
        import comfy.model_management

        kept = self._parts.get(kind)
        if uses != self._uses or kept is None:
            return
        loaded = [entry.model for entry in list(comfy.model_management.current_loaded_models)]
        if any(patcher is not None and patcher.model is patcher_of(kept[1]).model for patcher in loaded):
            self._release_later(kind, uses)
        else:
            del self._parts[kind]


def patcher_of(part):
    """The ModelPatcher of a MODEL, CLIP or VAE."""
    return getattr(part, "patcher", part)
