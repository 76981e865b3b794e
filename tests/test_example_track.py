"""The example track: a song in ComfyUI's input folder that never takes the place of a file, for ComfyUI's own page."""

import asyncio
import concurrent.futures

import pytest
import torch
from acestep_nodes.nodes.audio.codec import decode
from acestep_nodes.nodes.routes import example_track
from acestep_nodes.nodes.routes.example_track import PATH, example_song, place
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

NAME = "ACE-Step example track (sketch).flac"
SECOND = "ACE-Step example track (sketch) 2.flac"


@pytest.fixture(scope="module")
def song():
    return example_song()


def test_it_is_half_a_minute_of_music_and_the_same_every_time(song):
    sound = decode(song)
    assert (sound.samples, sound.sample_rate, sound.channels) == (30 * 48_000, 48_000, 2)
    seconds = sound.waveform.unfold(1, sound.sample_rate, sound.sample_rate)
    assert seconds.square().mean(dim=(0, 2)).sqrt().min() > 0.01  # no second of it is silent
    assert not torch.equal(sound.waveform[0], sound.waveform[1])
    assert example_song() == song


def test_the_song_that_is_there_is_given_out_again(tmp_path, song):
    first = place(tmp_path, song)
    written = first.stat().st_mtime_ns
    assert (first.name, first.read_bytes()) == (NAME, song)
    assert place(tmp_path, song) == first and first.stat().st_mtime_ns == written
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_file_of_somebody_else_stays_as_it_is(tmp_path, song):
    for other in (b"mine", bytes(len(song))):
        (tmp_path / NAME).write_bytes(other)
        assert place(tmp_path, song).name == SECOND
        assert place(tmp_path, song).name == SECOND
        assert (tmp_path / NAME).read_bytes() == other
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    (tmp_path / SECOND).unlink()
    (tmp_path / SECOND).symlink_to(tmp_path / "nowhere")
    assert place(tmp_path, song).name == "ACE-Step example track (sketch) 3.flac"
    assert not (tmp_path / "nowhere").exists()


def test_of_two_who_want_one_name_the_later_takes_the_next(tmp_path, song):
    folder = tmp_path
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda number: place(folder, song + bytes(number)), range(8)))
    assert len(set(paths)) == 8
    for number, path in enumerate(paths):
        assert path.read_bytes() == song + bytes(number)
    assert len(list(folder.iterdir())) == 8  # nothing half written is left


def asked(folder, monkeypatch, times=1, **headers):
    """Status and answer of each of several questions at once."""

    async def main():
        app, routes = web.Application(), web.RouteTableDef()
        example_track.register_routes(routes)
        app.add_routes(routes)
        async with TestClient(TestServer(app)) as client:
            own = {"Origin": f"http://{client.server.host}:{client.server.port}"} | headers

            async def ask():
                async with client.post(PATH, json={}, headers=own) as answer:
                    return answer.status, await answer.json()

            return await asyncio.gather(*(ask() for _ in range(times)))

    import folder_paths

    monkeypatch.setattr(folder_paths, "get_input_directory", lambda: str(folder))
    return asyncio.run(main())


def test_clicks_at_once_get_one_file(tmp_path, comfy_path, monkeypatch, song):
    answer = (200, {"filename": NAME, "subfolder": "", "type": "input"})
    assert asked(tmp_path, monkeypatch, times=3) == [answer] * 3
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == song


def test_a_folder_that_takes_no_file_is_named(tmp_path, comfy_path, monkeypatch):
    ((status, answer),) = asked(tmp_path / "gone", monkeypatch)
    assert status == 500
    assert answer["message"] == (
        f"The example track cannot be written to {tmp_path / 'gone'} (No such file or directory)."
    )
    assert answer["said"]["code"] == "example_unwritable"


def test_another_page_gets_nothing(tmp_path, comfy_path, monkeypatch):
    ((status, _),) = asked(tmp_path, monkeypatch, Origin="https://elsewhere.example")
    assert status == 403 and not list(tmp_path.iterdir())
