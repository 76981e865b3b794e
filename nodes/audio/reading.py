"""The sound track of a file, decoded piece by piece."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import InputError
from ..words.remarks import remark

BLOCK_SAMPLES = 1 << 20


@dataclass(frozen=True, eq=False)
class Reading:
    """blocks: float pieces [C, about a million samples]. sample_rate: Hz. seconds: what the file says of its length."""

    blocks: Iterable[torch.Tensor]
    sample_rate: int
    seconds: float | None


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Reading]:
    """The first sound track of a file. Raises InputError when it has none, also while its blocks are read."""
    import av
    from av.error import FFmpegError

    with path.open("rb") as file:
        if not file.read(1):
            raise InputError(remark("file_empty"))
        file.seek(0)
        try:
            # An open file and no protocols: a playlist cannot make the decoder open anything else.
            with av.open(file, options={"protocol_whitelist": "none"}) as container:
                if not container.streams.audio:
                    raise InputError(remark("file_without_track"))
                stream = container.streams.audio[0]
                stream.thread_type = "AUTO"
                # Of what is no sound a decoder may be guessed that never learns a rate.
                if not stream.codec_context.sample_rate:
                    raise InputError(remark("file_unread"))
                seconds = container.duration / av.time_base if container.duration else None
                yield Reading(_blocks(container, stream), stream.codec_context.sample_rate, seconds)
        except (FFmpegError, ValueError) as error:
            raise InputError(remark("file_unread_for", error=type(error).__name__)) from None


def _blocks(container, stream) -> Iterable[torch.Tensor]:
    import av

    resampler = av.AudioResampler(format="fltp")
    pieces, held = [], 0
    for frame in container.decode(stream):
        for plain in resampler.resample(frame):
            piece = torch.from_numpy(plain.to_ndarray())
            pieces.append(piece)
            held += piece.shape[1]
            if held >= BLOCK_SAMPLES:
                yield torch.cat(pieces, dim=1)
                pieces, held = [], 0
    if pieces:
        yield torch.cat(pieces, dim=1)
