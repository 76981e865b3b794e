"""Results in the output folder: whole, never overwritten, named so that they can be told apart, and pictured."""

import json
import wave

import numpy
import pytest
from PIL import Image
from runner import delivery, picture, sound
from runner.client import Run
from runner.errors import Refused, RunError, Unavailable
from runner.workspace import Workspace

RATE = 8000
REPORT = {
    "backend": "sketch",
    "windows": [{"start": 0.0, "end": 2.0, "ranges": [[0.5, 1.0]]}],
    "seams": [
        {"item": 0, "take": 0, "time_seconds": 0.5, "verdict": "good"},
        {"item": 0, "take": 1, "time_seconds": 0.5, "verdict": "poor"},
    ],
}
GRAPH = {
    "1": {"class_type": "ACEStepInpaint", "inputs": {}},
    "2": {"class_type": "SaveAudio", "inputs": {"audio": ["1", 0]}, "_meta": {"title": "Save: première"}},
    "3": {"class_type": "SaveAudio", "inputs": {"audio": ["1", 0]}, "_meta": {"title": "Save two"}},
}


def write_wav(path, seconds=2.0, channels=2, level=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = level * numpy.sin(numpy.arange(int(seconds * RATE)) / RATE * 2 * numpy.pi * 220)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(numpy.repeat((tone * 32767).astype("<i2"), channels).tobytes())
    return path


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "run", tmp_path, tmp_path / "user", ())


def saved(workspace, *names, place="output"):
    entries = []
    for name in names:
        write_wav(workspace.folder / place / "audio" / name)
        entries.append({"filename": name, "subfolder": "audio", "type": place})
    return {"audio": entries}


def run_with(outputs):
    return Run("id", outputs, [])


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_one_sound_with_its_report_and_picture(workspace, tmp_path):
    run = run_with({"1": {"acestep": [REPORT]}, "2": saved(workspace, "x_00001_.wav")})
    out = tmp_path / "out"
    [item], [report] = delivery.deliver(run, GRAPH, "song", workspace, out)
    assert names_in(out) == ["song.wav", "song_report.json", "song_waveform.png"]
    assert json.loads(report.path.read_text()) == report.report == REPORT
    assert (
        item.sound.seconds == 2.0
        and item.sound.rate == RATE
        and (item.sound.channels, item.sound.samples) == (2, 2 * RATE)
    )


def test_nothing_is_overwritten(workspace, tmp_path):
    run = run_with({"1": {"acestep": [REPORT]}, "2": saved(workspace, "x.wav")})
    out = tmp_path / "out"
    for _ in range(3):
        delivery.deliver(run, GRAPH, "song", workspace, out)
    delivery.deliver(run, GRAPH, "son", workspace, out)
    sounds = [name for name in names_in(out) if name.endswith(".wav")]
    assert sounds == ["son.wav", "song-2.wav", "song-3.wav", "song.wav"]
    assert {"song-2_report.json", "song-3_waveform.png"} < set(names_in(out))


def test_a_batch_is_numbered_and_each_take_has_its_own_seams(workspace, tmp_path):
    run = run_with({"1": {"acestep": [REPORT]}, "2": saved(workspace, "a.wav", "b.wav")})
    items, _ = delivery.deliver(run, GRAPH, "song", workspace, tmp_path / "out")
    assert [item.audio.name for item in items] == ["song_1.wav", "song_2.wav"]
    assert [item.picture.name for item in items] == ["song_1_waveform.png", "song_2_waveform.png"]
    assert delivery.marks_of(REPORT, 0, 2.0).seams == ((0.5, "good"),)
    assert delivery.marks_of(REPORT, 1, 2.0).seams == ((0.5, "poor"),)


def test_new_sound_across_the_end_of_a_loop_is_marked_at_both():
    looped = {**REPORT, "windows": [{"start": 5.0, "end": 5.0, "ranges": [[8.0, 2.0]]}]}
    marks = delivery.marks_of(looped, 0, 10.0)
    assert marks.new == ((8.0, 10.0), (0.0, 2.0)) and marks.context == ((5.0, 10.0), (0.0, 5.0))


def test_several_saving_nodes_are_told_apart_by_title(workspace, tmp_path):
    run = run_with({"2": saved(workspace, "a.wav"), "3": saved(workspace, "b.wav")})
    items, _ = delivery.deliver(run, GRAPH, "song", workspace, tmp_path / "out")
    assert sorted(item.audio.name for item in items) == ["song_save-premi-re.wav", "song_save-two.wav"]


def test_savers_of_one_title_are_told_apart_by_what_renders_for_them(workspace, tmp_path):
    graph = {
        "1": {"class_type": "ACEStepGenerate", "inputs": {}, "_meta": {"title": "Generate (en)"}},
        "2": {"class_type": "ACEStepGenerate", "inputs": {}, "_meta": {"title": "Generate (es)"}},
        "3": {"class_type": "SaveAudio", "inputs": {"audio": ["1", 0]}},
        "4": {"class_type": "SaveAudio", "inputs": {"audio": ["2", 0]}},
    }
    run = run_with(
        {
            "1": {"acestep": [REPORT]},
            "2": {"acestep": [REPORT]},
            "3": saved(workspace, "a.wav"),
            "4": saved(workspace, "b.wav"),
        }
    )
    items, reports = delivery.deliver(run, graph, "song", workspace, tmp_path / "out")
    assert [item.audio.name for item in items] == ["song_generate-en.wav", "song_generate-es.wav"]
    assert [item.path.name for item in reports] == ["song_generate-en_report.json", "song_generate-es_report.json"]
    graph["2"]["_meta"]["title"] = "Generate (en)"
    items, _ = delivery.deliver(run, graph, "other", workspace, tmp_path / "out")
    assert [item.audio.name for item in items] == ["other_3.wav", "other_4.wav"]


