"""Every example graph, run for real through the server with sketch: does its sound keep what its pattern promises?"""

import copy
import json
from pathlib import Path

import graphs
import numpy as np
import pytest
import torch

pytestmark = pytest.mark.server
API = Path(__file__).resolve().parents[2] / "workflows" / "api"
RATE = 44100
RENDERING = ("ACEStepGenerate", "ACEStepInpaint", "ACEStepOutpaint")
SKETCH_RATE = 48000


class Ran:
    """One finished example: the API graph as shared, what each rendering node made and said, and the source."""

    def __init__(self, server, name, seconds=30):
        self.graph = json.loads((API / f"{name}.json").read_text(encoding="utf-8"))
        self.source = music(seconds)
        server.put_tensor(f"{name}.pt", self.source, RATE)
        prompt = copy.deepcopy(self.graph)
        for node_id, node in self.graph.items():
            if node["class_type"] == "LoadAudio":
                prompt[node_id] = graphs.load(f"{name}.pt")
            if node["class_type"] in RENDERING:
                prompt[node_id]["inputs"]["backend"] = "sketch"
                prompt[f"save{node_id}"] = graphs.save([node_id, 0], f"{name}_{node_id}.pt")
        run = server.run(prompt)
        self.renders = {n: v["inputs"] for n, v in self.graph.items() if v["class_type"] in RENDERING}
        self.sounds = {n: server.get_tensor(f"{name}_{n}.pt") for n in self.renders}
        self.reports = {n: run.outputs[n]["acestep"][0] for n in self.renders}
        saved = [n for n, v in self.graph.items() if v["class_type"] in ("SaveAudioAdvanced", "PreviewAudio")]
        assert saved and all(run.outputs[n]["audio"] for n in saved), "an example that saves nothing"

    @property
    def only(self):
        """The waveform and the report of the one rendering node."""
        (node_id,) = self.renders
        return self.sounds[node_id]["waveform"], self.reports[node_id]


def music(seconds):
    """Chords with noise, so that every sample differs: [1, 2, T]."""
    generator = torch.Generator().manual_seed(4)
    time = torch.arange(seconds * RATE) / RATE
    chord = sum(torch.sin(2 * torch.pi * hz * time) for hz in (220.0, 277.2, 329.6))
    return (0.1 * chord * (1 + torch.sin(2 * torch.pi * 2 * time))).expand(1, 2, -1) + 0.02 * torch.randn(
        1, 2, seconds * RATE, generator=generator
    )


def assert_only_changed(out, source, *spans):
    inside = torch.zeros(source.shape[-1], dtype=torch.bool)
    for start, end in spans:
        a, b = round(start * RATE), round(end * RATE)
        inside[a:b] = True
        assert not torch.equal(out[..., a:b], source[..., a:b])
    assert out.shape == source.shape
    assert torch.equal(out[..., ~inside], source[..., ~inside])


def assert_music(waveform, seconds, rate=SKETCH_RATE):
    assert waveform.shape[-1] == seconds * rate and bool(torch.isfinite(waveform).all())
    for second in range(0, seconds - 5, 5):
        level = waveform[..., second * rate : (second + 5) * rate].square().mean().sqrt()
        assert level > 0.003, f"silence at {second} s"


def test_text_to_music(newest_comfyui):
    waveform, facts = Ran(newest_comfyui, "text_to_music").only
    assert_music(waveform, 30)
    assert facts["seeds"] == [42]


def test_vocal_song_1_5(newest_comfyui):
    ran = Ran(newest_comfyui, "vocal_song_1_5")
    assert_music(ran.only[0], 60)
    (inputs,) = ran.renders.values()
    assert inputs["version"] == "ace-step-1.5" and "[Chorus]" in inputs["lyrics"]


def test_multilingual_launch_keeps_tags_and_seed_and_changes_the_lyrics(newest_comfyui):
    ran = Ran(newest_comfyui, "multilingual_launch")
    inputs = list(ran.renders.values())
    assert len(inputs) == 3
    assert len({json.dumps(i["tags"]) for i in inputs}) == len({i["seed"] for i in inputs}) == 1
    assert len({i["lyrics"] for i in inputs}) == len({i["language"] for i in inputs}) == 3
    for sound in ran.sounds.values():
        assert_music(sound["waveform"], 60)


