"""What the account's routes answer. See account.py for the questions and the rules they have passed already."""

from collections.abc import Callable
from dataclasses import replace

from ..backends.runcomfy import afterwards
from ..backends.runcomfy.account import (
    DEFAULT_CEILING_USD,
    MAX_CEILING_USD,
    Account,
    ceiling_usd,
    clear_token,
    find_account,
    identity,
    identity_in_use,
    is_ceiling,
    save_ceiling,
    save_token,
    saved_token_exists,
    source_words,
)
from ..backends.runcomfy.client import Client
from ..backends.runcomfy.endpoints import INPAINT, OUTPAINT, TEXT_TO_AUDIO, V1
from ..backends.runcomfy.entries import OPEN, Entry, State
from ..backends.runcomfy.errors import RunComfyError
from ..backends.runcomfy.journal import Journal
from ..backends.runcomfy.place import Patience, Place
from ..backends.runcomfy.price import Price, PriceBoard, list_price, price_from
from ..backends.runcomfy.remembered import REMEMBERED
from ..backends.runcomfy.stopping import Stop
from ..errors import ACEStepError
from ..words.remarks import in_words, remark
from ..words.vocabulary import VERSIONS
from .same_origin import BadInput, chosen

MAX_JOURNAL_LINES = 100
# A browser waits for these answers, so they give up sooner than a run does.
_PATIENCE = Patience(connect=5.0, answer=10.0, whole_answer=15.0, failing_in_a_row=3.0)
# For the whole process: whoever asks, a price is a minute old at most.
_PRICES = PriceBoard()


def answer(path: str, body: dict, place_of: Callable[[], Place] | None) -> tuple[int, dict]:
    """HTTP status and JSON for a question to /acestep/<path>. Raises BadInput."""
    try:
        place = replace((place_of or Place.of_comfyui)(), patience=_PATIENCE)
        return 200, _ANSWERS[path](place, body)
    except ACEStepError as error:
        return 400, in_words(error.said)
    except OSError as error:
        return 500, in_words(remark("account_files_unusable", why=str(error.strerror)))


# Account


def account_state(place: Place) -> dict:
    """configured; source: where the token is from; saved: one is saved in ComfyUI; ceiling_usd (null: unreadable)
    and its default and most; test_server: its address or null; problem and said: see account.py."""
    problem, account, ceiling = None, None, None
    try:
        account = find_account(place)
        ceiling = ceiling_usd(place)
    except RunComfyError as error:
        problem = error.said
    return {
        "configured": account is not None,
        "source": account.source if account else None,
        "saved": saved_token_exists(place),
        "ceiling_usd": ceiling,
        "default_ceiling_usd": DEFAULT_CEILING_USD,
        "max_ceiling_usd": MAX_CEILING_USD,
        "test_server": place.api_url if place.is_test_server else None,
        **in_words(problem, "problem"),
    }


def _save_token(place: Place, body: dict) -> dict:
    if not isinstance(body.get("token"), str):
        raise BadInput(remark("token_missing"))
    save_token(place, body["token"])
    return account_state(place)


def _clear_token(place: Place, body: dict) -> dict:
    clear_token(place)
    return account_state(place)


def _check_token(place: Place, body: dict) -> dict:
    account = find_account(place)
    if account is None:
        return {"ok": False, **in_words(remark("no_token"))}
    try:
        _live_price(place, account, TEXT_TO_AUDIO[V1])
    except ACEStepError as error:
        return {"ok": False, **in_words(error.said)}
    return {"ok": True, **in_words(remark("token_accepted", source=source_words(account.source)))}


def _save_ceiling(place: Place, body: dict) -> dict:
    usd = body.get("ceiling_usd")
    if usd is None or not is_ceiling(usd):
        raise BadInput(remark("no_ceiling", value=repr(usd), most=f"{MAX_CEILING_USD:g}"))
    save_ceiling(place, float(usd))
    return account_state(place)


# Price


def _price(place: Place, body: dict) -> dict:
    model = _model(body)
    problem, price = None, list_price(model)
    account = find_account(place)
    if account is not None:
        try:
            price = _PRICES.price(model, identity(place, account), lambda: _live_price(place, account, model))
        except ACEStepError as error:
            problem = error.said
    words = price.said.sentence()
    return {
        "model": model,
        "usd": price.usd,
        "unit": price.unit,
        "live": price.live,
        "words": words if price.live else f"{words} (list price)",
        **in_words(problem),
    }


def _model(body: dict) -> str:
    version = chosen(body, "version", VERSIONS, "auto")
    task = chosen(body, "task", ("generate", "inpaint", "outpaint"))
    if task == "generate":
        return TEXT_TO_AUDIO[V1 if version == "auto" else version]
    if version not in ("auto", V1):
        raise BadInput(remark("edit_not_hosted", task=task, version=V1))
    return INPAINT if task == "inpaint" else OUTPAINT


def _live_price(place: Place, account: Account, model: str) -> Price:
    client = Client(place, account, Stop())
    try:
        return price_from(client.model(model), model)
    finally:
        client.close()


# Journal


def _journal(place: Place, body: dict) -> dict:
    journal = Journal(place)
    content = journal.read()
    nodes = {key: run.node for run in content.runs for key in run.calls.values()}
    newest = sorted(content.entries, key=lambda entry: entry.created, reverse=True)[:MAX_JOURNAL_LINES]
    return {
        "path": str(journal.path),
        **in_words(REMEMBERED.problem(journal.path, content), "problem"),
        "requests": [journal_line(entry, nodes.get(entry.key)) for entry in newest],
    }


def journal_line(entry: Entry, node: str | None) -> dict:
    """One paid request for a list; created is Unix seconds, open means never fetched."""
    return {
        "key": entry.key,
        "request_id": entry.request_id,
        "state": entry.state.value,
        "open": entry.state in OPEN,
        "resumable": entry.request_id is not None and entry.state in (State.ACCEPTED, State.DELIVERED, State.UNKNOWN),
        "created": entry.created,
        "node": node,
        "model": entry.model,
        "seed": entry.seed,
        "seconds": entry.seconds,
        "estimate_usd": entry.estimate_usd,
        "cost_usd": entry.cost_usd,
    }


def _runs(place: Place, body: dict) -> dict:
    workflow_id = body.get("workflow")
    if not isinstance(workflow_id, str):
        raise BadInput(remark("workflow_missing"))
    left = afterwards.of_workflow(workflow_id, Journal(place).read(), identity_in_use(place))
    return {"runs": {node_id: each.as_dict() for node_id, each in left.items()}}


def _strike(place: Place, body: dict) -> dict:
    keys = body.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise BadInput(remark("keys_missing"))
    return {"struck": Journal(place).strike_off(set(keys))}


_ANSWERS: dict[str, Callable[[Place, dict], dict]] = {
    "account": lambda place, body: account_state(place),
    "account/token": _save_token,
    "account/clear": _clear_token,
    "account/check": _check_token,
    "account/ceiling": _save_ceiling,
    "price": _price,
    "journal": _journal,
    "journal/runs": _runs,
    "journal/strike": _strike,
}
