"""What the RunComfy backend adds to the service's own time, and how takes share it. Goals:

    one take    at most 0.5 s and one poll interval beyond the service's own time
    8 takes     at most 2.3 times one take, at 4 in flight

    python tests/bench/runcomfy_overhead.py [rounds]

The simulator runs as a process of its own and answers with short tones, so that its own work costs next to
nothing; the backend polls as often as it does for users. The service's time is chosen to end between two polls:
ending on one, chance would decide whether a take waits a whole interval more. Every run has seeds of its own.
"""

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

import conftest  # noqa: E402, F401  (registers the pack)
from acestep_nodes.nodes.backends.runcomfy.backend import _Sendable  # noqa: E402
from acestep_nodes.nodes.backends.runcomfy.endpoints import inpaint_body  # noqa: E402
from acestep_nodes.nodes.backends.runcomfy.place import Patience, Place  # noqa: E402
from runcomfy_runs import Ran, generate, repair, song, window  # noqa: E402

QUEUE_SECONDS, RUN_SECONDS = 1.0, 5.0
SERVICE_SECONDS = QUEUE_SECONDS + RUN_SECONDS
seeds = itertools.count(0, 100)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    times = ["--queue-seconds", str(QUEUE_SECONDS), "--run-seconds", str(RUN_SECONDS)]
    command = [sys.executable, "-m", "runcomfy_simulator", "--tone", *times]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process:
        try:
            started = json.loads(process.stdout.readline())
            with tempfile.TemporaryDirectory() as folder:
                environment = {"RUNCOMFY_API_TOKEN": started["token"]}
                measure(Place(Path(folder), started["url"], environment, Patience()), rounds)
        finally:
            process.terminate()


def measure(place: Place, rounds: int) -> None:
    ones, ratios, bodies = [], [], []
    source = window(240.0)
    for _ in range(rounds):
        one = seconds(generate(place, song(duration=10, seed=next(seeds))))
        eight = seconds(generate(place, song(duration=10, seed=next(seeds), batch_size=8)))
        bodies.append(preparing(source))
        ones.append(one - SERVICE_SECONDS)
        ratios.append(eight / one)
    poll = place.patience.poll
    print(f"service's own time            {SERVICE_SECONDS:.1f} s, poll interval {poll:.1f} s")
    print(f"one take beyond it            {statistics.median(ones):.2f} s (goal at most {0.5 + poll:.1f})")
    print(f"making an edit's body, 240 s  {statistics.median(bodies):.2f} s")
    print(f"8 takes / one take            {statistics.median(ratios):.2f} (goal at most 2.30)")
    asked = len(json.load(urllib.request.urlopen(f"{place.api_url}/control/ledger"))["submissions"])
    print(f"paid submissions              {asked} (asked for {rounds * 9})")


def preparing(source) -> float:
    started = time.perf_counter()
    inpaint_body(repair(), _Sendable(source), source.seconds, (100.0, 120.0))
    return time.perf_counter() - started


def seconds(ran: Ran) -> float:
    if ran.error is not None:
        raise ran.error
    return ran.seconds


if __name__ == "__main__":
    main()
