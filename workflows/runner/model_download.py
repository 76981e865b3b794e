"""`--get-model`: a model into ComfyUI's own model folders, by the pack's own code. Inside the environment only."""

import os
import shutil
import sys
from pathlib import Path

from . import pack  # noqa: F401  (makes the imports below possible)
from .errors import Refused, Unavailable
from .terminal import LiveLine, bar, complain, say

# pyright: reportMissingImports=false
# isort: split
from acestep_nodes.nodes.backends.local.catalogue import gigabytes
from acestep_nodes.nodes.backends.local.download import downloads
from acestep_nodes.nodes.backends.local.download.downloads import Downloads, State

LIST = "list"
# A wait without an end hears no Ctrl-C on Windows.
_LISTEN_SECONDS = 0.5


def run(model: str, tree: Path, home: Path) -> None:
    """Download ``model``, or list what there is. tree: the ComfyUI; home: what holds its models/. Raises RunError."""
    _use_folders_of(tree, home)
    # The bar below is the only one.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    with Progress() as progress:
        _run(model, Downloads(progress))


def _use_folders_of(tree: Path, home: Path) -> None:
    """Make ComfyUI's folder_paths importable, with the folders that its server would have."""
    # ComfyUI reads its command line when it is imported.
    sys.argv = ["main.py", "--base-directory", str(home)]
    sys.path.insert(0, str(tree))
    import comfy.options

    comfy.options.enable_args_parsing()
    extra = tree / "extra_model_paths.yaml"
    if extra.is_file():
        from utils.extra_config import load_extra_path_config

        load_extra_path_config(str(extra))


def _run(model: str, found: Downloads) -> None:
    models = found.models()
    if model == LIST:
        _list(models)
        return
    wanted = next((one for one in models if one["id"] == model), None)
    if wanted is None:
        ids = ", ".join(one["id"] for one in models)
        raise Refused(f"--get-model takes {LIST} or one of {ids}, and got {model}.")
    if wanted["missing_bytes"]:
        _tell(wanted)
    found.get(model)
    try:
        state = found.wait(_LISTEN_SECONDS)
        while state.phase in (downloads.RUNNING, downloads.CHECKING):
            state = found.wait(_LISTEN_SECONDS)
    except KeyboardInterrupt:
        found.pause()
        complain("What has arrived is kept; the same command goes on from there.")
        raise
    if state.phase != downloads.DONE:
        raise Unavailable(state.message or f"{wanted['title']} was not downloaded.")
    say(state.message or "")


def _tell(model: dict) -> None:
    for file in model["files"]:
        if not file["there"]:
            say(f"{file['name']} ({gigabytes(file['bytes'])}) to {file['folder']}")
    say(f"From {model['site']}, {model['licence']} licence; {gigabytes(model['missing_bytes'])} to download.")


def _list(models: list[dict]) -> None:
    for model in models:
        missing = model["missing_bytes"]
        there = f"{gigabytes(missing)} to download" if missing else "installed"
        say(f"{model['id']:<9} {model['title']:<22} {model['licence']:<11} {there}")
    folder = Path(models[0]["files"][0]["folder"]).parent
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    say(f"They go below {folder}, which has {gigabytes(shutil.disk_usage(existing).free)} free.")


class Progress(LiveLine):
    """One changing line on a terminal, a line for each tenth anywhere else."""

    def __init__(self):
        super().__init__()
        self._said = 0

    def __call__(self, state: State) -> None:
        part = state.done_bytes / state.total_bytes if state.total_bytes else 0.0
        if state.phase == downloads.CHECKING:
            self.show(f"{bar(part, 1)} checking {state.file} …")
        elif state.phase == downloads.RUNNING:
            self.show(f"{bar(part, 1)} {state.file}, {_amount(state)}")
            if not sys.stdout.isatty() and int(part * 10) > self._said:
                self._said = int(part * 10)
                say(f"{self._said * 10} %: {_amount(state)}")
        else:
            self.clear()


def _amount(state: State) -> str:
    words = f"{gigabytes(state.done_bytes)} of {gigabytes(state.total_bytes)}"
    if not state.bytes_per_second:
        return words
    minutes = (state.total_bytes - state.done_bytes) / state.bytes_per_second / 60
    return f"{words}, {state.bytes_per_second / 1e6:.1f} MB/s, {minutes:.0f} min left"
