"""The pack is one way: what a room knows never knows the room. And its picture is up to date."""

import architecture
import pytest


def test_no_two_rooms_know_each_other():
    architecture.heights(architecture.rooms())


def test_two_rooms_that_do_are_named():
    with pytest.raises(ValueError, match="audio/ → run/ → audio/|run/ → audio/ → run/"):
        architecture.heights({"audio/": {"run/"}, "run/": {"audio/"}})


@pytest.mark.parametrize(
    ("room", "strangers"),
    [
        ("audio/", {"backends/", "backends/ contract", "backends/local/", "backends/runcomfy/", "nodes/", "run/"}),
        ("nodes/", {"backends/local/", "backends/runcomfy/", "backends/sketch/"}),
        ("backends/local/", {"backends/runcomfy/", "backends/sketch/", "run/", "nodes/"}),
        ("backends/runcomfy/", {"backends/local/", "backends/sketch/", "run/", "nodes/"}),
        ("backends/sketch/", {"backends/local/", "backends/runcomfy/", "run/", "nodes/"}),
        ("run/", {"backends/local/", "backends/runcomfy/", "backends/sketch/", "nodes/"}),
        ("words/", {"audio/", "request/", "run/", "nodes/", "backends/"}),
    ],
)  # fmt: skip
def test_a_room_knows_nothing_of(room, strangers):
    known = architecture.rooms()[room]
    assert not known & strangers


def test_the_picture_is_that_of_the_imports():
    drawn = architecture.picture(architecture.rooms())
    assert architecture.PICTURE.read_text(encoding="utf-8") == drawn, (
        "draw it anew: python3 tests/run.py tests/architecture.py"
    )
