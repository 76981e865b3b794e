"""POST /acestep/example-track: a song to try an edit on, put into ComfyUI's input folder.

    {} → {"filename": "ACE-Step example track (sketch).flac", "subfolder": "", "type": "input"}

Who may ask and how is in same_origin.py. HTTP 500: the file cannot be written. No file is ever overwritten: the song
that is there already is given out again, and beside another file of that name it gets a number.
"""

import asyncio
import uuid
from pathlib import Path

from ..words.remarks import in_words, remark
from .same_origin import register

PATH = "/acestep/example-track"
STEM = "ACE-Step example track (sketch)"
SECONDS = 30
# Without an ending, so that more can follow.
_TAGS = "indie pop, clean guitar, piano, bass, tight drums, seamless loop, 120 BPM, C major"
_SEED = 5


def example_song() -> bytes:
    """The song as a FLAC file. The same bytes every time."""
    # Imported by the first click and not when ComfyUI starts.
    from ..audio.codec import encode_flac
    from ..backends.sketch import SketchBackend
    from ..request.requests import generate_request

    request = generate_request(
        node="Example track", tags=_TAGS, lyrics="[inst]", duration=SECONDS, seed=_SEED, version="auto",
        backend="sketch", batch_size=1,
    )  # fmt: skip
    return encode_flac(asyncio.run(SketchBackend(request).generate(request)))


def place(folder: Path, data: bytes) -> Path:
    """The file in ``folder`` that holds ``data``: one that does so already, else a new one. Raises OSError."""
    number = 1
    while True:
        path = folder / f"{STEM}{f' {number}' if number > 1 else ''}.flac"
        if _holds(path, data):
            return path
        if not path.exists() and _write_new(path, data):
            return path
        number += 1


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _write_new(path: Path, data: bytes) -> bool:
    """Write ``data`` to ``path``, which nobody sees half written. False when somebody else took the name meanwhile."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        temporary.write_bytes(data)
        try:
            # Takes the name without taking it from anyone; a rename alone would. Not every disk has hard links.
            path.touch(exist_ok=False)
        except FileExistsError:
            return False
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def register_routes(routes=None) -> None:
    """Add the route to ComfyUI's server. ``routes`` is for tests."""
    import folder_paths

    one_at_a_time = asyncio.Lock()

    async def answer(question: dict) -> tuple[int, dict]:
        folder = Path(folder_paths.get_input_directory())
        try:
            async with one_at_a_time:
                path = await asyncio.to_thread(lambda: place(folder, example_song()))
        except OSError as error:
            return 500, in_words(remark("example_unwritable", folder=str(folder), why=str(error.strerror)))
        return 200, {"filename": path.name, "subfolder": "", "type": "input"}

    register(PATH, answer, routes)
