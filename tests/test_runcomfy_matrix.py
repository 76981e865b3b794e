"""The fault matrix: every fault of the simulator at every step, while a run just runs, is stopped, killed, queued three
times, has its disk full or read-only, or its clock set. A seeded part of it here; all of it by tests/campaign.py.
"""

import random

import pytest
from runcomfy_stories import FAULTS, Theatre, matrix

SEED, COUNT = 20261125, 560
LEAST = 500


def chosen() -> dict[str, list[tuple]]:
    """A part of the matrix: every fault of every step with copies in the queue, as that is where most is to be lost,
    and with something else; then whatever comes."""
    stories = matrix()
    names = sorted(stories)
    random.Random(SEED).shuffle(names)
    with_copies = [
        name for name in names if "-lasting-copies-" in name or "-lasting-stop-" in name and "cancel" in name
    ]
    other = {name.split("-once-")[0].split("-lasting-")[0]: name for name in names if "-copies-" not in name}
    first = list(dict.fromkeys([*with_copies, *other.values()]))
    rest = [name for name in names if name not in set(first)]
    return {name: stories[name] for name in (*first, *rest[: max(0, COUNT - len(first))])}


STORIES = chosen()


@pytest.fixture(scope="module")
def theatre():
    with Theatre() as running:
        yield running


@pytest.mark.parametrize("name", STORIES)
def test_whatever_fails_nothing_is_paid_twice_lost_or_said_wrong(theatre, tmp_path, name):
    assert theatre.play(STORIES[name], tmp_path) == [], STORIES[name]


def test_how_much_of_the_matrix_that_is(capsys):
    faults = {(step, number) for step, faults in FAULTS.items() for number in range(len(faults))}
    played = {(name.split("-")[0], int(name.split("-")[2])) for name in STORIES}
    with capsys.disabled():
        print(f"\nfault matrix: {len(STORIES)} of {len(matrix())} stories played, seed {SEED}")
    assert len(STORIES) >= LEAST and played == faults
