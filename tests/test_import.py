"""Loading the pack: light, nothing heavy imported by it, a clear sentence on a ComfyUI that is too old."""

import importlib.util
import json
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest
from conftest import SUPPORTED_VERSIONS
from runner import comfyui_source

ROOT = Path(__file__).resolve().parents[1]

# What ComfyUI does with a folder in custom_nodes, after the modules it has loaded itself by then.
LOAD_LIKE_COMFYUI = """
import asyncio, importlib.util, json, sys, types
sys.path.insert(0, sys.argv[1])
from comfy.cli_args import args
args.cpu = True
nodes = sys.modules["nodes"] = types.ModuleType("nodes")  # ComfyUI's, which would load everything
nodes.NODE_CLASS_MAPPINGS = {}
import torch, comfy_api.v0_0_2, comfy_execution.graph_utils
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("/some/where/any_x_name", sys.argv[2] + "/__init__.py")
pack = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = pack
spec.loader.exec_module(pack)
extension = asyncio.run(pack.comfy_entrypoint())
nodes = asyncio.run(extension.get_node_list())
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
print(json.dumps([sorted(loaded), [node.GET_SCHEMA().node_id for node in nodes], pack.WEB_DIRECTORY]))
"""


def test_the_pack_loads_light_and_under_any_name(comfy_path):
    command = [sys.executable, "-c", LOAD_LIKE_COMFYUI, str(comfy_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    loaded, nodes, web = json.loads(done.stdout.splitlines()[-1])
    assert nodes == ["ACEStepGenerate", "ACEStepInpaint", "ACEStepOutpaint", "TimeRange", "TagBuilder"]
    assert (ROOT / web).is_dir()
    heavy = {"httpx", "av", "torchaudio", "transformers", "scipy", "soundfile", "librosa"}
    assert not heavy & set(loaded)


def load_with_comfyui(monkeypatch, version):
    fake = types.ModuleType("comfyui_version")
    fake.__version__ = version
    monkeypatch.setitem(sys.modules, "comfyui_version", fake if version else None)  # None: not importable
    # A name of its own for each load: what an earlier one imported must not answer for this one.
    spec = importlib.util.spec_from_file_location(f"pack_in_{version}".replace(".", "_"), ROOT / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", ["0.25.9", "0.3.64", "0.9", "v1"])
def test_an_old_comfyui_is_told_so(monkeypatch, version):
    with pytest.raises(ImportError) as caught:
        load_with_comfyui(monkeypatch, version)
    assert str(caught.value) == (f"The ACE-Step nodes need ComfyUI 0.26.0 or newer; this is {version}. Update ComfyUI.")


@pytest.mark.parametrize("version", ["0.26.0", "0.26.1", "0.30.0rc1", "1.0"])
def test_newer_versions_are_welcome(monkeypatch, version):
    assert callable(load_with_comfyui(monkeypatch, version).comfy_entrypoint)


def test_outside_comfyui_it_says_where_it_belongs(monkeypatch):
    with pytest.raises(ImportError, match="custom_nodes"):
        load_with_comfyui(monkeypatch, None)


def test_everything_names_the_same_oldest_version(monkeypatch):
    with pytest.raises(ImportError) as caught:
        load_with_comfyui(monkeypatch, "0.1")
    texts = [str(caught.value)] + [
        (ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "README.md")
    ]
    patterns = (r"ComfyUI (\d+\.\d+\.\d+) or newer", r'requires-comfyui = ">=(.+)"')
    named = {found for text in texts for pattern in patterns for found in re.findall(pattern, text)}
    assert named == {comfyui_source.dotted(comfyui_source.OLDEST_SUPPORTED)}
    assert named == {SUPPORTED_VERSIONS.split(",")[0]}
