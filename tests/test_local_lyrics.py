"""The language of lyrics, told from their script, and v1's marks."""

import pytest
from acestep_nodes.nodes.backends.local.lyric_language import of_script, v1_lyrics


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
