"""Loading by ComfyUI's own loaders, keeping what was loaded, and letting go when ComfyUI frees memory."""

import sys
import threading
import types
import weakref
from pathlib import Path

import pytest
import torch
from acestep_nodes.nodes.backends.local import installed
from acestep_nodes.nodes.backends.local.files import CHECKPOINTS, DIFFUSION_MODELS, ModelFile
from acestep_nodes.nodes.errors import BackendUnavailable
from acestep_nodes.nodes.request.requests import generate_request
from local_models import checkpoints as made

SHARED = {"node": "N", "tags": "lo-fi", "lyrics": "", "seed": 1, "version": "auto", "backend": "local", "batch_size": 1}
# Just enough tensors for ComfyUI to recognise the network behind its usual prefix (it wants more than five).
V1_MARKER = made.prefixed("model.diffusion_model.", made.V1_NETWORK | {f"dummy.{i}": (1,) for i in range(6)})


@pytest.fixture
def loading(comfy_path):
    from acestep_nodes.nodes.backends.local import loading

    loading.SHELF.clear()
    yield loading
    loading.SHELF.clear()


@pytest.fixture(scope="module")
def tiny_parts(comfy_path):
    from local_models import tiny

    return tiny.v1_clip(), tiny.v1_vae()


def request(model=None, clip=None, vae=None):
    return generate_request(duration=10, model=model, clip=clip, vae=vae, **SHARED)


def model_file(path: Path, folder: str) -> ModelFile:
    state = path.stat()
    return ModelFile(folder, path.name, str(path), state.st_size, state.st_mtime_ns, ())


def chosen(file: ModelFile) -> installed.Chosen:
    return installed.Chosen(installed.V1, "", False, (file,), (), ())


def test_a_v1_marker_file_is_taken_by_comfyuis_loader(loading, tiny_parts, tmp_path):
    path = made.write(tmp_path / "ace_step_v1_3.5b.safetensors", V1_MARKER)
    clip, vae = tiny_parts
    loaded = loading.load(chosen(model_file(path, DIFFUSION_MODELS)), request(clip=clip, vae=vae))
    assert type(loaded.model.model).__name__ == "ACEStep"
    assert loaded.clip is clip and loaded.vae is vae


def test_what_was_loaded_is_kept_and_a_replaced_file_loaded_again(loading, tiny_parts, tmp_path, monkeypatch):
    clip, vae = tiny_parts
    alive, made_models = [], []

    def load_one(_source):
        alive.append(sum(ref() is not None for ref in made_models))
        model = small_model()
        made_models.append(weakref.ref(model))
        return model

    monkeypatch.setitem(loading._LOADERS, "model", load_one)
    path = made.write(tmp_path / "a.safetensors", V1_MARKER)
    wanted = request(clip=clip, vae=vae)
    first = loading.load(chosen(model_file(path, DIFFUSION_MODELS)), wanted).model
    assert loading.load(chosen(model_file(path, DIFFUSION_MODELS)), wanted).model is first
    del first
    path.touch()
    loading.load(chosen(model_file(path, DIFFUSION_MODELS)), wanted)
    assert len(made_models) == 2
    assert alive == [0, 0]  # the old one was gone before the new one was read


def small_model():
    import comfy.model_patcher

    network = torch.nn.Linear(4, 4)
    network.device = torch.device("cpu")
    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(network, load_device=cpu, offload_device=cpu)


def keep_two(loading):
    """Two small models on the shelf and on the device; events that are set when each of them dies."""
    import comfy.model_management

    gone = []
    for kind in ("model", "clip"):
        model = small_model()
        loading.SHELF.put(kind, (kind,), model)
        event = threading.Event()
        weakref.finalize(model, event.set)
        gone.append(event)
        comfy.model_management.load_models_gpu([model])
    return gone


def test_freeing_memory_lets_go_of_what_is_kept(loading):
    import comfy.model_management

    gone = keep_two(loading)
    # What ComfyUI's /free does between prompts. It must get through its list with the models dying behind it.
    comfy.model_management.unload_all_models()
    assert all(event.wait(20) for event in gone)
    assert loading.SHELF.get("model") is None


@pytest.mark.parametrize(("graph", "kept"), [("ACEStepInpaint", True), ("KSampler", False)])
def test_making_room_keeps_what_the_graph_uses_and_lets_go_of_it_for_another_graph(loading, monkeypatch, graph, kept):
    import comfy.model_management
    from comfy_execution.utils import CurrentNodeContext

    running = {0: (0, "prompt", {"7": {"class_type": graph}}, {}, [], {})}
    server = types.SimpleNamespace(prompt_queue=types.SimpleNamespace(currently_running=running))
    monkeypatch.setitem(
        sys.modules, "server", types.SimpleNamespace(PromptServer=types.SimpleNamespace(instance=server))
    )
    loading.SHELF.begin({}, "ACEStepInpaint")
    gone = keep_two(loading)
    with CurrentNodeContext("prompt", "7"):
        comfy.model_management.unload_all_models()
    if kept:
        assert not gone[0].wait(1.5)
        assert loading.SHELF.get("model") is not None
    else:
        assert all(event.wait(20) for event in gone)


def test_a_run_that_has_begun_keeps_what_it_uses(loading):
    import comfy.model_management

    gone = keep_two(loading)
    comfy.model_management.unload_all_models()
    loading.SHELF.begin({"model": ("model",)}, "N")
    assert not gone[0].wait(1.5)


@pytest.mark.parametrize("folder", [CHECKPOINTS, DIFFUSION_MODELS])
def test_a_damaged_file_is_named(loading, tiny_parts, tmp_path, folder):
    clip, vae = tiny_parts
    path = made.write(tmp_path / "cut short.safetensors", {"something.weight": (4, 4)})
    with pytest.raises(BackendUnavailable, match="could not load cut short.safetensors .* download it again"):
        loading.load(chosen(model_file(path, folder)), request(clip=clip, vae=vae))
