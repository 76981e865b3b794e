"""RunComfy's Model API, one method a call. Blocking; used in threads. Every wait ends when Stop is set.

GETs are repeated while they fail for reasons that pass. ``submit`` spends money and sends exactly once.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TypeVar

from ...errors import BackendUnavailable
from ...words.remarks import Remark, Value, remark
from .account import Account
from .answers import (
    MAX_ANSWER_BYTES,
    STATES,
    explanation,
    own_words,
    parsed,
    request_id_in,
    retry_after_seconds,
    said,
    state_in,
)
from .blotting import holds_token
from .connection import Answer, Connection, Limits
from .errors import (
    NotSignedIn,
    OutcomeUnknown,
    RequestRefused,
    RunComfyError,
    ServiceUnavailable,
    TryLater,
    UnusableAnswer,
)
from .place import Place
from .refusals import Refusal, code_in, refusal_in
from .stopping import Stop, start_thread, wait_for

Result = TypeVar("Result")

_OF_AN_UNREADABLE_BODY = (400, 415, 422)
THREAD_NAME = "acestep-runcomfy"
# At their most talkative they print the headers of every answer.
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")


def import_httpx():
    """The httpx module, or BackendUnavailable with the command that installs it."""
    try:
        import httpx
    except ImportError:
        raise BackendUnavailable(remark("httpx_missing")) from None
    return httpx


@dataclass(frozen=True)
class Submission:
    """What came of one paid POST.

    error None: accepted as ``request_id``. Otherwise ``refused`` says that the answer proves nothing was
    accepted; if it does not, the outcome is unknown. ``retry`` marks refusals that may pass, ``unreadable`` those of a
    body that the service may read in another form.
    """

    request_id: str | None = None
    error: RunComfyError | None = None
    refused: bool = False
    retry: bool = False
    unreadable: bool = False
    retry_after: float | None = None


@dataclass(frozen=True)
class Cancel:
    """What came of a cancel: ``cancelled``, ``charged`` (it runs already or is done) or ``unknown``.

    error: why it is not known, when RunComfy says so in a code of its own.
    """

    outcome: str
    error: RunComfyError | None = None


class Transient(Exception):
    """A GET failed for a reason that may pass. ``error`` is what to raise when it does not."""

    def __init__(self, error: RunComfyError, retry_after: float | None = None):
        self.error, self.retry_after = error, retry_after


class Client:
    """One account's access to the service, for one run. ``close`` when done."""

    where_to_look: Value = remark("your_generations")

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
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._filter)

    def close(self) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)
        self._http.close()

    # What the service says, fit to be shown: one line without the token

    def said(self, text) -> str:
        return said(text, self._account.token)

    def explanation(self, answer: Mapping) -> Value:
        """`` (it says: …)``, or nothing."""
        return explanation(answer, self._account.token)

    def own_words(self, answer: Mapping) -> str:
        """What it says of an error, or nothing."""
        return own_words(answer, self._account.token)

    def refusal(self, status: int, answer: Mapping | None, what: Remark) -> Refusal | None:
        """See ``refusal_in``."""
        return refusal_in(status, answer, what, self._account)

    # Reading, free of charge

    def model(self, model: str) -> dict:
        """The catalogue entry of a model."""
        return self.read(f"/v1/models/{model}", remark("price_of", model=model))

    def status(self, request_id: str, hold_out: Callable[[RunComfyError], bool] = lambda error: False) -> dict:
        """The state of a request. ``hold_out`` says of an error whether to try again after all."""
        return self.read(f"/v1/requests/{request_id}/status", remark("status_of", id=request_id), hold_out)

    def result(self, request_id: str, failing_seconds: float | None = None) -> dict:
        """The result of a request, with its cost. See ``persist``."""
        path = f"/v1/requests/{request_id}/result?include_cost=true"
        return self.read(path, remark("result_of", id=request_id), failing_seconds=failing_seconds)

    def read(
        self,
        path: str,
        what: Remark,
        hold_out: Callable[[RunComfyError], bool] = lambda error: False,
        failing_seconds: float | None = None,
    ) -> dict:
        """The answer to a GET of ``path``, which asks for ``what``. Raises RunComfyError; Stopped."""

        def attempt() -> dict:
            try:
                reply = self._exchange(self._http, "GET", path, self.place.patience.whole_answer)
            except self._httpx.HTTPError as error:
                raise Transient(_unreachable(what, error)) from None
            status, answer = reply.status, parsed(reply.body)
            refusal = self.refusal(status, answer, what)
            if refusal is None or (200 <= status < 300 and _speaks_of_a_render(answer)):
                if answer is None:
                    raise Transient(UnusableAnswer(remark("answer_unreadable", what=what)))
                return answer
            if refusal.passing or hold_out(refusal.error):
                raise Transient(refusal.error, retry_after_seconds(reply.headers.get("retry-after")))
            raise refusal.error

        return self.persist(attempt, failing_seconds)

    def persist(self, attempt: Callable[[], Result], failing_seconds: float | None = None) -> Result:
        """``attempt`` until it gives a result, or has been failing for so long in a row; 0 tries once."""
        patience = self.place.patience
        limit = patience.failing_in_a_row if failing_seconds is None else failing_seconds
        pause, failing_since = patience.first_backoff, None
        while True:
            started = time.monotonic()
            try:
                return wait_for(start_thread(attempt, f"{THREAD_NAME}-get"), self.stop)
            except Transient as failure:
                failing_since = failing_since or started
                pause_now = max(pause, failure.retry_after or 0.0)
                if time.monotonic() + pause_now - failing_since > limit:
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
            with self._open(self.place.patience.submission) as http:
                reply = self._exchange(http, "POST", path, self.place.patience.submission, data)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return Submission(error=_unreachable(_submission_to(model), error), refused=True, retry=True)
        except Exception as error:  # whatever else happened, the request may have arrived
            why = remark("connection_failed", error=type(error).__name__)
            return Submission(error=self._unknown(model, why))
        return self._judged(model, reply)

    def _judged(self, model: str, reply: Answer) -> Submission:
        status, answer = reply.status, parsed(reply.body)
        request_id = request_id_in(answer)
        if request_id and holds_token(request_id, self._account.token):  # it would be shown and kept
            request_id = None
        refusal = self.refusal(status, answer, _submission_to(model))
        if refusal is None:
            if request_id is None:
                return Submission(error=self._unknown(model, remark("answer_without_id")))
            return Submission(request_id)
        if request_id is not None or not refusal.certain:  # one with an id can be asked about
            why = remark("answer_was", how=refusal.how, words=self.explanation(answer or {}))
            return Submission(request_id, self._unknown(model, why))
        return Submission(
            error=refusal.error,
            refused=True,
            retry=isinstance(refusal.error, TryLater),
            unreadable=type(refusal.error) is RequestRefused and status in _OF_AN_UNREADABLE_BODY,
            retry_after=retry_after_seconds(reply.headers.get("retry-after")),
        )

    def _unknown(self, model: str, why: Remark) -> OutcomeUnknown:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        return OutcomeUnknown(remark("outcome_unknown", model=model, when=now, why=why, where=self.where_to_look))

    def cancel(self, request_id: str) -> Cancel:
        """Ask to cancel, again while it may help. Never raises."""
        deadline = time.monotonic() + self.place.patience.after_stop
        while True:
            cancel = self._cancel_once(request_id, max(0.1, deadline - time.monotonic()))
            is_final = cancel.outcome != "unknown" or isinstance(cancel.error, NotSignedIn)
            if is_final or time.monotonic() + self.place.patience.first_backoff > deadline:
                return cancel
            time.sleep(self.place.patience.first_backoff)

    def cancel_path(self, request_id: str) -> str:
        return f"/v1/requests/{request_id}/cancel"

    def _cancel_once(self, request_id: str, seconds: float) -> Cancel:
        try:
            with self._open(seconds) as http:
                reply = self._exchange(http, "POST", self.cancel_path(request_id), seconds)
        except Exception:  # the cancel is a courtesy; whatever happens to it, the outcome is not known
            return Cancel("unknown")
        status, answer = reply.status, parsed(reply.body) or {}
        words = {str(answer.get(key, "")).strip().lower() for key in ("status", "outcome")}
        if "not_cancellable" in words:
            return Cancel("charged")
        if 200 <= status < 300 and words & {"cancelled", "canceled"}:
            return Cancel("cancelled")
        if 200 <= status < 300 and words & {"completed", "succeeded"}:
            return Cancel("charged")
        refusal = self.refusal(status, answer, remark("cancel_of", id=request_id))
        return Cancel("unknown", refusal.error if refusal and code_in(answer) is not None else None)

    # Transport

    def _open(self, longest_wait: float | None = None) -> Connection:
        token = f"Bearer {self._account.token}"
        headers = {"Authorization": token, "Accept": "application/json", "Accept-Encoding": "gzip"}
        return self._connection(longest_wait, base_url=self.place.api_url, headers=headers)

    def open_without_token(self) -> Connection:
        """A connection for a rendered file, whose address is all that is needed."""
        return self._connection(headers={"Accept-Encoding": "identity"})

    def _connection(self, longest_wait: float | None = None, **options) -> Connection:
        patience = self.place.patience
        seconds = longest_wait or patience.answer
        timeout = self._httpx.Timeout(seconds, connect=min(patience.connect, seconds))
        return self._set_up(
            lambda: Connection(
                self._httpx.Client(
                    timeout=timeout,
                    follow_redirects=False,
                    trust_env=not self.place.is_test_server,  # the user's proxy, but never for a loopback address
                    verify=self._tls,
                    **options,
                )
            )
        )

    def _set_up(self, make: Callable[[], Result]) -> Result:
        try:
            return make()
        except (ImportError, ValueError, OSError):
            # The text may quote a proxy's password.
            raise BackendUnavailable(remark("connection_settings")) from None

    def _exchange(
        self, connection: Connection, method: str, path: str, seconds: float, data: bytes | None = None
    ) -> Answer:
        """A small answer, whole within ``seconds``; of one that is not small the body is empty."""
        headers = {} if data is None else {"Content-Type": "application/json"}
        return connection.exchange(method, path, Limits(seconds, MAX_ANSWER_BYTES), content=data, headers=headers)


class _NotOurs(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.threadName or "").startswith(THREAD_NAME)


def _speaks_of_a_render(answer: Mapping | None) -> bool:
    """Whether an error in it is that of the request asked about, and not one of asking."""
    return state_in(answer or {}) in STATES - {"error"}


def _submission_to(model: str) -> Remark:
    return remark("submission_to", model=model)


def _unreachable(what: Remark, error: Exception) -> ServiceUnavailable:
    # The library's own text may quote headers, so only the kind of failure is named.
    return ServiceUnavailable(remark("unreachable", what=what, error=type(error).__name__))
