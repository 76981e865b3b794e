"""The commands of the README, for the tests that run them."""

import re
import shlex

from runner.places import PACK_DIR

TEXT = (PACK_DIR / "README.md").read_text(encoding="utf-8")
# What starts on a line of its own in a code block. Output and diagrams do not start like this.
COMMANDS = [
    line.strip()
    for block in re.findall(r"^```\w*\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith(("python", "git", "pip"))
]

# Each command by the name under which a test takes it; test_readme.py sees that none is left out.
NAMED = {
    "clone": "git clone REPOSITORY_URL custom_nodes/ace-step-nodes",
    "install": "python -m pip install -r custom_nodes/ace-step-nodes/requirements.txt",
    "hear": "python3 workflows/run.py",
    "test": "python3 tests/run.py",
    "list": "python3 workflows/run.py --list",
    "repair": "python3 workflows/run.py section_repair --audio song.mp3",
    "set": "python3 workflows/run.py text_to_music --backend sketch --set ACEStepGenerate.duration=20",
    "simulate": "python3 workflows/run.py section_repair --backend runcomfy --simulator",
    "list models": "python3 workflows/run.py --get-model list",
    "get model": "python3 workflows/run.py --get-model turbo",
    "help": "python3 workflows/run.py --help",
    "jobs": "python3 workflows/run.py --jobs library.jsonl --seeds 1-20 --backend sketch",
    "jobs paid": "python3 workflows/run.py --jobs songs.jsonl --backend runcomfy --max-cost-usd 5",
    "jobs of edits": "python3 workflows/run.py section_repair --jobs repairs.jsonl",
    "deploy": "python3 workflows/run.py --deployment DEPLOYMENT_ID --set 1.seed=43 --set 1.duration=60",
    "deploy a graph": "python3 workflows/run.py vocal_song_1_5 --deployment DEPLOYMENT_ID --set ACEStepGenerate.seed=9",
    "deploy jobs": "python3 workflows/run.py text_to_music --jobs pieces.jsonl --deployment DEPLOYMENT_ID --parallel 3",
    "test tags": "python3 tests/run.py tests/test_tags.py",
    "measure": "python3 tests/run.py tests/bench/sketch.py",
    "campaign": "python3 tests/run.py tests/campaign.py --minutes 30",
}


def arguments(name: str, **stand_ins: object) -> list[str]:
    """What follows the program in the command of that name; ``stand_ins``: word of the README → what to put there."""
    words = shlex.split(NAMED[name])
    after = words[words.index(next(word for word in words if word.endswith(".py"))) + 1 :]
    return [str(stand_ins.get(word.split(".")[0], word)) for word in after]
