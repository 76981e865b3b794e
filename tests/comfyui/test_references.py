"""Another sound connected to Generate: read where it is used, and refused elsewhere before anything is made."""

import graphs
import pytest
import torch
from runner.client import PromptFailed

pytestmark = pytest.mark.server


def prompt(comfyui, **inputs):
    comfyui.put_tensor("reference.pt", torch.full((1, 1, 8_000), 0.1), 8_000)
    return {
        "1": graphs.load("reference.pt"),
        "2": graphs.generate(**inputs),
        "3": graphs.save(["2", 0], "out.pt"),
    }


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"backend": "sketch"}, "backend is sketch, which takes no other sound; set backend to local"),
        ({"backend": "runcomfy"}, "backend is runcomfy, which takes no other sound; set backend to local"),
        ({"backend": "auto", "version": "ace-step"}, "version is ace-step, which takes no other sound; set version to"),
    ],
)
def test_a_reference_that_nothing_can_come_of_is_refused_and_not_even_read(comfyui, inputs, said):
    began = []
    with pytest.raises(PromptFailed, match=f"ACEStepGenerate: reference is connected, but {said}"):
        comfyui.client.run(
            prompt(comfyui, reference=["1", 0], **inputs),
            lambda kind, data: began.append(data["node"]) if kind == "executing" else None,
        )
    assert "1" not in began


def test_without_one_its_settings_are_only_settings(comfyui):
    comfyui.run(prompt(comfyui, reference_use="cover", reference_strength=0.5))
    assert comfyui.get_tensor("out.pt")["waveform"].shape[-1] > 0


def test_without_a_model_it_is_not_read_either(comfyui):
    began = []
    with pytest.raises(PromptFailed, match="is not installed"):
        comfyui.client.run(
            prompt(comfyui, reference=["1", 0], backend="local"),
            lambda kind, data: began.append(data["node"]) if kind == "executing" else None,
        )
    assert "1" not in began
