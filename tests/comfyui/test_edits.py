"""Edits through the real server: tensors bit for bit, real MP3s through LoadAudio and SaveAudio, refusals."""

import json

import graphs
import numpy as np
import pytest
import torch
from runner.client import PromptFailed, PromptRejected

pytestmark = pytest.mark.server
# ComfyUI writes FLAC with 16 bits; half a step is what rounding may cost.
HALF_A_STEP = 0.5 / 32768 + 1e-7


def noise(channels=2, samples=4 * 44100, batch=1, seed=0):
    return 0.4 * torch.rand(batch, channels, samples, generator=torch.Generator().manual_seed(seed)) - 0.2


def report_of(run, node_id):
    return run.outputs[node_id]["acestep"][0]


def decoded(path):
    """Samples of a file [C, T] as float64, and its rate, through PyAV."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        frames = [f for frame in container.decode(stream) for f in resampler.resample(frame)]
        return np.concatenate([f.to_ndarray() for f in frames], axis=1).astype(np.float64), stream.rate


def loaded(comfyui, music):
    """A LoadAudio of the file, which is put where the server looks."""
    (comfyui.input / music.name).write_bytes(music.read_bytes())
    return graphs.node("LoadAudio", audio=music.name)


def saved(comfyui, run, node):
    """Samples and rate of what a SaveAudio wrote."""
    file = run.outputs[node]["audio"][0]
    return decoded(comfyui.output / file["subfolder"] / file["filename"])


@pytest.mark.parametrize(("rate", "channels"), [(22050, 1), (44100, 2), (48000, 1), (96000, 2)])
def test_inpaint_is_bit_exact_outside_on_the_tensor(comfyui, rate, channels):
    wave = noise(channels, 4 * rate)
    comfyui.put_tensor("in.pt", wave, rate)
    run = comfyui.run({
        "1": graphs.load("in.pt"),
        "2": graphs.time_range(0.0, 1.0, audio=["1", 0]),
        "3": graphs.time_range(1.5, 0.5, "end", "end", audio=["1", 0], previous=["2", 0]),
        "4": graphs.inpaint(["1", 0], ["3", 0]),
        "5": graphs.save(["4", 0], "out.pt"),
    })  # fmt: skip
    out = comfyui.get_tensor("out.pt")
    assert out["sample_rate"] == rate and out["waveform"].dtype == torch.float32
    assert run.outputs["5"]["probe"] == [{"file": "out.pt", "device": "cpu", "contiguous": True}]
    a, b, c = rate, round(2.5 * rate), round(3.5 * rate)
    assert torch.equal(out["waveform"][..., a:b], wave[..., a:b])
    assert torch.equal(out["waveform"][..., c:], wave[..., c:])
    assert not torch.equal(out["waveform"][..., :a], wave[..., :a])
    assert not torch.equal(out["waveform"][..., b:c], wave[..., b:c])
    facts = report_of(run, "4")
    assert facts["warnings"][0] == "This is sketch, not ACE-Step." and len(facts["seams"]) == 3


@pytest.mark.parametrize(("rate", "channels"), [(22050, 1), (48000, 2)])
def test_a_loop_is_closed_by_an_edit_across_its_end(comfyui, rate, channels):
    wave = noise(channels, 6 * rate)
    comfyui.put_tensor("loop.pt", wave, rate)
    run = comfyui.run({
        "1": graphs.load("loop.pt"),
        "2": graphs.time_range(1.5, 1.0, "end", "start", audio=["1", 0]),
        "3": graphs.inpaint(["1", 0], ["2", 0], loop=True, batch_size=2, keep="best"),
        "4": graphs.save(["3", 0], "closed.pt"),
        "5": graphs.show(["2", 1]),
        "6": graphs.show(["2", 2]),
    })  # fmt: skip
    out = comfyui.get_tensor("closed.pt")["waveform"]
    a, b = rate, round(4.5 * rate)
    assert out.shape == wave.shape
    assert torch.equal(out[..., a:b], wave[..., a:b])
    assert not torch.equal(out[..., :a], wave[..., :a]) and not torch.equal(out[..., b:], wave[..., b:])
    assert [float(run.outputs[n]["text"][0]) for n in ("5", "6")] == [4.5, 1.0]
    facts = report_of(run, "3")
    assert facts["windows"][0]["ranges"] == [[4.5, 1.0]] and len(facts["kept"]) == 1
    assert {(seam["take"], seam["time_seconds"]) for seam in facts["seams"]} == {
        (take, time) for take in (0, 1) for time in (1.0, 4.5)
    }


@pytest.mark.parametrize("piece", [0, 1, 2])
def test_real_music_repaired_through_load_and_save(comfyui, example_music, piece):
    music = example_music[piece]
    run = comfyui.run({
        "1": loaded(comfyui, music),
        "2": graphs.time_range(8.0, 12.5, audio=["1", 0]),
        "3": graphs.inpaint(["1", 0], ["2", 0]),
        "4": graphs.node("SaveAudio", audio=["3", 0], filename_prefix="repaired"),
    })  # fmt: skip
    out, rate = saved(comfyui, run, "4")
    source, source_rate = decoded(music)
    assert (rate, out.shape) == (source_rate, source.shape)
    a, b = 8 * rate, round(12.5 * rate)
    # A file holds no more than full scale; the MP3 may decode a little above it.
    source = np.clip(source, -1, 1 - 1 / 32768)
    assert np.abs(out[:, :a] - source[:, :a]).max() <= HALF_A_STEP
    assert np.abs(out[:, b:] - source[:, b:]).max() <= HALF_A_STEP
    assert np.abs(out[:, a:b] - source[:, a:b]).max() > 0.05
    assert all(seam["verdict"] in ("good", "fair", "poor") for seam in report_of(run, "3")["seams"])


@pytest.mark.parametrize("piece", [0, 1, 2])
def test_real_music_extended_through_load_and_save(comfyui, example_music, piece):
    music = example_music[piece]
    run = comfyui.run({
        "1": loaded(comfyui, music),
        "2": graphs.outpaint(["1", 0], extend_before_duration=3.0, extend_after_duration=4.5),
        "3": graphs.node("SaveAudio", audio=["2", 0], filename_prefix="extended"),
    })  # fmt: skip
    out, rate = saved(comfyui, run, "3")
    source, _ = decoded(music)
    head, tail = 3 * rate, round(4.5 * rate)
    assert out.shape[1] == head + source.shape[1] + tail
    source = np.clip(source, -1, 1 - 1 / 32768)
    assert np.abs(out[:, head:-tail] - source).max() <= HALF_A_STEP
    assert np.abs(out[:, :head]).max() > 0.01 and np.abs(out[:, -tail:]).max() > 0.01


def test_text_from_the_tag_builder_drives_a_batch(comfyui):
    run = comfyui.run({
        "1": graphs.tag_builder(genre="jazz, swing", mood="warm", instruments="piano", bpm=90, key="A minor",
                                time_signature="3/4", language="ja", instrumental=True, extra="Jazz"),
        "2": graphs.generate(tags=["1", 0], batch_size=2),
        "3": graphs.save(["2", 0], "batch.pt"),
        "4": graphs.show(["1", 0]),
        "5": graphs.show(["1", 1]),
        "6": graphs.show(["2", 1]),
    })  # fmt: skip
    tags = "jazz, swing, warm, piano, 90 BPM, A minor, 3/4, japanese vocal, instrumental, no vocals"
    assert run.outputs["4"]["text"] == [tags] and run.outputs["5"]["text"] == ["90"]
    assert "no vocals" in run.outputs["1"]["acestep"][0]["warnings"][0]
    assert comfyui.get_tensor("batch.pt")["waveform"].shape == (2, 2, 5 * 48000)
    assert json.loads(run.outputs["6"]["text"][0]) == report_of(run, "2")


def test_time_range_tells_seconds_from_the_start(comfyui):
    comfyui.put_tensor("ten.pt", noise(1, 10 * 8000), 8000)
    run = comfyui.run({
        "1": graphs.load("ten.pt"),
        "2": graphs.time_range(4.0, 1.0, "end", "end", audio=["1", 0]),
        "3": graphs.show(["2", 1]),
        "4": graphs.show(["2", 2]),
        "5": graphs.time_range(1.25, 2.5),
        "6": graphs.show(["5", 1]),
    })  # fmt: skip
    assert [float(run.outputs[n]["text"][0]) for n in ("3", "4", "6")] == [6.0, 9.0, 1.25]


def test_an_end_anchor_without_audio_still_edits_and_blocks_only_the_numbers(comfyui):
    wave = noise(1, 5 * 8000)
    comfyui.put_tensor("five.pt", wave, 8000)
    graph = {
        "1": graphs.load("five.pt"),
        "2": graphs.time_range(2.0, 0.0, "end", "end"),
        "3": graphs.inpaint(["1", 0], ["2", 0]),
        "4": graphs.save(["3", 0], "five_out.pt"),
    }
    comfyui.run(graph)
    out = comfyui.get_tensor("five_out.pt")["waveform"]
    assert torch.equal(out[..., : 3 * 8000], wave[..., : 3 * 8000]) and not torch.equal(out, wave)
    with pytest.raises(PromptFailed, match="start and end are not known.*connect audio"):
        comfyui.run({"2": graph["2"], "3": graphs.show(["2", 1])})


def edit_of_ten_seconds(*times, **inputs):
    return {
        "1": graphs.load("ten.pt"),
        "2": graphs.time_range(*times, **inputs),
        "9": graphs.inpaint(["1", 0], ["2", 0]),
    }


def tagged(**inputs):
    return {"8": graphs.tag_builder(**inputs), "9": graphs.generate(tags=["8", 0])}


RANGE = graphs.time_range(1.0, 2.0)
SOURCE = {"audio": ["1", 0]}


@pytest.mark.parametrize(
    ("graph", "sentence"),
    [
        ({"9": graphs.generate(tags=" , ")}, "tags is empty"),
        ({"9": graphs.generate(duration=4)}, "Value 4 smaller than min of 5"),
        ({"9": graphs.generate(duration=601)}, "Value 601 bigger than max of 600"),
        ({"9": graphs.generate(backend="cloud")}, "not in"),
        ({"9": graphs.generate(batch_size=17)}, "bigger than max of 16"),
        ({"9": graphs.generate(guidance=float("nan"))}, "guidance is nan"),
        (tagged(), "tags is empty"),
        (tagged(genre="jazz", bpm=12), "bpm is 12; 0 (none) or 30 to 300"),
        (edit_of_ten_seconds(2.0, 1.0, **SOURCE), "must be later than"),
        (edit_of_ten_seconds(2.0, 1.0, **SOURCE), "turn on loop"),
        (edit_of_ten_seconds(2.0, 2.0, **SOURCE), "is the same as"),
        (edit_of_ten_seconds(9.0, 12.0, **SOURCE), "the audio is 10.00 s long"),
        (edit_of_ten_seconds(9.0, 12.0), "the audio is 10.00 s long"),
        (edit_of_ten_seconds(1.0, 1.01), "at least 0.05 s"),
        (edit_of_ten_seconds(float("nan"), 2.0), "start_time is nan"),
        ({"1": graphs.load("ten.pt"), "9": graphs.outpaint(["1", 0], extend_after_duration=0.0)}, "nothing to add"),
        ({"1": graphs.load("none.pt"), "2": RANGE, "9": graphs.inpaint(["1", 0], ["2", 0])}, "audio is empty"),
        ({"1": graphs.load("empty.pt"), "9": graphs.outpaint(["1", 0])}, "holds no samples"),
        ({"1": graphs.load("surround.pt"), "9": graphs.outpaint(["1", 0])}, "6 channels"),
        ({"1": graphs.load("nan.pt"), "9": graphs.outpaint(["1", 0])}, "not a number at 0.125 s"),
        ({"9": graphs.generate(resume_request_id="abc")}, "resume"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_one_sentence(newest_comfyui, graph, sentence):
    broken = noise(1, 8000)
    broken[..., 1000] = float("nan")
    for file, wave in {
        "ten.pt": noise(1, 10 * 8000), "none.pt": None, "empty.pt": torch.zeros(1, 2, 0),
        "surround.pt": torch.zeros(1, 6, 800), "nan.pt": broken,
    }.items():  # fmt: skip
        newest_comfyui.put_tensor(file, wave, 8000)
    with pytest.raises((PromptRejected, PromptFailed)) as caught:
        newest_comfyui.run(graph | {"99": graphs.node("PreviewAudio", audio=["9", 0])})
    assert sentence in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_missing_required_widget_is_named(newest_comfyui):
    graph = {"1": graphs.generate(), "2": graphs.node("PreviewAudio", audio=["1", 0])}
    del graph["1"]["inputs"]["tags"]
    with pytest.raises(PromptRejected, match="tags: Required input is missing") as caught:
        newest_comfyui.run(graph)
    assert "positional argument" not in str(caught.value)


@pytest.mark.parametrize("kind", ["np.int64", "np.float32", "array", "tensor", "float"])
def test_numbers_are_numbers_as_other_packs_send_them(newest_comfyui, kind):
    def number(value):
        return graphs.node("ProbeNumber", number=str(value), kind=kind)

    newest_comfyui.put_tensor("rate.pt", noise(1, 10 * 8000), 8000)
    graph = {
        "five": number(5), "two": number(2),
        "made": graphs.generate(seed=["two", 0], duration=["five", 0], batch_size=["two", 0]),
        "source": graphs.load("rate.pt"), "odd": graphs.node("ProbeRate", audio=["source", 0], kind=kind),
        "range": graphs.time_range(["two", 0], ["five", 0], audio=["odd", 0]),
        "edited": graphs.inpaint(["odd", 0], ["range", 0]),
        "out": graphs.save(["made", 0], "made.pt"), "edit": graphs.save(["edited", 0], "edited.pt"),
    }  # fmt: skip
    run = newest_comfyui.run(graph)
    assert report_of(run, "made")["seeds"] == [2, 3]
    made, edited = newest_comfyui.get_tensor("made.pt"), newest_comfyui.get_tensor("edited.pt")
    assert made["waveform"].shape[2] == 5 * made["sample_rate"]
    assert (edited["sample_rate"], type(edited["sample_rate"])) == (8000, int)


@pytest.mark.parametrize("seed, used", [(2**32 + 9, 9), (2**63 + 4, 4), (-2, 2**31 - 2)])
def test_a_seed_of_a_shared_seed_node_is_folded_and_the_report_says_so(newest_comfyui, seed, used):
    graph = {
        "seed": graphs.node("ProbeNumber", number=str(seed), kind="int"),
        "made": graphs.generate(seed=["seed", 0]),
        "out": graphs.node("PreviewAudio", audio=["made", 0]),
    }
    facts = report_of(newest_comfyui.run(graph), "made")
    assert facts["seeds"] == [used]
    (said,) = (each["values"] for each in facts["codes"] if each["code"] == "seed_folded")
    assert (said["given"], said["seed"]) == (str(seed), used)


def test_null_is_not_the_word_none(newest_comfyui):
    with pytest.raises(PromptRejected, match="tags is empty"):
        newest_comfyui.run({"1": graphs.generate(tags=None), "2": graphs.node("PreviewAudio", audio=["1", 0])})
    builder = graphs.tag_builder(genre="jazz", mood=None, extra=None)
    run = newest_comfyui.run({"1": builder, "2": graphs.show(["1", 0])})
    assert run.outputs["1"]["acestep"][0]["tags"] == "jazz"


def test_every_advanced_input_may_be_left_out(comfyui):
    """Graphs of the first release keep working: they name none of the inputs that came later."""
    run = comfyui.run({"1": graphs.generate(), "2": graphs.node("PreviewAudio", audio=["1", 0])})
    assert report_of(run, "1")["seeds"] == [3]


def test_nothing_runs_twice_without_need_and_minus_one_always_does(newest_comfyui):
    def seeds(seed, lyrics):
        graph = {
            "1": graphs.generate(seed=seed, lyrics=lyrics),
            "2": graphs.node("PreviewAudio", audio=["1", 0]),
        }
        runs = [newest_comfyui.run(graph) for _ in range(2)]
        cached = [node for kind, data in runs[1].events if kind == "execution_cached" for node in data["nodes"]]
        return [report_of(run, "1")["seeds"] for run in runs], "1" in cached

    (first, second), cached = seeds(9, "[inst] a")
    assert first == second == [9] and cached
    (first, second), cached = seeds(-1, "[inst] b")
    assert first != second and not cached
