"""Lyrics: section markers and the markers that mean "no vocals"."""

import pytest
from acestep_nodes.nodes.lyrics import Section, has_words, is_instrumental_marker, sections


def test_sections_in_order_with_their_lines():
    text = "intro line\n[Verse 1]\n one \n\n two\n[Chorus]\n[Guitar Solo - soft]\nthree"
    assert sections(text) == (
        Section("", ("intro line",)),
        Section("Verse 1", ("one", "two")),
        Section("Chorus", ()),
        Section("Guitar Solo - soft", ("three",)),
    )


@pytest.mark.parametrize("text", ["[inst]", " [Instrumental] \n", "[inst]\n\n[inst]", "【inst】"])
def test_instrumental_marker(text):
    assert is_instrumental_marker(text)
    assert not has_words(text)


@pytest.mark.parametrize("text", ["", "inst", "[inst]\nla la", "[Verse]\n[inst]"])
def test_not_only_an_instrumental_marker(text):
    assert not is_instrumental_marker(text)


def test_brackets_inside_a_line_are_words():
    assert sections("we [really] rise") == (Section("", ("we [really] rise",)),)