@pytest.mark.parametrize(
    ("name", "spans"),
    [
        ("section_repair", [(12, 20)]),
        ("rewrite_ending", [(20, 30)]),
        ("multi_repair", [(4, 8), (18, 22)]),
        ("long_mix_repair", [(10, 25)]),
    ],
)
def test_repairs_change_their_ranges_only(newest_comfyui, name, spans):
    ran = Ran(newest_comfyui, name)
    assert_only_changed(ran.only[0], ran.source, *spans)


def test_long_mix_repair_renders_a_window_of_an_hour(newest_comfyui):
    ran = Ran(newest_comfyui, "long_mix_repair", seconds=600)
    waveform, facts = ran.only
    assert_only_changed(waveform, ran.source, (10, 25))
    (window,) = facts["windows"]
    assert window["end"] - window["start"] <= 15 + 2 * 30


@pytest.mark.parametrize(("name", "before", "after"), [("hook_to_full_track", 15, 30), ("fade_out", 0, 20)])
def test_extensions_keep_the_track_whole(newest_comfyui, name, before, after):
    ran = Ran(newest_comfyui, name)
    waveform, _ = ran.only
    assert waveform.shape[-1] == (before + 30 + after) * RATE
    assert torch.equal(waveform[..., before * RATE : (before + 30) * RATE], ran.source)


def test_fade_out_fades(newest_comfyui):
    waveform, _ = Ran(newest_comfyui, "fade_out").only
    first, last = waveform[..., 30 * RATE : 35 * RATE], waveform[..., -2 * RATE :]
    assert 20 * np.log10(float(last.square().mean().sqrt() / first.square().mean().sqrt()) + 1e-9) < -12


def test_game_loop_bed_closes(newest_comfyui):
    """Played over and over there is no step at its joint, neither from sample to sample nor of the level."""
    ran = Ran(newest_comfyui, "game_loop_bed")
    (made,) = [n for n, inputs in ran.renders.items() if "duration" in inputs]
    (closed,) = [n for n, inputs in ran.renders.items() if inputs.get("loop")]
    waveform, bed = ran.sounds[closed]["waveform"], ran.sounds[made]["waveform"]
    assert_music(waveform, 60)
    kept = slice(4 * SKETCH_RATE, 56 * SKETCH_RATE)
    assert torch.equal(waveform[..., kept], bed[..., kept])
    assert not torch.equal(waveform[..., : kept.start], bed[..., : kept.start])
    assert sorted(seam["time_seconds"] for seam in ran.reports[closed]["seams"]) == [4, 56]
    assert "loop" not in json.dumps(ran.graph[ran.renders[made]["tags"][0]]), (
        "the promise is kept by the edit and not by a tag"
    )
    joint = torch.cat([waveform[0][:, -4 * SKETCH_RATE :], waveform[0][:, : 4 * SKETCH_RATE]], dim=1)
    inside = waveform[0][:, : 1 << 22].diff(dim=1).abs().amax(0).quantile(0.999)
    assert float((waveform[0][:, 0] - waveform[0][:, -1]).abs().amax()) <= float(inside)
    levels = joint.reshape(2, -1, SKETCH_RATE // 4).square().mean(dim=(0, 2)).sqrt()
    steps = (levels[1:] / levels[:-1]).log10().abs()
    assert float(steps[15]) <= float(steps.max())


def test_background_library_has_four_different_takes(newest_comfyui):
    waveform, facts = Ran(newest_comfyui, "background_library").only
    assert facts["seeds"] == [100, 101, 102, 103]
    assert_music(waveform, 60)
    for a in range(4):
        for b in range(a):
            assert not torch.equal(waveform[a], waveform[b])


def test_draft_then_polish_share_their_tags(newest_comfyui):
    ran = Ran(newest_comfyui, "draft_then_polish")
    versions = {inputs["version"] for inputs in ran.renders.values()}
    assert versions == {"ace-step", "ace-step-1.5"}
    assert len({json.dumps(inputs["tags"]) for inputs in ran.renders.values()}) == 1
    assert sorted(sound["waveform"].shape[-1] // SKETCH_RATE for sound in ran.sounds.values()) == [30, 90]
