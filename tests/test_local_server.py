"""The local backend through real nodes, real server and ComfyUI's real loaders, on a checkpoint made of holes."""

import os

import graphs
import pytest
import torch
from conftest import NEWEST_VERSION

pytestmark = [pytest.mark.server, pytest.mark.slow]
CHECKPOINT = os.path.join("music", "renamed by its owner.safetensors")  # noqa: PTH118  (as ComfyUI names it)
RATE = 22_050


@pytest.fixture(scope="module")
def server(comfyui_servers, comfy_path):
    """A server of its own, as its model folder is not empty."""
    from local_models import sparse_checkpoint

    server = comfyui_servers.start(NEWEST_VERSION)
    sparse_checkpoint.write(server.workspace.folder / "models" / "checkpoints" / CHECKPOINT)
    return server


def noise(server, file, seconds):
    """Two channels of noise, given to the server as ``file``."""
    wave = 0.2 * torch.randn(1, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(1))
    server.put_tensor(file, wave, RATE)
    return wave


def test_stop_ends_a_long_run_of_a_connected_checkpoint_within_a_step(server):
    from runner.client import PromptInterrupted

    # An extension, as most of the time goes into the VAE and only the source is encoded.
    noise(server, "short.pt", 0.5)
    prompt = {
        "0": graphs.node("CheckpointLoaderSimple", ckpt_name=CHECKPOINT),
        "1": graphs.load("short.pt"),
        "2": graphs.outpaint(
            ["1", 0],
            extend_after_duration=5.0,
            backend="local",
            steps=200,
            model=["0", 0],
            clip=["0", 1],
            vae=["0", 2],
        ),
        "3": graphs.save(["2", 0], "out.pt"),
    }
    ids, steps = [], []

    def stop_at_the_first_step(kind, data):
        if kind == "submitted":
            ids.append(data["prompt_id"])
        if kind == "progress" and data["max"] == 200:
            if not steps:
                server.client.interrupt(ids[0])
            steps.append(data["value"])

    with pytest.raises(PromptInterrupted):
        server.client.run(prompt, stop_at_the_first_step, 300)
    assert steps[-1] < 20  # a step here takes half a second, an interrupt less


def test_after_freed_memory_an_edit_runs_on_a_renamed_all_in_one_file_and_keeps_everything_outside(server):
    source = noise(server, "in.pt", 1.2)
    server.client.post("/free", {"unload_models": True, "free_memory": True})
    # The server frees between prompts: after this one at the latest it has.
    server.run({"1": graphs.load("in.pt"), "2": graphs.save(["1", 0], "same.pt")})
    prompt = {
        "1": graphs.load("in.pt"),
        "2": graphs.time_range(0.5, 0.7, audio=["1", 0]),
        "3": graphs.inpaint(["1", 0], ["2", 0], backend="auto", steps=1),
        "4": graphs.save(["3", 0], "out.pt"),
    }
    run, out = server.run(prompt), server.get_tensor("out.pt")
    first, last = round(0.5 * RATE), round(0.7 * RATE)
    assert out["sample_rate"] == RATE and out["waveform"].shape == source.shape
    assert torch.equal(out["waveform"][..., :first], source[..., :first])
    assert torch.equal(out["waveform"][..., last:], source[..., last:])
    assert bool(out["waveform"].isfinite().all())
    assert not torch.equal(out["waveform"][..., first:last], source[..., first:last])
    report = run.outputs["3"]["acestep"][0]
    assert report["backend"] == "local" and report["version"] == "ace-step-1.5"
    assert report["model"] == f"ACE-Step 1.5 turbo ({CHECKPOINT})"
    assert any("run as turbo" in warning for warning in report["warnings"])
    states = [data.get("state") for kind, data in run.events if kind == "acestep.status"]
    stages = ["loading", "reading tags and lyrics", "encoding", "sampling", "decoding"]
    assert [state for state in states if state in stages] == stages
    assert any(kind == "progress" and data["node"] == "3" and data["max"] == 1 for kind, data in run.events)
