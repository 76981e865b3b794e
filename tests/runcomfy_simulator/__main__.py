"""``python -m runcomfy_simulator [--port 0] [--queue-seconds 1] [--run-seconds 2]``, run from the tests folder."""

import argparse
import json
import signal
import threading

from . import rendering
from .server import Simulator
from .serverless import DEPLOYMENT_ID


def main() -> None:
    parser = argparse.ArgumentParser(prog="runcomfy_simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--queue-seconds", type=float, default=0.5)
    parser.add_argument("--run-seconds", type=float, default=1.0)
    parser.add_argument("--tone", action="store_true", help="answer with a faint tone at once, instead of music")
    options = parser.parse_args()
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    compose = rendering.tone if options.tone else rendering.render
    times = {"queue_seconds": options.queue_seconds, "run_seconds": options.run_seconds}
    with Simulator(options.port, **times, compose=compose) as simulator:
        line = {"url": simulator.url, "token": simulator.token, "deployment": DEPLOYMENT_ID}
        print(json.dumps(line), flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
