"""Tags are read alike in Python and in the browser: the same lists, the same prompt, the same contradictions."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from acestep_nodes.nodes.words.tags import contradictions, join_tags, split_tags
from acestep_nodes.nodes.words.vocabulary import LANGUAGE_NAMES

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import { readFileSync } from "node:fs";
const { splitTags, joinTags, contradictions } = await import(process.argv[1] + "/js/tags/tags.js");
const { LANGUAGE_NAMES } = await import(process.argv[1] + "/js/tags/vocabulary.js");
const texts = JSON.parse(readFileSync(0, "utf8"));
const answer = texts.map((text) => [splitTags(text), joinTags(splitTags(text)), contradictions(text).length]);
console.log(JSON.stringify([LANGUAGE_NAMES, answer]));
"""
PIECES = (
    "jazz", "Jazz", "female vocal", "no vocals", "without  vocal", "Instrumental", "no choir", "rap", "rapper", "trap",
    "120 BPM", "120bpm", "bpm: 90", "12 bpm", "301 BPM", "89.6 bpm", "A minor", "a min", "Bb major", "B♭ maj",
    "E# minor", "F minor", "C sharp minor", "C#m", "B flat-major", "4/4", "3/4", "5/4", "14/4", "6/8",
    "soft\tdrums", "a cappella",
    "major key", "singer-songwriter", "voices", " ", "",
)  # fmt: skip


@pytest.fixture(scope="module")
def texts():
    dice = random.Random(5)
    separators = (", ", ",", "; ", "\n", "，", "、", ",,")
    return [
        "".join(dice.choice(PIECES) + dice.choice(separators) for _ in range(dice.randint(0, 7))) for _ in range(3000)
    ]


def test_python_and_the_browser_read_tags_alike(texts):
    node = shutil.which("node")
    if not node:
        pytest.skip("Node.js is not installed")
    command = [node, "--input-type=module", "-e", SCRIPT, ROOT.as_uri()]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    names, answers = json.loads(done.stdout)
    assert names == LANGUAGE_NAMES
    for text, (split, joined, hints) in zip(texts, answers, strict=True):
        assert split == list(split_tags(text)), text
        assert joined == join_tags(split_tags(text)), text
        assert hints == len(contradictions(text)), (text, contradictions(text))
