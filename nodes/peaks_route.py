"""GET /acestep/peaks: the outline of a file in the input folder, for tracks too long to decode in the browser."""

import asyncio
from collections import OrderedDict
from pathlib import Path, PurePath

from .audio.peaks import Peaks, peaks_of_file
from .errors import InputError

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


def register_routes() -> None:
    """Adds the route to ComfyUI's server. Called once, while the pack loads."""
    import folder_paths
    from aiohttp import web
    from server import PromptServer

    peaks = PeaksOfFiles()

    @PromptServer.instance.routes.get(PATH)
    async def answer(request):
        query = request.rel_url.query
        filename = query.get("filename", "")
        if query.get("type", "input") != "input":
            return _problem("only files of the input folder are measured.", 400)
        path = file_inside(Path(folder_paths.get_input_directory()), query.get("subfolder", ""), filename)
        if path is None:
            return _problem("the input folder has no such file.", 404)
        try:
            found = await peaks.of(path)
        except (InputError, OSError) as error:
            return _problem(str(error) if isinstance(error, InputError) else "it cannot be opened.", 422)
        return web.json_response(found.as_dict(), headers={"Cache-Control": "no-cache"})

    def _problem(sentence: str, status: int):
        return web.json_response({"error": sentence}, status=status)
