"""How fast music with given tags usually is, for whoever is not told."""

import pytest
from acestep_nodes.nodes.words.tempo import named, usual_tempo, wanted_and_denied
from acestep_nodes.nodes.words.vocabulary import MAX_BPM, MIN_BPM


@pytest.mark.parametrize(
    ("tags", "middle"),
    [
        ("pop", 110),
        ("Pop, Techno", 125),  # the particular before the general, whichever comes first
        ("techno, pop", 125),
        ("k-pop ballads", 96),
        ("lo-fi hip hop", 79),
        ("slow pop", 97),
        ("ambient, energetic", 76),
        ("violin", 104),
        ("no techno, jazz", 104),
    ],
)
def test_genre_and_mood_decide(tags, middle):
    assert usual_tempo(wanted_and_denied(tags)[0]).middle == middle


def test_every_tempo_is_one_that_the_models_know():
    for tags in ("dnb, fast", "sleep, slow", ""):
        assert MIN_BPM <= usual_tempo(wanted_and_denied(tags)[0]).middle <= MAX_BPM


def test_what_is_denied_is_told_apart_and_words_are_whole():
    assert wanted_and_denied("Jazz, no Drums, without choir, drumless, notes") == (
        ["jazz", "notes"],
        ["no drums", "without choir", "drumless"],
    )
    assert named("horn", ["french horns"]) and not named("horn", ["hornet"])
