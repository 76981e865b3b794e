"""Real ComfyUI servers for the tests: one for each version and set of flags, started when first asked for."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pinned
import torch
from runner import comfyui_source, server, workspace
from runner.client import Client, Run
from runner.places import PACK_DIR

# Whoever installs the pack chooses its folder's name: nothing may depend on it. (Behind a dot the front end looks for
# the help pages in another folder.)
PACK_FOLDER_NAME = "zz_Ace-Step_pack"
PROBE_FOLDER_NAME = "acestep_probe_nodes"
RUN_LIMIT_SECONDS = 300


@dataclass(frozen=True)
class ComfyUI:
    """A running server with the pack and the probe nodes in it."""

    version: str
    client: Client
    server: server.Server
    workspace: workspace.Workspace

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def input(self) -> Path:
        return self.workspace.input

    @property
    def output(self) -> Path:
        return self.workspace.folder / "output"

    @property
    def pack_folder_name(self) -> str:
        return PACK_FOLDER_NAME

    def run(self, prompt: dict, **options) -> Run:
        """Queue an API graph and wait for its end; see Client.run for what it raises."""
        return self.client.run(prompt, **{"limit_seconds": RUN_LIMIT_SECONDS, **options})

    def put_tensor(self, file: str, waveform: torch.Tensor | None, sample_rate: int = 44100) -> str:
        """Write an AUDIO for ProbeLoadTensor; waveform None stands for a missing AUDIO. Returns `file`."""
        audio = None if waveform is None else {"waveform": waveform, "sample_rate": sample_rate}
        torch.save(audio, self.input / file)
        return file

    def get_tensor(self, file: str) -> dict:
        """The AUDIO that ProbeSaveTensor wrote: {"waveform": [B, C, T], "sample_rate": Hz}."""
        return torch.load(self.output / file, weights_only=True)


class Servers:
    """The servers of one test session."""

    def __init__(self, cleanup: contextlib.ExitStack):
        self._cleanup = cleanup
        self._running: dict[tuple[str, ...], ComfyUI] = {}

    def get(self, version: str, *flags: str, environment: dict[str, str] | None = None) -> ComfyUI:
        """The running server of that ComfyUI version with these further flags and variables."""
        key = (version, *flags, *(f"{name}={value}" for name, value in (environment or {}).items()))
        if key not in self._running:
            self._running[key] = self.start(version, *flags, environment=environment)
        return self._running[key]

    def start(
        self,
        version: str,
        *flags: str,
        environment: dict[str, str] | None = None,
        pack_folders: tuple[str, ...] = (PACK_FOLDER_NAME,),
    ) -> ComfyUI:
        """One more server, which ``get`` gives to nobody, with a copy of the pack in each of ``pack_folders``."""
        tree = pinned.tree(version)
        if version != comfyui_source.DEFAULT_VERSION:
            flags = (*flags, "--front-end-root", str(pinned.frontend_of(tree)))
        scratch = workspace.self_contained(
            {**dict.fromkeys(pack_folders, PACK_DIR), PROBE_FOLDER_NAME: Path(__file__).with_name("probe_nodes")}
        )
        self._cleanup.callback(scratch.remove)
        running = server.start(Path(sys.executable), tree, scratch, ["--cpu", *flags], environment=environment)
        self._cleanup.callback(running.stop)
        return ComfyUI(version, Client(running.url), running, scratch)
