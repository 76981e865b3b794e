"""The language of lyrics, told from their script, and v1's marks."""

import pytest
from acestep_nodes.nodes.backends.local.lyric_language import of, of_script, of_tags, v1_lyrics
from acestep_nodes.nodes.words import vocabulary


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("안녕하세요", "ko"),
        ("こんにちは世界", "ja"),
        ("你好世界", "zh"),
        ("привет", "ru"),
        ("مرحبا", "ar"),
        ("नमस्ते", "hi"),
        ("hello", None),
        ("[Verse] 1, 2!", None),
    ],
)
def test_scripts(text, language):
    assert of_script(text) == language


def test_every_sung_line_is_marked_and_marks_are_left_alone():
    lyrics = "[Verse]\nhola\n\n[fr]bonjour\n mundo "
    assert v1_lyrics(lyrics, "es") == "[Verse]\n[es]hola\n\n[fr]bonjour\n[es]mundo"


def test_auto_marks_each_line_by_its_script():
    assert v1_lyrics("hello\nпривет\nこんにちは", "auto") == "hello\n[ru]привет\n[ja]こんにちは"


def test_a_language_v1_does_not_know_is_told_by_script():
    assert v1_lyrics("สวัสดี\nпривет", "th") == "สวัสดี\n[ru]привет"


def test_lines_whose_script_does_not_tell_are_in_the_usual_language():
    assert v1_lyrics("bonjour\nпривет", "auto", "fr") == "[fr]bonjour\n[ru]привет"


@pytest.mark.parametrize(
    ("lyrics", "tags", "language"),
    [
        ("hello", "jazz", "en"),
        ("bonjour", "jazz, french female vocal", "fr"),
        ("[Verse]\n[de]hallo", "jazz", "de"),
        ("[Verse]\n[de]hallo", "french vocal", "de"),
        ("привіт", "ukrainian vocal", "uk"),
        ("привет", "french vocal", "ru"),
        ("你好", "cantonese vocal", "yue"),
        ("你好", "spanish guitar", "zh"),
        ("こんにちは世界", "cantonese vocal", "ja"),
    ],
)
def test_lyrics_and_tags_say_the_language_as_far_as_the_script_allows(lyrics, tags, language):
    assert of(lyrics, tags) == language


@pytest.mark.parametrize("code", [code for code in vocabulary.LANGUAGES if code != "unknown"])
def test_the_language_that_tag_builder_writes_is_read_back(code):
    assert of_tags(f"jazz, {vocabulary.LANGUAGE_NAMES[code]} vocal, piano") == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sung in German", "de"),
        ("Mandarin female vocals", "zh"),
        ("latin pop, female vocal", None),
        ("spanish guitar, singer-songwriter", None),
        ("french house", None),
    ],
)
def test_only_a_language_that_is_sung_is_read(text, code):
    assert of_tags(text) == code
