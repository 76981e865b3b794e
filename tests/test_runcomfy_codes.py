"""RunComfy's documented codes, wherever they may come and with whatever HTTP status: what was said, what to do next."""

from dataclasses import replace

import pytest
from acestep_nodes.nodes.backends.runcomfy.account import Account
from acestep_nodes.nodes.backends.runcomfy.refusals import refusal_in
from acestep_nodes.nodes.words.remarks import remark
from runcomfy_runs import Watcher, generate, hurried, song, without_codes

pytest_plugins = ("runcomfy_fixtures",)

NO_BALANCE, NO_TOKEN, OF_ANOTHER, UNKNOWN = 400002, 400004, 403001, 404001
SIGN_IN = "Set RUNCOMFY_API_TOKEN to a valid one and start again, or save a valid one in the account dialog"
SIGN_IN_THERE = "Set RUNCOMFY_API_TOKEN to that account's token and start again, or save that account's token in the"
FUNDS = "Add funds on runcomfy.com."
RESUME, THEN_RESUME = "et resume_request_id to {id}", "Then set resume_request_id to {id}"

BEFORE_IT_IS_ACCEPTED = {
    NO_BALANCE: (FUNDS, "Then queue again with seed 7"),
    NO_TOKEN: (SIGN_IN, "Then queue again with seed 7"),
    OF_ANOTHER: ("belongs to another account", SIGN_IN_THERE, "Then queue again with seed 7"),
    UNKNOWN: ("does not know acestep-ai/", "Try again later; if it stays so, this pack needs an update"),
}
OF_A_REQUEST = {
    NO_BALANCE: (FUNDS, RESUME),
    NO_TOKEN: (SIGN_IN, THEN_RESUME),
    OF_ANOTHER: ("request {id} belongs to another account", SIGN_IN_THERE, THEN_RESUME, "Or change the seed"),
    UNKNOWN: ("does not know request {id}", "Queue again with seed 7 to have it rendered anew, at a new charge"),
}
# The token is not sent for a file, so no other one would help.
OF_A_FILE = {
    NO_BALANCE: (FUNDS, RESUME),
    NO_TOKEN: ("refused to send it", RESUME, "change the seed"),
    OF_ANOTHER: ("refused to send it", RESUME, "change the seed"),
    UNKNOWN: ("does not know the rendered file", RESUME, "queue again with seed 7: if the file is still missing"),
}
OF_A_CANCEL = {
    NO_BALANCE: ("not known whether request {id} was cancelled", FUNDS, RESUME),
    NO_TOKEN: ("not known whether request {id} was cancelled", SIGN_IN, THEN_RESUME),
    OF_ANOTHER: ("not known whether request {id} was cancelled", SIGN_IN_THERE, THEN_RESUME),
    UNKNOWN: ("not known whether request {id} was cancelled", "does not know request {id}", RESUME),
}
PLACES = {
    "catalogue": BEFORE_IT_IS_ACCEPTED,
    "submit": BEFORE_IT_IS_ACCEPTED,
    "status": OF_A_REQUEST,
    "result": OF_A_REQUEST,
    "file": OF_A_FILE,
    "cancel": OF_A_CANCEL,
}


@pytest.mark.parametrize("http_status", ["its own", 400, 200])
@pytest.mark.parametrize("code", [NO_BALANCE, NO_TOKEN, OF_ANOTHER, UNKNOWN])
@pytest.mark.parametrize("step", PLACES)
def test_each_code_names_its_next_step_wherever_it_comes(simulator, place, step, code, http_status):
    options = {} if http_status == "its own" else {"status": http_status}
    simulator.fault(step, "documented", times=1000, code=code, message="because", **options)
    if step == "cancel":
        simulator.change({"queue_seconds": 600.0})
        patience = replace(place.patience, after_stop=2.0, first_backoff=1.0)  # time to hear the last answer
        watcher = Watcher(lambda status: status["state"] == "in_queue")
        ran = generate(replace(place, patience=patience), watcher=watcher)
        words, said = ran.watcher.statuses[-1]["message"], ran.watcher.statuses[-1]["said"]
    else:
        ran = generate(hurried(place))
        words, said = ran.words, ran.error.said.as_dict()
    assert without_codes(said) == []
    ids = [job.request_id for job in simulator.service.jobs()]
    assert str(code) in words and "because" in words and len(ids) == (step not in ("catalogue", "submit"))
    for part in PLACES[step][code]:
        assert part.format(id=ids[0] if ids else "") in words, words


@pytest.mark.parametrize("code", [NO_TOKEN, OF_ANOTHER])
def test_a_run_that_is_fetched_says_how_to_go_on_with_another_token(simulator, place, code):
    request_id = generate(place).facts["request_ids"][0]
    simulator.fault("status", "documented", times=1000, code=code)
    words = generate(hurried(place), song(resume_request_id=request_id)).words
    assert f"Then set resume_request_id to {request_id}" in words
    assert ("clear resume_request_id and change the seed" in words) == (code == OF_ANOTHER)


TOKENS = {
    "saved in ComfyUI": ("Save a valid one in the account dialog.", "Save that account's token in the account dialog."),
    "RUNCOMFY_TOKEN": ("Set RUNCOMFY_TOKEN to a valid one and", "Set RUNCOMFY_TOKEN to that account's token and"),
    "runcomfy login": ("Run `runcomfy login` again, or", "Run `runcomfy login` with that account, or"),
}


@pytest.mark.parametrize(
    "what",
    [
        remark("price_of", model="acestep-ai/x"),
        remark("submission_to", model="acestep-ai/x"),
        remark("status_of", id="r"),
    ],
    ids=str,
)
@pytest.mark.parametrize("source", TOKENS)
def test_the_way_to_sign_in_is_that_of_the_token_in_use(source, what):
    for code, words in zip((NO_TOKEN, OF_ANOTHER), TOKENS[source]):
        error = str(refusal_in(400, {"error_code": code}, what, Account("t", source)).error)
        assert words in error and ("dialog, which goes before it" in error) == (source != "saved in ComfyUI"), error
