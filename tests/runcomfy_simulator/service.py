"""The service itself, without HTTP: catalogue, jobs with their states, billing, the ledger."""

import functools
import hashlib
import json
import math
import threading
import time
import uuid
from dataclasses import dataclass, field

from . import rendering
from .schemas import DEFAULTS, SCHEMAS, problems

PRICES = {model: 0.0003 if "1.5" in model else 0.0002 for model in SCHEMAS}
MAX_SECONDS = 240.0


NO_BALANCE, NOT_SIGNED_IN, OF_ANOTHER_ACCOUNT, NOT_FOUND = 400002, 400004, 403001, 404001


class Refusal(Exception):
    """An answer other than 200: HTTP status and JSON, with one of RunComfy's documented codes where it has one."""

    def __init__(self, status: int, message: str, code: int | None = None):
        super().__init__(message)
        self.status, self.code = status, code

    def as_json(self) -> dict:
        return ({"error_code": self.code} if self.code else {}) | {"error_message": str(self)}


@dataclass
class Job:
    """One accepted, and so paid, submission. Times are monotonic seconds."""

    request_id: str
    model: str
    body: dict
    body_sha256: str
    body_bytes: int
    seconds: float
    cost: float
    accepted: float
    created_at: str
    queue_seconds: float
    run_seconds: float
    form: str
    rate: int
    owner: str
    cancelled: bool = False
    failure: str | None = None
    forgotten: bool = False
    file: bytes | None = None
    _rendered: threading.Event = field(default_factory=threading.Event, repr=False)

    def state(self) -> str:
        if self.cancelled:
            return "cancelled"
        age = time.monotonic() - self.accepted
        if age < self.queue_seconds:
            return "in_queue"
        if age < self.queue_seconds + self.run_seconds or not self._rendered.is_set():
            return "in_progress"
        return "failed" if self.failure else "completed"

    def render(self, compose) -> None:
        try:
            self.file = _file(compose, self.model, self.body, self.rate, self.form)
        except Exception as error:  # a defect of the simulator must show as a failed job, not as one that never ends
            self.failure = f"{type(error).__name__}: {error}"
        self._rendered.set()

    def as_ledger_line(self) -> dict:
        return {
            "request_id": self.request_id,
            "model": self.model,
            "seed": self.body["seed"],
            "body": {name: value for name, value in self.body.items() if name != "audio"},
            "body_sha256": self.body_sha256,
            "body_bytes": self.body_bytes,
            "seconds": self.seconds,
            "cost": 0.0 if self.cancelled else self.cost,
            "state": self.state(),
        }


def _file(compose, model: str, body: dict, rate: int, form: str) -> bytes:
    if "audio" in body:
        return rendering.write(rendering.as_a_service_would(compose(model, body), rate), form)
    return _song_file(compose, model, json.dumps(body, sort_keys=True), rate, form)


# The same words and seed give the same song, and encoding it costs more than everything else a test does.
@functools.lru_cache(maxsize=32)
def _song_file(compose, model: str, words: str, rate: int, form: str) -> bytes:
    return rendering.write(rendering.as_a_service_would(compose(model, json.loads(words)), rate), form)