def test_previews_count_only_when_nothing_is_saved(workspace, tmp_path):
    preview = saved(workspace, "p.wav", place="temp")
    [item], _ = delivery.deliver(run_with({"2": preview}), GRAPH, "song", workspace, tmp_path / "a")
    assert item.audio.name == "song.wav"
    both = run_with({"2": preview, "3": saved(workspace, "s.wav")})
    [item], _ = delivery.deliver(both, GRAPH, "song", workspace, tmp_path / "b")
    assert item.audio.read_bytes() == (workspace.folder / "output/audio/s.wav").read_bytes()


def test_a_run_without_sound_is_said(workspace, tmp_path):
    with pytest.raises(RunError, match="SaveAudioAdvanced"):
        delivery.deliver(run_with({"2": {"text": ["x"]}}), GRAPH, "song", workspace, tmp_path / "out")


def test_a_failure_leaves_nothing_half_written(workspace, tmp_path, monkeypatch):
    run = run_with({"2": saved(workspace, "a.wav")})

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(delivery.shutil, "copyfile", fail)
    with pytest.raises(Unavailable, match=r"out \(No space left on device\): make room there, or give another folder"):
        delivery.deliver(run, GRAPH, "song", workspace, tmp_path / "out")
    assert names_in(tmp_path / "out") == []


def test_a_sound_that_cannot_be_read_leaves_nothing(workspace, tmp_path):
    run = run_with({"2": saved(workspace, "a.wav")})
    (workspace.folder / "output/audio/a.wav").write_bytes(b"no sound")
    with pytest.raises(Refused):
        delivery.deliver(run, GRAPH, "song", workspace, tmp_path / "out")
    assert names_in(tmp_path / "out") == []


def blue_or_orange(pixel):
    red, _, blue = pixel[:3]
    return "orange" if red > blue + 40 else "blue" if blue > red + 40 else "neither"


def test_picture_shows_kept_and_new_where_they_are(tmp_path):
    heard = sound.outline(write_wav(tmp_path / "x.wav", seconds=4.0))
    image = picture.draw(heard, "x", "", picture.Marks(new=((1.0, 2.0),), seams=((1.0, "poor"),)))
    assert image.size == (picture.WIDTH, picture.HEIGHT)

    def at(seconds):
        x = picture.LEFT + (picture.WIDTH - picture.LEFT - picture.RIGHT) * seconds / 4.0
        return image.getpixel((round(x), picture.TOP + 66))  # beside the middle of the upper lane

    assert [blue_or_orange(at(seconds)) for seconds in (0.5, 1.2, 1.8, 3.0)] == ["blue", "orange", "orange", "blue"]
    middle = picture.TOP + (picture.HEIGHT - picture.TOP - picture.BOTTOM) // 2  # between the lanes
    seam_x = round(picture.LEFT + (picture.WIDTH - picture.LEFT - picture.RIGHT) / 4)
    strongest = max((image.getpixel((x, middle)) for x in range(seam_x - 2, seam_x + 3)), key=lambda pixel: pixel[0])
    assert strongest[0] > 150 and strongest[1] < 120


@pytest.mark.parametrize("samples", [numpy.zeros((1, 5)), numpy.zeros((2, 100_000)), numpy.full((2, 3000), 1.5)])
def test_picture_of_odd_sounds(samples):
    image = picture.draw(sound.measure(iter([samples.astype("f")]), RATE), "odd", "", picture.Marks())
    assert image.size == (picture.WIDTH, picture.HEIGHT)


def test_an_outline_tells_what_is_there(tmp_path):
    heard = sound.outline(write_wav(tmp_path / "x.wav", channels=1, level=0.25))
    assert (heard.channels, heard.samples) == (1, 2 * RATE)
    assert heard.peak_dbfs == pytest.approx(-12.04, abs=0.01)
    assert heard.describe() == "2.00 s, 8000 Hz, mono, peak -12.0 dBFS"


def test_an_outline_is_the_same_however_the_sound_is_cut():
    samples = numpy.random.default_rng(1).uniform(-1, 1, (2, 600_001)).astype("f")
    whole = sound.measure(iter([samples]), RATE)
    for cuts in ([1], [63, 64, 65, 300_000], [600_000]):
        cut = sound.measure(iter(numpy.split(samples, cuts, axis=1)), RATE)
        assert cut.samples == whole.samples == 600_001
        for name in ("low", "high", "mean_square"):
            assert numpy.array_equal(getattr(cut, name), getattr(whole, name)), name
    assert whole.low.shape == (2, -(-600_001 // sound.BIN_SAMPLES))
    assert whole.low[1, 7] == samples[1, 7 * 64 : 8 * 64].min() and whole.high[0, -1] == samples[0, 600_000]
    assert whole.mean_square.mean() == pytest.approx(1 / 3, rel=0.01)


@pytest.mark.parametrize("content", [b"", b"this is not music" * 100])
def test_an_outline_refuses_what_is_no_sound(tmp_path, content):
    path = tmp_path / "x.mp3"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"x\.mp3.*MP3, WAV or FLAC"):
        sound.outline(path)


def test_an_outline_refuses_a_picture(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    with pytest.raises(Refused, match=r"x\.png"):
        sound.outline(tmp_path / "x.png")
