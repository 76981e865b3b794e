"""Many prompts in one real ComfyUI, several pages connected: nothing starves, Stop is prompt, nothing is left behind.

    python3 tests/run.py tests/load.py [--prompts 200] [--pages 8]

The prompts come in turn: a song by sketch, songs by RunComfy (the simulator), a repair by either, and one prompt of
eight RunComfy nodes with four takes each, 32 requests at once, beside a sketch node that must not wait for them. Then
Stop, while 32 requests are at the service. Then ComfyUI lets go of all it keeps, and what is left is the pack's. It
prints what it saw; test_load.py asserts on a small load of the same.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import graphs
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflows"))

import conftest  # registers the pack
from comfyui_server import ComfyUI, Servers
from runcomfy_runs import hosted_by
from runcomfy_simulator import Simulator, rendering
from runner.jobs.command import GIVES_BACK_MEMORY

WIDE_NODES, TAKES = 8, 4
# A wide prompt comes this often; its requests run so long that sketch must have been served before them.
WIDE_EVERY, WIDE_SECONDS = 10, 2.0
LONG_SECONDS = 60.0
LIMIT_SECONDS_A_PROMPT = 10


@dataclass
class Seen:
    """What was seen of it.

    rss: (prompts done, MiB) of the server. starved: wide prompts whose sketch node ended after a RunComfy node.
    at_once: most requests that were at the service together. stop_seconds: from Stop until ComfyUI says that the run
    was interrupted. history: bytes of text that ComfyUI keeps of all prompts. held: bytes of tensors that are in the
    server's memory when all is over and were not before.
    """

    done: int = 0
    failed: list[str] = field(default_factory=list)
    rss: list[tuple[int, float]] = field(default_factory=list)
    wide: int = 0
    starved: int = 0
    at_once: int = 0
    stop_seconds: float = 0.0
    running_after_stop: int = 0
    history: int = 0
    threads_left: int = 0
    held: int = 0
    messages: list[int] = field(default_factory=list)

    @property
    def floors(self) -> list[tuple[int, float]]:
        """The least of each WIDE_EVERY prompts: most of the others have sounds of the next prompt in them."""
        parts = [self.rss[start : start + WIDE_EVERY] for start in range(0, len(self.rss), WIDE_EVERY)]
        return [min(part, key=lambda at: at[1]) for part in parts]

    @property
    def kib_a_prompt(self) -> float:
        """The slope of the server's memory over the second half of the prompts, where caches are full."""
        half = self.floors[len(self.floors) // 2 :]
        return 1024 * statistics.linear_regression(*zip(*half)).slope if len(half) > 1 else 0.0


def prompts(count: int) -> list[dict]:
    made = []
    for number in range(count):
        seed = 100 * number
        song = graphs.generate(seed=seed)
        if number % WIDE_EVERY == WIDE_EVERY - 1:
            hosted = {
                f"hosted {each}": graphs.generate(backend="runcomfy", batch_size=TAKES, seed=seed + TAKES * each)
                for each in range(WIDE_NODES)
            }
            made.append(_shown({**hosted, "sketch": song}))
        elif number % 3 == 1:
            made.append(_shown({"hosted": graphs.generate(backend="runcomfy", batch_size=2, seed=seed)}))
        elif number % 3 == 2:
            made.append(_repair(("sketch", "runcomfy")[number % 2], seed))
        else:
            made.append(_shown({"song": song}))
    return made


def _repair(backend: str, seed: int) -> dict:
    edit = graphs.inpaint(["song", 0], ["range", 0], backend=backend, seed=seed)
    return _shown({"edit": edit}) | {"song": graphs.generate(seed=seed), "range": graphs.time_range(1.0, 3.0)}


def _shown(nodes: dict) -> dict:
    return nodes | {f"show {name}": graphs.show([name, 1]) for name in nodes}


class Pages:
    """Browsers' connections to the server, which read all that they are sent."""

    def __init__(self, url: str, count: int):
        self.counts = [0] * count
        self._url, self._ready, self._end = url, threading.Event(), None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)

    def __enter__(self) -> "Pages":
        self._thread.start()
        self._ready.wait(60)
        return self

    def __exit__(self, *_) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _listen(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as sockets:
            address = self._url.replace("http", "ws", 1)
            opened = [
                await sockets.enter_async_context(session.ws_connect(f"{address}/ws?clientId=page-{number}"))
                for number in range(len(self.counts))
            ]
            readers = [asyncio.create_task(self._read(number, socket)) for number, socket in enumerate(opened)]
            self._ready.set()
            await self._end.wait()
            for reader in readers:
                reader.cancel()

    async def _read(self, number: int, socket) -> None:
        async for _ in socket:
            self.counts[number] += 1


def attack(comfyui: ComfyUI, simulator: Simulator, count: int, pages: int) -> Seen:
    seen, server = Seen(), psutil.Process(comfyui.server.process.pid)
    warming = _repair("sketch", seed=1) | _shown({"hosted": graphs.generate(backend="runcomfy", seed=2)})
    comfyui.run(warming)
    threads, tensors = server.num_threads(), _tensors(comfyui)
    simulator.change({"run_seconds": WIDE_SECONDS})
    with Pages(comfyui.url, pages) as connected:
        wanted = prompts(count)
        ids = [comfyui.client.submit(prompt, f"page-{number % pages}") for number, prompt in enumerate(wanted)]
        _follow(comfyui, simulator, dict(zip(ids, wanted)), server, seen)
        simulator.change({"queue_seconds": LONG_SECONDS})  # where a request can still be cancelled
        _stop(comfyui, simulator, seen)
        seen.messages = connected.counts
    seen.history = len(comfyui.client.get_bytes("/history"))
    comfyui.client.post("/free", {"free_memory": True})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        seen.threads_left = max(0, server.num_threads() - threads)
        seen.held = max(0, _tensors(comfyui) - tensors)
        if not seen.threads_left and not seen.held:
            break
        time.sleep(0.2)
    return seen


def _tensors(comfyui: ComfyUI) -> int:
    return comfyui.client.get("/acestep_probe/tensors")["bytes"]


def _follow(comfyui: ComfyUI, simulator: Simulator, wanted: dict[str, dict], server, seen: Seen) -> None:
    deadline, waiting = time.monotonic() + LIMIT_SECONDS_A_PROMPT * len(wanted), dict(wanted)
    while waiting and time.monotonic() < deadline:
        seen.at_once = max(seen.at_once, _running(simulator))
        history = comfyui.client.get("/history", max_items=20)
        for prompt_id in [each for each in waiting if each in history]:
            prompt = waiting.pop(prompt_id)
            seen.done += 1
            if history[prompt_id]["status"]["status_str"] != "success":
                seen.failed.append(json.dumps(history[prompt_id]["status"]["messages"][-1])[:300])
            elif "hosted 7" in prompt:
                seen.wide += 1
                seen.starved += not _sketch_came_first(history[prompt_id])
            seen.rss.append((seen.done, server.memory_info().rss / 2**20))
        time.sleep(0.1)
    seen.failed += ["not done in time"] * len(waiting)


def _sketch_came_first(entry: dict) -> bool:
    """Outputs stand in the order in which the nodes ended."""
    order = [name for name in entry["outputs"] if name == "sketch" or name.startswith("hosted")]
    return bool(order) and order[0] == "sketch"


def _running(simulator: Simulator) -> int:
    return sum(job.state() in ("in_queue", "in_progress") for job in simulator.service.jobs())


def _stop(comfyui: ComfyUI, simulator: Simulator, seen: Seen) -> None:
    (wide,) = [prompt for prompt in prompts(WIDE_EVERY) if "hosted 7" in prompt]
    for node in wide.values():
        if "seed" in node["inputs"]:
            node["inputs"]["seed"] += 1_000_000
    prompt_id = comfyui.client.submit(wide)
    deadline = time.monotonic() + LIMIT_SECONDS_A_PROMPT * WIDE_EVERY
    while _running(simulator) < WIDE_NODES * TAKES and time.monotonic() < deadline:
        time.sleep(0.05)
    seen.at_once = max(seen.at_once, _running(simulator))
    started = time.time()
    comfyui.client.interrupt(prompt_id)
    while not (history := comfyui.client.get("/history", max_items=1)).get(prompt_id):
        assert time.monotonic() < deadline, "Stop did not end the run"
        time.sleep(0.02)
    seen.running_after_stop = _running(simulator)
    # By ComfyUI's own clock: once a run is over it sometimes collects garbage, for which it answers nobody.
    (told,) = [said for event, said in history[prompt_id]["status"]["messages"] if event == "execution_interrupted"]
    seen.stop_seconds = told["timestamp"] / 1000 - started


def main() -> None:
    parser = argparse.ArgumentParser(prog="load", description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--pages", type=int, default=8)
    given = parser.parse_args()
    with contextlib.ExitStack() as cleanup:
        simulator = cleanup.enter_context(Simulator(compose=rendering.tone))
        # A leak could not be seen in what ComfyUI's default cache keeps of every prompt until memory is short, nor in
        # what the C library keeps of the memory that was given back to it.
        environment = hosted_by(simulator) | GIVES_BACK_MEMORY
        comfyui = Servers(cleanup).get(conftest.NEWEST_VERSION, "--cache-classic", environment=environment)
        seen = attack(comfyui, simulator, given.prompts, given.pages)
        asked = simulator.paid
    print(f"prompts                {seen.done} of {given.prompts} done, {len(seen.failed)} failed")
    for words in seen.failed[:5]:
        print(f"  {words}")
    print(f"paid submissions       {asked}")
    print(f"requests at once       {seen.at_once}")
    print(f"wide prompts           {seen.wide}, in {seen.starved} of them sketch waited for RunComfy")
    floors = " ".join(f"{mib:.0f}" for _, mib in seen.floors)
    print(f"memory of the server   {seen.kib_a_prompt:+.0f} KiB a prompt; MiB between prompts: {floors}")
    print(f"  ComfyUI's history    {seen.history / seen.done / 1024:.0f} KiB of text a prompt, part of that memory")
    print(f"Stop                   {seen.stop_seconds:.2f} s, {seen.running_after_stop} requests not cancelled")
    print(f"sounds left            {seen.held / 2**20:.1f} MiB of tensors")
    print(f"threads left           {seen.threads_left}")
    print(f"messages to each page  {min(seen.messages)} to {max(seen.messages)}")


if __name__ == "__main__":
    main()
