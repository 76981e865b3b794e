"""Tags: splitting, joining and reading tempo, key and metre back out of free text."""

import pytest
from acestep_nodes.nodes.words import tags, vocabulary
from hypothesis import given
from hypothesis import strategies as st


def test_split_trims_and_drops_empty_pieces():
    assert tags.split_tags(" lo-fi,, mellow ;rhodes   piano\n75 BPM，") == ("lo-fi", "mellow", "rhodes piano", "75 BPM")


def test_join_keeps_order_and_first_spelling():
    assert tags.join_tags(["Jazz", "mellow", "jazz", "MELLOW", "piano"]) == "Jazz, mellow, piano"


@given(st.lists(st.text(alphabet="abc XYZ-é日", min_size=1)))
def test_join_then_split_loses_nothing_and_repeats_nothing(words):
    wanted = {" ".join(w.split()).casefold() for w in words} - {""}
    found = [t.casefold() for t in tags.split_tags(tags.join_tags(words))]
    assert set(found) == wanted
    joined_again = tags.join_tags(tags.split_tags(tags.join_tags(words)))
    assert len(tags.split_tags(joined_again)) == len({t.casefold() for t in tags.split_tags(joined_again)})


@pytest.mark.parametrize(
    ("text", "bpm"),
    [
        ("lo-fi, 75 BPM", 75),
        ("120bpm house", 120),
        ("bpm: 96, jazz", 96),
        ("BPM 140", 140),
        ("87.6 BPM", 88),
        ("slow", None),
        ("29 bpm", None),
        ("301 BPM", None),
        ("1200 bpm", None),
        ("808 drums, 90s", None),
    ],
)
def test_tempo_is_read(text, bpm):
    assert tags.read_bpm(text) == bpm


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("A minor", "A minor"),
        ("in f# major, piano", "F# major"),
        ("Bb minor", "Bb minor"),
        ("B♭ min", "Bb minor"),
        ("C sharp minor", "C# minor"),
        ("e-flat major", "Eb major"),
        ("Cb major", "B major"),
        ("E# minor", "F minor"),
        ("a major label sound", "A major"),
        ("minor key", None),
        ("music, drama major", None),
        ("bass, minor scale", None),
    ],
)
def test_key_is_read(text, key):
    assert tags.read_key(text) == key


@pytest.mark.parametrize("key", vocabulary.KEYS)
def test_every_key_of_the_contract_is_read_back(key):
    assert tags.read_key(f"jazz, {key}, piano") == key


@pytest.mark.parametrize("metre", vocabulary.TIME_SIGNATURES)
def test_every_metre_of_the_contract_is_read_back(metre):
    assert tags.read_time_signature(f"waltz, {metre}, 120 BPM") == metre


@pytest.mark.parametrize("text", ["7/8", "12/8", "3/45", "1/4"])
def test_other_fractions_are_no_metre(text):
    assert tags.read_time_signature(text) is None


@pytest.mark.parametrize(
    ("text", "instrumental", "vocals"),
    [
        ("instrumental, jazz", True, False),
        ("no vocals", True, False),
        ("No-vocal mix", True, False),
        ("female vocal, pop", False, True),
        ("instrumental, female vocal", True, True),
        ("instrumentalist", False, False),
        ("rap, drums", False, True),
        ("trap, drums", False, False),
    ],
)
def test_vocals_and_their_absence(text, instrumental, vocals):
    assert tags.is_instrumental(text) is instrumental
    assert tags.names_vocals(text) is vocals


def test_contradictions_are_named():
    hints = tags.contradictions("instrumental, male vocal, 90 BPM, 120 BPM, A minor, C major, 3/4, 4/4")
    assert len(hints) == 4
    assert "'male vocal'" in hints[0]
    assert "90 BPM, 120 BPM" in hints[1]
    assert "A minor, C major" in hints[2]
    assert "3/4, 4/4" in hints[3]
    assert tags.contradictions("jazz, 90 BPM, 90bpm, A minor, A min") == ()


@given(st.text())
def test_any_text_can_be_read(text):
    tags.contradictions(text)
    assert all(vocabulary.MIN_BPM <= bpm <= vocabulary.MAX_BPM for bpm in tags.read_bpms(text))
    assert set(tags.read_keys(text)) <= set(vocabulary.KEYS)
    assert set(tags.read_time_signatures(text)) <= set(vocabulary.TIME_SIGNATURES)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("lo-fi, 75 BPM, A minor, 3/4, mellow", "lo-fi, mellow"),
        ("jazz; bpm: 96\nin the key of F# major", "jazz"),
        ("slow 90 BPM groove", "slow groove"),
        ("a mellow track at 75 BPM in A minor with piano", "a mellow track with piano"),
        ("ballad in a minor", "ballad"),
        ("a major label sound, 301 BPM, 5/4", "a major label sound, 301 BPM, 5/4"),
        ("75 BPM, A minor", "75 BPM, A minor"),
        ("808 drums, 90s", "808 drums, 90s"),
    ],
)
def test_what_has_fields_of_its_own_is_taken_out(text, left):
    assert tags.without_data(text) == left
