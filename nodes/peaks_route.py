"""POST /acestep/peaks: the outline of a file in the input folder, for tracks too long to decode in the browser.

    {"filename": "mix.wav", "subfolder": "", "type": "input"} → see audio/peaks.py

Who may ask and how is in same_origin.py. HTTP 404: there is no such file; 422: it holds no sound that can be read.
"""

import asyncio
from collections import OrderedDict
from pathlib import Path, PurePath

from .audio.peaks import Peaks, peaks_of_file
from .errors import InputError
from .same_origin import BadInput, register

PATH = "/acestep/peaks"
_KEPT = 16


class PeaksOfFiles:
    """Peaks by path, measured once for each version of a file and one file at a time."""

    def __init__(self, kept: int = _KEPT):
        self._kept = kept
        self._peaks: OrderedDict[tuple, Peaks] = OrderedDict()
        self._lock = asyncio.Lock()

    async def of(self, path: Path) -> Peaks:
        """Raises InputError when the file holds no sound, OSError when it cannot be opened."""
        facts = path.stat()
        key = (str(path), facts.st_mtime_ns, facts.st_size)
        async with self._lock:
            if key not in self._peaks:
                self._peaks[key] = await asyncio.to_thread(peaks_of_file, path)
            self._peaks.move_to_end(key)
            while len(self._peaks) > self._kept:
                self._peaks.popitem(last=False)
            return self._peaks[key]


def file_inside(folder: Path, subfolder: str, filename: str) -> Path | None:
    """The file ``subfolder/filename`` when it lies in ``folder``, else None.

    Links inside the folder are followed, as ComfyUI's own loaders follow them.
    """
    if "\0" in subfolder + filename:
        return None
    relative = PurePath(subfolder, filename)
    if relative.drive or relative.root or ".." in relative.parts:
        return None
    path = folder / relative
    return path if path.is_file() else None


async def answer(peaks: PeaksOfFiles, folder: Path, question: dict) -> dict:
    """The outline that ``question`` asks for. Raises BadInput."""
    names = [question.get("subfolder", ""), question.get("filename", "")]
    if not all(isinstance(name, str) for name in names):
        raise BadInput("subfolder and filename must be text.")
    if question.get("type", "input") != "input":
        raise BadInput("only files of the input folder are measured.")
    path = file_inside(folder, *names)
    if path is None:
        raise BadInput("the input folder has no such file.", 404)
    try:
        return (await peaks.of(path)).as_dict()
    except InputError as error:
        raise BadInput(str(error), 422) from None
    except OSError:
        raise BadInput("it cannot be opened.", 422) from None


def register_routes(routes=None) -> None:
    """Add the route to ComfyUI's server. ``routes`` is for tests."""
    import folder_paths

    peaks = PeaksOfFiles()

    async def answer_page(question: dict) -> tuple[int, dict]:
        return 200, await answer(peaks, Path(folder_paths.get_input_directory()), question)

    register(PATH, answer_page, routes)
