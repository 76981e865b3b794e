"""What `run.py --jobs` adds to RunComfy's own time for a library of songs, and what it takes in memory. Goals:

    overhead    at most 5 % of the service's own time, at 4 requests in flight
    memory      flat: what a job leaves behind, in each process

    python tests/bench/jobs.py [jobs] [service seconds]

The simulator runs as a process of its own and answers with short tones; run.py and its ComfyUIs are those of a user,
with a user's pauses between questions. The service's time ends in the middle between two questions, so that of each job
half a pause is waited in vain, as on average; that part is shown by itself, as it is the same for whatever asks.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import psutil

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

import conftest  # noqa: E402, F401  (registers the pack and the runner)
from runner_command import Command, own_cache  # noqa: E402

IN_FLIGHT = 4
SONG_SECONDS = 10
SAMPLE_SECONDS = 5.0
# Of the samples, so many at the start are left out of the slope: caches fill, as with load.py.
SETTLING = 0.5


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    service = float(sys.argv[2]) if len(sys.argv) > 2 else 8.0
    times = ["--queue-seconds", "0.5", "--run-seconds", str(service - 0.5)]
    simulator = [sys.executable, "-m", "runcomfy_simulator", "--tone", *times]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(simulator, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            measure(json.loads(process.stdout.readline()), Path(folder), jobs, service)
        finally:
            process.terminate()


def measure(simulator: dict, folder: Path, jobs: int, service: float) -> None:
    file = folder / "library.jsonl"
    settings = {"1.tags": "lo-fi, piano, number {number}", "number": list(range(jobs)), "1.duration": SONG_SECONDS}
    file.write_text(json.dumps({"name": "song {number}"} | settings), encoding="utf-8")
    variables = {"ACESTEP_RUNCOMFY_BASE_URL": simulator["url"], "RUNCOMFY_API_TOKEN": simulator["token"]}
    variables |= own_cache(folder / "cache")
    started = time.monotonic()
    command = Command("--jobs", file, "--backend", "runcomfy", "--out", folder / "out", **variables)
    processes = Processes(command)
    code, out, err = read_all(command)
    processes.stop()
    assert code == 0, out[-2000:] + err
    asked = control(simulator, "requests")["requests"]
    bought = control(simulator, "ledger")["submissions"]
    sent = sorted(each["time"] for each in asked if each["method"] == "POST" and "/v1/models/" in each["path"])
    fetched = sorted(each["time"] for each in asked if each["path"].startswith("/files/"))
    priced = sorted(each["time"] for each in asked if each["method"] == "GET" and "/v1/models/" in each["path"])
    priced = priced[-len(sent) :]  # the first one is run.py's own, for all jobs together
    results = {each["path"].split("/")[3]: each["time"] for each in asked if "/result" in each["path"]}
    # The ComfyUIs start one after the other while the first is at work already: what follows counts from where all are.
    first = max(IN_FLIGHT, jobs // 20)
    counted = jobs - 1 - first
    wall, ideal = fetched[-1] - fetched[first], counted * service / IN_FLIGHT
    waited = [results[path] - at for path, at in in_order(asked, results)]
    polled = statistics.mean(waited) - service
    each = (wall - ideal) * IN_FLIGHT / counted
    got, asking = (mean_step(*steps, first) for steps in ((sorted(results.values()), fetched), (priced, sent)))
    print(f"jobs                              {jobs}, a service of {service:g} s, {IN_FLIGHT} in flight")
    print(f"submissions in the ledger         {len(bought)}")
    print(f"most in flight                    {most_in_flight(sent, sorted(results.values()))}")
    print(f"the service's own time            {ideal:.0f} s for the last {counted} jobs")
    print(f"until the last file               {wall:.0f} s, {100 * (wall / ideal - 1):.1f} % more")
    print(f"beyond it, for each job           {each:.2f} s, of which {polled:.2f} s until the next question was due")
    print(
        f"  without that                    {100 * (each - polled) / service:.1f} % of {service:g} s (goal at most 5)"
    )
    print(f"  of a service that takes 30 s    {100 * each / 30:.1f} % in all")
    print("of that a place waits           ")
    print(f"  for the file, once it is there  {got:.2f} s")
    print(f"  until the next one's price      {each - polled - got - asking:.2f} s (decoded, saved, next prompt)")
    print(f"  from its price to its request   {asking:.2f} s")
    for line in processes.cpu_lines(fetched[first], counted):
        print(line)
    print(f"until the first request           {sent[0] - started:.0f} s (ComfyUI starts)")
    for line in processes.memory_lines(jobs):
        print(line)
    print(f"load of this machine              {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores")


def read_all(command: Command) -> tuple[int, str, str]:
    """As Command.end, however long it takes."""
    out, err = command.process.communicate()
    return command.process.returncode, out, err


def in_order(asked: list[dict], results: dict[str, float]) -> list[tuple[str, float]]:
    """(request id, when it was accepted): its first status is asked for at once, so that stands for it."""
    first: dict[str, float] = {}
    for each in asked:
        if each["path"].endswith("/status"):
            first.setdefault(each["path"].split("/")[3], each["time"])
    return [(request_id, at) for request_id, at in first.items() if request_id in results]


def mean_step(before: list[float], after: list[float], first: int) -> float:
    """How long it takes, on average, from one kind of request to the one that follows it. Both in order."""
    return statistics.mean(after[first:]) - statistics.mean(before[first:])


def most_in_flight(sent: list[float], done: list[float]) -> int:
    changes = sorted([(at, 1) for at in sent] + [(at, -1) for at in done])
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def control(simulator: dict, name: str) -> dict:
    return json.load(urllib.request.urlopen(f"{simulator['url']}/control/{name}"))


class Processes:
    """The resident memory and the time on the processor of run.py and of its ComfyUIs, sampled while they run."""

    def __init__(self, command: Command):
        self._command = command
        self._samples: dict[str, list[tuple[float, float, float]]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            for process in [psutil.Process(self._command.process.pid), *self._command.descendants()]:
                try:
                    line, mib = " ".join(process.cmdline()), process.memory_info().rss / 2**20
                    used = process.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                name = "ComfyUI" if "launch_comfyui" in line else "run.py"
                self._samples.setdefault(f"{name} {process.pid}", []).append(
                    (time.monotonic(), mib, used.user + used.system)
                )

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def cpu_lines(self, since: float, jobs: int) -> list[str]:
        """From that moment on, in which so many jobs ran: without the starts."""
        used = {"run.py": 0.0, "ComfyUI": 0.0}
        for name, samples in self._samples.items():
            later = [cpu for at, _, cpu in samples if at >= since]
            used[name.split()[0]] += later[-1] - later[0]
        return [f"processor time of {name:<8}        {cpu / jobs:.2f} s for each job" for name, cpu in used.items()]

    def memory_lines(self, jobs: int) -> list[str]:
        found = []
        for name, samples in self._samples.items():
            later = samples[int(len(samples) * SETTLING) :]
            if len(later) < 10:
                continue
            share = jobs if name.startswith("run.py") else jobs / IN_FLIGHT
            times, sizes, _ = zip(*later)
            slope = statistics.linear_regression(times, sizes).slope * (times[-1] - times[0])
            kib = 1024 * slope / (share * (1 - SETTLING))
            found.append(
                f"memory of {name.split()[0]:<8}                {sizes[0]:.0f} to {sizes[-1]:.0f} MiB, "
                f"{kib:+.1f} KiB for each job of the second half"
            )
        return found


if __name__ == "__main__":
    main()
