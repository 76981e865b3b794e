"""A long attack on the paid path, the ledger counted: the whole fault matrix, then random stories until time is up.

    python3 tests/run.py tests/campaign.py [--minutes 30] [--seed 1] [--only matrix|random] [--find TEXT]

Each random story is a few scenes of faults, Stops, kills, copies in the queue, a full disk, a clock that jumps, in any
order (see runcomfy_stories.py). What did not hold is printed with its story, which is all that is needed to play it
again: --seed names the sequence, --find plays those of the matrix whose name holds TEXT. Exit code 1 when anything was
found.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import conftest  # noqa: F401  (registers the pack)
from runcomfy_stories import DAY, FAULTS, LASTING, MOMENTS, ONCE, Theatre, matrix

STEPS = tuple(FAULTS)
MOST_SCENES = 8


def random_story(dice: random.Random) -> list[tuple]:
    """Faults and what happens under them, and at last all is mended."""
    story = []
    for _ in range(dice.randint(2, MOST_SCENES)):
        step, moment = dice.choice(STEPS), dice.choice(MOMENTS)
        kind, options = dice.choice(FAULTS[step])
        fault = ("fault", step, kind, options, dice.choice((ONCE, ONCE, 3, LASTING)))
        happens = dice.choice(
            [
                ("run",),
                ("copies", dice.randint(2, 5)),
                ("stop", step, moment),
                ("kill", step, moment),
                ("full", step, moment),
                ("read-only",),
                ("clock", step, moment, dice.choice((-1, 1)) * dice.choice((3.0, DAY))),
                ("resume",),
            ]
        )
        story += dice.choice([[fault, happens], [happens], [("mend",), happens]])
    return [*story, ("settle",)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("matrix", "random"))
    parser.add_argument("--find", default="", metavar="TEXT")
    options = parser.parse_args()
    end, found, played = time.monotonic() + 60 * options.minutes, 0, 0
    with Theatre() as theatre, tempfile.TemporaryDirectory() as folder:

        def play(name: str, story: list[tuple]) -> None:
            nonlocal found, played
            played += 1
            wrong = theatre.play(story, Path(folder) / str(played))
            found += bool(wrong)
            for words in wrong:
                print(f"{name}: {words}\n    {story}", flush=True)

        if options.only != "random":
            stories = {name: story for name, story in matrix().items() if options.find in name}
            for name, story in stories.items():
                if time.monotonic() > end:
                    break
                play(name, story)
            print(f"matrix: {played} of {len(stories)} stories played, {found} went wrong", flush=True)
        if options.only != "matrix" and not options.find:
            dice, before = random.Random(options.seed), played
            while time.monotonic() < end:
                play(f"random {played - before + 1} of seed {options.seed}", random_story(dice))
            print(f"random: {played - before} stories played", flush=True)
    print(f"{played} stories, {found} went wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
