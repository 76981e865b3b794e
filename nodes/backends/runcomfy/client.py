"""RunComfy's Model API, one method a call. Blocking; used in threads. Every wait ends when Stop is set.

GETs are repeated while they fail for reasons that pass. ``submit`` spends money and sends exactly once.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeVar

from ...errors import BackendUnavailable
from .account import Account
from .answers import (
    MAX_ANSWER_BYTES,
    RETRIED_STATUSES,
    error_for,
    explanation,
    parsed,
    request_id_in,
    retry_after_seconds,
    said,
    signalled_error,
)
from .errors import OutcomeUnknown, RequestRefused, RunComfyError, ServiceUnavailable, UnusableAnswer
from .place import Place
from .stopping import Stop, start_thread, wait_for

Result = TypeVar("Result")

THREAD_NAME = "acestep-runcomfy"
WHERE_TO_LOOK = "the list of generations in your RunComfy account (runcomfy.com)"


def import_httpx():
    """The httpx module, or BackendUnavailable with the command that installs it."""
    try:
        import httpx
    except ImportError:
        raise BackendUnavailable(
            "Backend runcomfy needs the Python package httpx, which is not installed. Install it into "
            "ComfyUI's Python with: python -m pip install httpx (then restart ComfyUI)."
        ) from None
    return httpx


@dataclass(frozen=True)
class Submission:
    """What came of one paid POST.

    error None: accepted as ``request_id``. Otherwise ``refused`` says that the answer proves nothing was
    accepted; if it does not, the outcome is unknown. ``retry`` marks refusals that may pass.
    """

    request_id: str | None = None
    error: RunComfyError | None = None
    refused: bool = False
    retry: bool = False
    retry_after: float | None = None


class Transient(Exception):
    """A GET failed for a reason that may pass. ``error`` is what to raise when it does not."""

    def __init__(self, error: RunComfyError, retry_after: float | None = None):
        self.error, self.retry_after = error, retry_after


class Client:
    """One account's access to the service, for one run. ``close`` when done."""

    def __init__(self, place: Place, account: Account, stop: Stop):
        self.place, self.stop, self._account = place, stop, account
        self._httpx = import_httpx()
        # Made once for all connections: loading the certificates takes longer than a whole poll. A test server on
        # this machine that speaks plain HTTP needs none.
        self._tls = self._set_up(self._httpx.create_ssl_context) if place.api_url.startswith("https:") else False
        self._http = self._open()
        # httpx logs a line for every poll; only those of our own threads are kept out of ComfyUI's console. A filter
        # for each client: another run may still be polling when this one closes.
        self._filter = _NotOurs()
        self._log = logging.getLogger("httpx")
        self._log.addFilter(self._filter)

    def close(self) -> None:
        self._log.removeFilter(self._filter)
        self._http.close()

    # What the service says, fit to be shown: one line without the token

    def said(self, text) -> str:
        return said(text, self._account.token)

    def explanation(self, answer: Mapping) -> str:
        """`` (it says: …)``, or nothing."""
        return explanation(answer, self._account.token)

    # Reading, free of charge

    def model(self, model: str) -> dict:
        """The catalogue entry of a model."""
        return self.read(f"/v1/models/{model}", f"the price of {model}")

    def status(self, request_id: str, hold_out: Callable[[RunComfyError], bool] = lambda error: False) -> dict:
        """The state of a request. ``hold_out`` says of an error whether to try again after all."""
        return self.read(f"/v1/requests/{request_id}/status", f"the status of request {request_id}", hold_out)

    def result(self, request_id: str) -> dict:
        """The result of a request, with its cost."""
        path = f"/v1/requests/{request_id}/result?include_cost=true"
        return self.read(path, f"the result of request {request_id}")

    def read(self, path: str, what: str, hold_out: Callable[[RunComfyError], bool] = lambda error: False) -> dict:
        """The answer to a GET of ``path``, which asks for ``what``. Raises RunComfyError; Stopped."""

        def attempt() -> dict:
            try:
                status, headers, data = self._exchange(self._http, "GET", path)
            except self._httpx.HTTPError as error:
                raise Transient(_unreachable(what, error)) from None
            answer = parsed(data)
            if status >= 500 or status in RETRIED_STATUSES:
                raise Transient(self._error(status, what, answer), retry_after_seconds(headers.get("retry-after")))
            if not 200 <= status < 300:
                error = self._error(status, what, answer)
                raise Transient(error) if hold_out(error) else error
            if answer is None:
                raise Transient(UnusableAnswer(f"RunComfy's answer to {what} cannot be read. Try again later."))
            signalled = signalled_error(answer, self._account.token)
            # With a status it speaks of the render, not of this question.
            if signalled and not isinstance(answer.get("status"), str):
                raise RequestRefused(f"RunComfy answered {what} with an error ({signalled}).")
            return answer

        return self.persist(attempt)

    def persist(self, attempt: Callable[[], Result]) -> Result:
        """``attempt`` until it gives a result, or has been failing for too long in a row."""
        patience = self.place.patience
        pause, failing_since = patience.first_backoff, None
        while True:
            started = time.monotonic()
            try:
                return wait_for(start_thread(attempt, f"{THREAD_NAME}-get", daemon=True), self.stop)
            except Transient as failure:
                failing_since = failing_since or started
                pause_now = max(pause, failure.retry_after or 0.0)
                if time.monotonic() + pause_now - failing_since > patience.failing_in_a_row:
                    raise failure.error from None
            self.stop.sleep(pause_now)
            pause = min(2 * pause, patience.longest_backoff)

    # Writing

    def submit(self, model: str, data: bytes) -> Submission:
        """Send one paid request, once. Never raises for what the network or the service does."""
        return self.post_once(f"/v1/models/{model}", model, data)

    def post_once(self, path: str, model: str, data: bytes) -> Submission:
        """``submit`` to a path of any kind; ``model`` is what the user calls the other end."""
        httpx = self._httpx
        try:
            # A connection of its own: one kept open could be closed by the service just now, and nobody would know
            # whether the request went through. And it must outlive ``close`` when the user presses Stop.
            with self._open() as http:
                status, headers, body = self._exchange(http, "POST", path, data)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return Submission(error=_unreachable(_submission_to(model), error), refused=True, retry=True)
        except Exception as error:  # whatever else happened, the request may have arrived
            return Submission(error=_unknown(model, f"the connection failed: {type(error).__name__}"))
        return self._judged(model, status, headers, body)

    def _judged(self, model: str, status: int, headers, body: bytes) -> Submission:
        answer = parsed(body)
        request_id = request_id_in(answer)
        what = _submission_to(model)
        if 400 <= status < 500 and status != 408:
            return Submission(
                error=self._error(status, f"the model {model}" if status in (404, 410) else what, answer),
                refused=True,
                retry=status == 429,
                retry_after=retry_after_seconds(headers.get("retry-after")),
            )
        if not 200 <= status < 300:
            return Submission(request_id, _unknown(model, f"the answer was HTTP {status}"))
        signalled = signalled_error(answer, self._account.token) if answer else None
        if signalled and request_id is None:
            return Submission(error=RequestRefused(f"RunComfy refused {what} ({signalled})."), refused=True)
        if signalled:
            return Submission(request_id, _unknown(model, f"the answer was an error, {signalled}"))
        if request_id is None:
            return Submission(error=_unknown(model, "the answer has no usable request id"))
        return Submission(request_id)

    def cancel(self, request_id: str) -> str:
        """Ask to cancel: ``cancelled``, ``charged`` (it runs already or is done) or ``unknown``. Never raises."""
        deadline = time.monotonic() + self.place.patience.after_stop
        while True:
            outcome = self._cancel_once(request_id, max(0.1, deadline - time.monotonic()))
            if outcome != "unknown" or time.monotonic() + self.place.patience.first_backoff > deadline:
                return outcome
            time.sleep(self.place.patience.first_backoff)

    def cancel_path(self, request_id: str) -> str:
        return f"/v1/requests/{request_id}/cancel"

    def _cancel_once(self, request_id: str, seconds: float) -> str:
        try:
            with self._open(seconds) as http:
                status, _, body = self._exchange(http, "POST", self.cancel_path(request_id))
        except Exception:  # the cancel is a courtesy; whatever happens to it, the outcome is not known
            return "unknown"
        answer = parsed(body) or {}
        words = {str(answer.get(key, "")).strip().lower() for key in ("status", "outcome")}
        if not 200 <= status < 300 and "not_cancellable" not in words:
            return "unknown"
        if "not_cancellable" in words:
            return "charged"
        if words & {"cancelled", "canceled"}:
            return "cancelled"
        return "charged" if words & {"completed", "succeeded"} else "unknown"

    # Transport

    def _open(self, answer_seconds: float | None = None):
        headers = {"Authorization": f"Bearer {self._account.token}", "Accept": "application/json"}
        return self._connection(answer_seconds, base_url=self.place.api_url, headers=headers)

    def open_without_token(self):
        """A connection for a rendered file, whose address is all that is needed."""
        return self._connection()

    def _connection(self, answer_seconds: float | None = None, **options):
        patience = self.place.patience
        seconds = answer_seconds or patience.answer
        return self._set_up(
            lambda: self._httpx.Client(
                timeout=self._httpx.Timeout(seconds, connect=min(patience.connect, seconds)),
                follow_redirects=False,
                trust_env=not self.place.is_test_server,  # the user's proxy, but never for a loopback address
                verify=self._tls,
                **options,
            )
        )

    def _set_up(self, make: Callable[[], Result]) -> Result:
        try:
            return make()
        except (ImportError, ValueError, OSError):
            # The text may quote a proxy's password.
            raise BackendUnavailable(
                "The connection to RunComfy cannot be set up with this computer's settings: check HTTPS_PROXY, "
                "ALL_PROXY and SSL_CERT_FILE (a SOCKS proxy needs: python -m pip install 'httpx[socks]')."
            ) from None

    def _exchange(self, http, method: str, path: str, data: bytes | None = None):
        """Status, headers and the whole body, which is refused beyond a few MiB."""
        sent: dict[str, Any] = {}
        if data is not None:
            patience = self.place.patience
            sent = {
                "content": data,
                "headers": {"Content-Type": "application/json"},
                "timeout": self._httpx.Timeout(patience.submission, connect=patience.connect),
            }
        with http.stream(method, path, **sent) as response:
            body, deadline = bytearray(), time.monotonic() + self.place.patience.submission
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    return response.status_code, response.headers, b""
                if time.monotonic() > deadline:
                    raise self._httpx.ReadTimeout("the answer trickles in")
            return response.status_code, response.headers, bytes(body)

    def _error(self, status: int, what: str, answer) -> RunComfyError:
        return error_for(status, what, answer, self._account.token)


class _NotOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith(THREAD_NAME)


def _submission_to(model: str) -> str:
    return f"the submission to {model}"


def _unreachable(what: str, error: Exception) -> ServiceUnavailable:
    # The library's own text may quote headers, so only the kind of failure is named.
    return ServiceUnavailable(
        f"RunComfy could not be reached for {what} ({type(error).__name__}). Check the connection and try again."
    )


def _unknown(model: str, why: str) -> OutcomeUnknown:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return OutcomeUnknown(
        f"It is not known whether RunComfy accepted the request sent to {model} at {now} ({why}), so it was "
        f"not sent again. Look in {WHERE_TO_LOOK} whether it is there; it may be charged."
    )
