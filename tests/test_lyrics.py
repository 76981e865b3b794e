"""Lyrics: section markers and the markers that mean "no vocals"."""

import pytest
from acestep_nodes.nodes.words.lyrics import (
    Section,
    has_words,
    is_instrumental_marker,
    sections,
    without_markdown,
    without_times,
)


def test_sections_in_order_with_their_lines():
    text = "intro line\n[Verse 1]\n one \n\n two\n[Chorus]\n[Guitar Solo - soft]\nthree"
    assert sections(text) == (
        Section("", ("intro line",)),
        Section("Verse 1", ("one", "two")),
        Section("Chorus", ()),
        Section("Guitar Solo - soft", ("three",)),
    )


@pytest.mark.parametrize(
    "text", ["[inst]", " [Instrumental] \n", "[inst]\n\n[inst]", "【inst】", "［inst］", "(instrumental)", "（Inst）"]
)
def test_instrumental_marker(text):
    assert is_instrumental_marker(text)
    assert not has_words(text)


@pytest.mark.parametrize("text", ["", "inst", "[inst]\nla la", "[Verse]\n[inst]", "(inst)\nla", "(ooh)"])
def test_not_only_an_instrumental_marker(text):
    assert not is_instrumental_marker(text)


def test_brackets_inside_a_line_are_words():
    assert sections("we [really] rise") == (Section("", ("we [really] rise",)),)


@pytest.mark.parametrize(
    ("lyrics", "sung"),
    [
        ("[ti:A Song]\n[la:en]\n[00:12.00]one\n[00:15.30][01:15.3] two", "one\ntwo"),
        ("[01:02]<01:02.50>one <01:03.00>two", "one two"),
        ("[Verse]\n[12 bars]\nat [3:00] sharp", "[Verse]\n[12 bars]\nat [3:00] sharp"),
    ],
)
def test_times_are_taken_off(lyrics, sung):
    assert without_times(lyrics) == sung


@pytest.mark.parametrize(
    ("lyrics", "sung"),
    [
        ("## Verse 1:\n*one* and **two**\n---\n> three\\", "[Verse 1]\none and two\nthree"),
        ("**Chorus**\n**one**\n**[Bridge]**\n__Pre-Chorus 2:__", "[Chorus]\none\n[Bridge]\n[Pre-Chorus 2]"),
        ("```\none\n```", "one"),
        ("# [Outro]", "[Outro]"),
    ],
)
def test_markdown_is_taken_off(lyrics, sung):
    assert without_markdown(lyrics) == sung


@pytest.mark.parametrize(
    "lyrics", ["f**k it, b**ch", "f**k, sh** now", "#1 in my heart", "- so she said -", "a * b * c", "(ooh) [Verse]"]
)
def test_what_only_looks_like_markdown_stays(lyrics):
    assert without_markdown(lyrics) == lyrics
