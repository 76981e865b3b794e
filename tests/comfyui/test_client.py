"""The server fixtures against the real thing: what goes through the probe nodes comes out bit for bit."""

import pytest
import torch
from runner import cli, graph
from runner.client import PromptFailed, PromptInterrupted, PromptRejected
from runner.errors import Refused

pytestmark = pytest.mark.server


def through(comfyui, waveform, rate):
    file = comfyui.put_tensor("in.pt", waveform, rate)
    run = comfyui.run(
        {
            "1": {"class_type": "ProbeLoadTensor", "inputs": {"file": file}},
            "2": {"class_type": "ProbeSaveTensor", "inputs": {"audio": ["1", 0], "file": "out.pt"}},
        }
    )
    return run, comfyui.get_tensor("out.pt")


@pytest.mark.parametrize(
    "shape, rate, dtype",
    [((1, 2, 1000), 44100, torch.float32), ((3, 1, 7), 22050, torch.float64), ((1, 3, 10), 96000, torch.float16)],
)
def test_probe_nodes_keep_every_bit(comfyui, shape, rate, dtype):
    waveform = torch.randn(shape, generator=torch.Generator().manual_seed(3)).to(dtype)
    run, back = through(comfyui, waveform, rate)
    assert back["sample_rate"] == rate and back["waveform"].dtype == dtype
    assert torch.equal(back["waveform"], waveform)
    assert run.outputs["2"]["probe"][0]["file"] == "out.pt"
    assert run.events[0][0] in ("execution_start", "status") and run.events[-1][1]["node"] is None
    history = comfyui.client.get(f"/history/{run.prompt_id}")[run.prompt_id]
    assert history["status"]["completed"] is True and history["outputs"] == run.outputs


def test_server_is_the_asked_version_with_the_pack_in_it(comfyui):
    assert comfyui.client.get("/system_stats")["system"]["comfyui_version"] == comfyui.version
    assert "ACEStepGenerate" in comfyui.client.get("/object_info")


def test_rejected_graph_says_which_node_and_why(comfyui):
    with pytest.raises(PromptRejected) as refusal:
        comfyui.run({"1": {"class_type": "SaveAudio", "inputs": {"filename_prefix": "x"}}})
    assert refusal.value.exit_code == 64
    assert refusal.value.node_errors["1"]["errors"][0]["type"] == "required_input_missing"
    assert "SaveAudio (node 1)" in str(refusal.value) and "audio" in str(refusal.value)


def test_failed_node_carries_the_servers_error(comfyui):
    (comfyui.input / "broken.pt").write_bytes(b"not a tensor")
    with pytest.raises(PromptFailed) as failure:
        comfyui.run(
            {
                "1": {"class_type": "ProbeLoadTensor", "inputs": {"file": "broken.pt"}},
                "2": {"class_type": "ProbeSaveTensor", "inputs": {"audio": ["1", 0], "file": "out.pt"}},
            }
        )
    assert failure.value.execution_error["node_id"] == "1"
    assert "ProbeLoadTensor (node 1)" in str(failure.value)


def test_refusals_of_the_packs_own_nodes_are_their_own_sentences(comfyui):
    _, prompt = graph.load("text_to_music")
    with pytest.raises(PromptRejected, match=r"graph\. ACEStepGenerate: tags is empty") as refusal:
        comfyui.run(graph.with_setting(prompt, graph.Setting("ACEStepGenerate", "tags", " ")))
    assert refusal.value.exit_code == 64
    with pytest.raises(PromptRejected, match=r"\(node 1\): duration: Value 4 smaller than min of 5\.$"):
        comfyui.run(graph.with_setting(prompt, graph.Setting("ACEStepGenerate", "duration", 4)))
    with pytest.raises(PromptFailed, match="^ACEStepGenerate: ") as failure:
        comfyui.run(graph.with_backend(prompt, "local"))
    assert failure.value.exit_code == 69 and "sketch" in str(failure.value)


def test_setting_of_an_input_the_graph_does_not_hold(newest_comfyui):
    def check(text):
        cli._check_inputs_exist("text_to_music", [graph.parse_setting(text)], newest_comfyui.client)

    check('ACEStepGenerate.model=["9", 0]')
    with pytest.raises(Refused, match="no input “durations”. Did you mean “duration”"):
        check("ACEStepGenerate.durations=30")


def test_interrupt_ends_a_run(newest_comfyui):
    _, prompt = graph.load("text_to_music")
    for name, value in {"duration": 600, "batch_size": 8}.items():
        prompt = graph.with_setting(prompt, graph.Setting("ACEStepGenerate", name, value))

    def stop(kind, data):
        if kind == "executing" and data.get("node"):
            newest_comfyui.client.interrupt(data["prompt_id"])

    with pytest.raises(PromptInterrupted):
        newest_comfyui.run(graph.with_backend(prompt, "sketch"), on_event=stop)


def test_comfyuis_modules_are_importable_here(comfy_path):
    import comfyui_version
    from comfy import model_management

    assert comfyui_version.__version__ == "0.30.0"
    assert model_management.get_torch_device() == torch.device("cpu")