class Service:
    """All state of the simulated service. Thread-safe.

    queue_seconds, run_seconds: how long each job waits and runs. compose: ``rendering.render`` or ``rendering.tone``.
    """

    def __init__(self, *, token: str, queue_seconds: float, run_seconds: float, compose=rendering.render):
        self.token = token
        self.queue_seconds, self.run_seconds, self.compose = queue_seconds, run_seconds, compose
        self.balance_usd = math.inf
        self.prices = dict(PRICES)
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    def catalogue(self, model: str) -> dict:
        self._check_model(model)
        return {
            "model_id": model,
            "display_name": model.rsplit("/", 1)[1],
            "base_price_usd": self.prices[model],
            "price_unit": "second",
            "pricing_note": "per second of audio",
            "schema": SCHEMAS[model],
        }

    def submit(self, model: str, body, data: bytes) -> Job:
        """Accept a paid submission. Raises Refusal."""
        self._check_model(model)
        found = problems(model, body)
        if found:
            raise Refusal(422, "; ".join(found))
        body = {name: value for name, value in DEFAULTS.items() if name in SCHEMAS[model]["properties"]} | body
        try:
            seconds = rendering.seconds_of(model, body)
        except ValueError as error:
            raise Refusal(422, str(error)) from None
        self._check_times(model, body, seconds)
        cost = math.ceil(round(seconds, 6)) * self.prices[model]
        with self._lock:
            if cost > self.balance_usd:
                raise Refusal(400, "insufficient balance", NO_BALANCE)
            self.balance_usd -= cost
            form, rate = rendering.FORMATS[len(self._jobs) % len(rendering.FORMATS)]
            job = Job(
                request_id=f"req-{uuid.uuid4().hex[:16]}", model=model, body=body,
                body_sha256=hashlib.sha256(data).hexdigest(), body_bytes=len(data), seconds=seconds, cost=cost,
                accepted=time.monotonic(), created_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                queue_seconds=self.queue_seconds, run_seconds=self.run_seconds, form=form, rate=rate, owner=self.token,
            )  # fmt: skip
            self._jobs[job.request_id] = job
        threading.Thread(target=job.render, args=(self.compose,), daemon=True).start()
        return job

    def status(self, request_id: str) -> dict:
        job = self.own_job(request_id)
        answer = {"request_id": request_id, "status": job.state()}
        if answer["status"] == "in_queue":
            with self._lock:
                ahead = [other for other in self._jobs.values() if other.accepted < job.accepted]
            answer["queue_position"] = sum(1 for other in ahead if other.state() == "in_queue")
        if answer["status"] == "in_progress":
            answer["instance_id"] = "simulated"
        return answer

    def result(self, request_id: str, base_url: str, with_cost: bool) -> dict:
        job = self.own_job(request_id)
        answer = {"request_id": request_id, "status": job.state(), "created_at": job.created_at, "model_id": job.model}
        if answer["status"] == "completed":
            answer["output"] = {"audio": f"{base_url}/files/{request_id}.{job.form}"}
            answer["finished_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            if with_cost:
                answer["cost"] = round(job.cost, 6)
        if answer["status"] == "failed":
            answer["error"] = job.failure
        return answer

    def cancel(self, request_id: str) -> dict:
        job = self.own_job(request_id)
        with self._lock:
            if job.state() == "in_queue":
                job.cancelled = True
                self.balance_usd += job.cost
                return {"request_id": request_id, "status": "cancelled", "outcome": "cancelled"}
        return {"request_id": request_id, "status": job.state(), "outcome": "not_cancellable"}

    def job(self, request_id: str) -> Job:
        with self._lock:
            job = self._jobs.get(request_id)
        if job is None or job.forgotten:
            raise Refusal(404, "no such request", NOT_FOUND)
        return job

    def own_job(self, request_id: str) -> Job:
        """The same for whoever holds the token in force. Raises Refusal."""
        job = self.job(request_id)
        if job.owner != self.token:
            raise Refusal(403, "the request belongs to another user", OF_ANOTHER_ACCOUNT)
        return job

    def jobs(self) -> list[Job]:
        """Every paid submission, in order."""
        with self._lock:
            return list(self._jobs.values())

    def _check_model(self, model: str) -> None:
        if model not in SCHEMAS:
            raise Refusal(404, "no such model", NOT_FOUND)

    def _check_times(self, model: str, body: dict, seconds: float) -> None:
        if seconds > MAX_SECONDS + 0.01:
            raise Refusal(422, f"{seconds:.2f} s is more than {MAX_SECONDS:g} s")
        if model.endswith("inpaint"):
            start, end = rendering.span(body, seconds)
            if not 0 <= start < end <= seconds + 0.01:
                raise Refusal(422, f"the range {start} to {end} s does not lie in a source of {seconds:.3f} s")
