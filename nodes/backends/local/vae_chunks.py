"""Sound ↔ latents, in pieces that fit the memory and give exactly what one piece would have given.

Every piece is rendered with as much on each side as its edge depends on, and only its middle is kept.
ComfyUI's own fallback for long sounds cuts at places that are not whole frames (524 288 samples), which
shifts the latents; so no piece here is longer than that fallback leaves whole.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import comfy.model_management
import comfy.utils
import torch

from ...errors import RenderError
from ...request.progress import Progress
from ...words.remarks import remark
from .family import V15, Family

# 272 frames · 1920 = 522 240 samples, below the length at which ComfyUI's fallback starts to cut.
_PIECE_FRAMES = 272
_SMALLEST_PIECE_FRAMES = 64
# v1's attention is global, so its sound is encoded in one piece unless that cannot fit; then in these.
_V1_PIECE_FRAMES = 640


def encode(vae, family: Family, waveform: torch.Tensor, seed: int, progress: Progress) -> torch.Tensor:
    """waveform [2, N] at the family's rate → latents [1, …, ceil(N / hop)], float32 on the CPU.

    1.5's encoder draws from a distribution; it is seeded here without touching anyone else's random state.
    """
    frames = -(-waveform.shape[1] // family.hop)
    # Filled up at the end, as ComfyUI would cut a partial frame from both ends and so shift the sound.
    padded = torch.nn.functional.pad(waveform, (0, frames * family.hop - waveform.shape[1]))

    def piece(start: int, stop: int) -> torch.Tensor:
        samples = padded[:, start * family.hop : stop * family.hop]
        return vae.encode(samples.movedim(0, 1).unsqueeze(0)).to("cpu", torch.float32)

    with _seeded(vae.device, seed):
        return _in_pieces(piece, 0, frames, frames, _encode_piece_frames(vae, family, frames), family, 1, progress)


def decode(vae, family: Family, latents: torch.Tensor, start: int, stop: int, progress: Progress) -> torch.Tensor:
    """The frames [start, stop) of ``latents`` [1, …, T] → waveform [2, (stop − start) · hop], float32 on the CPU.

    Equal to that part of a decode of everything; nothing is scaled to a level.
    """

    def piece(start: int, stop: int) -> torch.Tensor:
        return vae.decode(latents[..., start:stop]).movedim(-1, 1).to("cpu", torch.float32)

    longest = _decode_piece_frames(vae, family, latents)
    return _in_pieces(piece, start, stop, latents.shape[-1], longest, family, family.hop, progress)[0]


def _in_pieces(
    piece: Callable, start: int, stop: int, total: int, longest: int, family: Family, samples_a_frame: int, progress
) -> torch.Tensor:
    """[start, stop) made by ``piece(a, b)`` in pieces of at most ``longest`` frames; smaller ones when memory ends."""
    while True:
        pieces = list(_pieces(start, stop, total, longest, family.reach_frames))
        try:
            return torch.cat(list(_made(piece, pieces, samples_a_frame, progress)), dim=-1)
        except Exception as error:
            comfy.model_management.raise_non_oom(error)
        # Out of the except block: the exception no longer holds the tensors of the failed piece.
        smaller = min(longest, max(last - first for _, _, first, last in pieces)) // 2
        if smaller < max(_SMALLEST_PIECE_FRAMES, 2 * family.reach_frames + 1):
            raise RenderError(remark("memory_short_for_vae", title=family.title, frames=longest))
        longest = smaller
        comfy.model_management.soft_empty_cache()


def _made(piece: Callable, pieces: list[tuple[int, int, int, int]], samples_a_frame: int, progress) -> Iterator:
    """The kept part of every piece, in order."""
    # One piece is over as soon as a bar could show it.
    bar = comfy.utils.ProgressBar(len(pieces)) if len(pieces) > 1 else None
    for a, b, first, last in pieces:
        progress.raise_if_stopped()
        yield piece(first, last)[..., (a - first) * samples_a_frame : (b - first) * samples_a_frame]
        if bar is not None:
            bar.update(1)


def _pieces(start: int, stop: int, total: int, longest: int, reach: int) -> Iterator[tuple[int, int, int, int]]:
    """(kept start, kept stop, rendered start, rendered stop) of pieces that cover [start, stop)."""
    first, last = max(0, start - reach), min(total, stop + reach)
    if last - first <= longest:
        yield start, stop, first, last
        return
    size = longest - 2 * reach
    for a in range(start, stop, size):
        b = min(a + size, stop)
        yield a, b, max(0, a - reach), min(total, b + reach)


def _encode_piece_frames(vae, family: Family, frames: int) -> int:
    if family is V15:
        # Always the same pieces, so that free memory does not decide what the encoder draws.
        return _PIECE_FRAMES
    needed = vae.memory_used_encode((1, 2, frames * family.hop), vae.vae_dtype)
    return frames if needed <= _free_for(vae, needed) else _V1_PIECE_FRAMES


def _decode_piece_frames(vae, family: Family, latents: torch.Tensor) -> int:
    frames = latents.shape[-1]
    needed = vae.memory_used_decode((1, *latents.shape[1:]), vae.vae_dtype)
    # The models that are loaded may stay: what fits beside them is rendered at once.
    fits = int(frames * _free_beside(vae) / max(1, needed))
    if family is V15:
        return max(_PIECE_FRAMES, min(frames, fits))
    return frames if fits >= frames or needed <= _free_for(vae, needed) else _V1_PIECE_FRAMES


def _free_beside(vae) -> float:
    management = comfy.model_management
    weights = 1.1 * (vae.patcher.model_size() - vae.patcher.loaded_size())
    return management.get_free_memory(vae.device) - weights - management.extra_reserved_memory()


def _free_for(vae, needed: float) -> float:
    """Free memory after ComfyUI has made as much room for ``needed`` bytes as it can."""
    comfy.model_management.free_memory(needed, vae.device)
    return _free_beside(vae)


@contextmanager
def _seeded(device: torch.device, seed: int):
    forked = [device] if device.type in ("cuda", "xpu") else []
    with torch.random.fork_rng(forked, device_type=device.type if forked else "cuda"):
        torch.manual_seed(seed)
        yield
