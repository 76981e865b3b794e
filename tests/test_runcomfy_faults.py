"""Every fault at every step: how many submissions were paid, whether their ids are kept, whether the words are true."""

import pytest
from acestep_nodes.nodes.backends.runcomfy import download
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import (
    BalanceExhausted,
    NoSuchThing,
    NotSignedIn,
    OutcomeUnknown,
    RenderFailed,
    RequestRefused,
    ServiceUnavailable,
    TryLater,
    UnusableAnswer,
)
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from runcomfy_runs import Watcher, generate, hurried, journal, place_for, song
from runcomfy_simulator import Simulator

pytest_plugins = ("runcomfy_fixtures",)

# No sentence may claim this once a request may have been accepted.
FALSE_COMFORT = ("not charged.", "nothing was charged", "nothing was submitted", "no charge was", "was not submitted")


def assert_every_paid_id_is_kept(simulator, place):
    paid = {job.request_id for job in simulator.service.jobs()}
    assert paid <= {entry.request_id for entry in journal(place)}


# The paid POST

REFUSALS = [
    ({"status": 400}, RequestRefused, 65),
    ({"status": 401}, NotSignedIn, 77),
    ({"status": 402}, BalanceExhausted, 65),
    ({"status": 403}, NotSignedIn, 77),
    ({"status": 404}, RequestRefused, 65),
    ({"status": 409}, RequestRefused, 65),
    ({"status": 422}, RequestRefused, 65),
]


@pytest.mark.parametrize("options, kind, code", REFUSALS)
def test_a_refused_submission_is_sent_once_and_can_be_queued_again(simulator, place, options, kind, code):
    simulator.fault("submit", "http", **options)
    ran = generate(place)
    assert isinstance(ran.error, kind) and ran.error.exit_code == code
    assert str(options["status"]) in ran.words and "ACEStepGenerate" in ran.words
    assert simulator.paid == 0 and submissions(simulator) == 1
    assert [entry.state for entry in journal(place)] == [State.REFUSED]
    again = generate(place)  # no notice about an unknown outcome
    assert again.error is None and simulator.paid == 1


def submissions(simulator) -> int:
    """How often a submission was sent, accepted or not."""
    return sum(r["method"] == "POST" and r["path"].startswith("/v1/models/") for r in simulator.requests)


UNKNOWN = [
    # fault, paid by the first run
    ("drop_before", {}, 0),
    ("drop_after", {}, 1),
    ("http", {"status": 500}, 0),
    ("http", {"status": 502}, 0),
    ("http_after", {"status": 502}, 1),
    ("http", {"status": 408}, 0),
    ("http_after", {"status": 504, "json": ["odd"]}, 1),
    ("unreadable", {}, 1),
    ("truncated", {}, 1),
    ("cut", {}, 1),
    ("slow", {"seconds": 3.0}, 1),
    ("redirect", {"location": "https://example.com/"}, 0),
    ("change", {"remove": ["request_id"]}, 1),
    ("change", {"set": {"request_id": "not an id"}}, 1),
    ("change", {"set": {"request_id": "x" * 129}}, 1),
    ("change", {"set": {"request_id": 17}}, 1),
]


@pytest.mark.parametrize("kind, options, paid", UNKNOWN)
def test_an_unknown_outcome_is_never_sent_again_by_itself(simulator, place, kind, options, paid):
    simulator.fault("submit", kind, **options)
    ran = generate(hurried(place, submission=0.5) if kind == "slow" else place)
    assert isinstance(ran.error, OutcomeUnknown) and ran.error.exit_code == 69
    assert simulator.paid == paid and submissions(simulator) == 1
    assert "not known" in ran.words and "may be charged" in ran.words and "runcomfy.com" in ran.words
    assert "set resume_request_id to its id; if it is not, queue again twice with seed 7: the first run" in ran.words
    assert not any(words in ran.words.lower() for words in FALSE_COMFORT)
    assert [(entry.state, entry.request_id) for entry in journal(place)] == [(State.UNKNOWN, None)]

    stopped = generate(place)  # the next identical run stops once …
    assert isinstance(stopped.error, OutcomeUnknown) and "already sent" in stopped.words
    assert submissions(simulator) == 1

    third = generate(place)  # … and the one after it buys
    assert third.error is None and simulator.paid == paid + 1
    fourth = generate(place)
    assert fourth.error is None and simulator.paid == paid + 1


def test_another_request_is_not_held_up_by_an_unknown_one(simulator, place):
    simulator.fault("submit", "drop_after")
    generate(place)
    assert generate(place, song(seed=8)).error is None
    assert simulator.paid == 2


def test_an_id_that_came_with_an_error_is_kept_and_asked_about_before_buying_again(simulator, place):
    simulator.fault("submit", "change", set={"error_code": "INTERNAL", "error_message": "hm"})
    ran = generate(place)
    assert isinstance(ran.error, OutcomeUnknown) and "INTERNAL" in ran.words
    request_id = simulator.service.jobs()[0].request_id
    assert ran.error.request_id == request_id and f"set resume_request_id to {request_id}" in ran.words
    assert_every_paid_id_is_kept(simulator, place)
    again = generate(place)
    assert again.error is None and simulator.paid == 1
    assert again.facts["request_ids"] == [simulator.service.jobs()[0].request_id]


@pytest.mark.parametrize("status", [200, 400])
def test_a_code_of_the_4xx_kind_is_a_refusal(simulator, place, status):
    simulator.fault("submit", "documented", code=422002, message="bad tags", status=status)
    ran = generate(place)
    assert isinstance(ran.error, RequestRefused) and "error 422002) (it says: bad tags)" in ran.words
    assert simulator.paid == 0 and journal(place)[0].state is State.REFUSED


@pytest.mark.parametrize("code, status", [(500002, 200), (500002, 400), ("504001", 422), ("internal_error", 200),
                                          ("internal_error", 400), ("INVALID_INPUT", 200), (10004, 200)])  # fmt: skip
def test_a_code_that_proves_no_refusal_leaves_the_outcome_unknown(simulator, place, code, status):
    """None of them is documented: the service may have accepted the request before it failed."""
    body = {"error_code": code, "error_message": "hm"}
    simulator.fault("submit", "http_after", status=status, json=body)
    ran = generate(place)
    assert isinstance(ran.error, OutcomeUnknown) and f"error {code} (it says: hm)" in ran.words
    assert simulator.paid == 1 and journal(place)[0].state is State.UNKNOWN
    assert isinstance(generate(place).error, OutcomeUnknown) and simulator.paid == 1


@pytest.mark.parametrize("step", ["status", "result", "catalogue"])
@pytest.mark.parametrize("code, status", [(500002, 200), (500002, 400), ("internal_error", 200)])
def test_a_problem_of_the_services_own_passes_whatever_its_code_and_status(simulator, place, step, code, status):
    simulator.fault(step, "documented", times=2, code=code, status=status)
    assert generate(place).error is None and simulator.paid == 1


@pytest.mark.parametrize("options", [{}, {"retry_after": "0"}, {"retry_after": "0.1"}, {"retry_after": "soon"}])
@pytest.mark.parametrize("times, paid", [(1, 1), (3, 1), (4, 0)])
def test_a_429_is_tried_again_at_most_three_times(simulator, place, options, times, paid):
    simulator.fault("submit", "http", times=times, status=429, **options)
    ran = generate(place)
    assert simulator.paid == paid and submissions(simulator) == min(times + 1, 4)
    if paid:
        assert ran.error is None
    else:
        assert isinstance(ran.error, TryLater) and ran.error.exit_code == 75
        assert journal(place)[0].state is State.REFUSED


def test_a_wait_asked_for_is_kept(simulator, place):
    simulator.fault("submit", "http", status=429, retry_after="0.5")
    assert generate(place).error is None
    first, second = (r["time"] for r in simulator.requests if r["method"] == "POST")
    assert second - first >= 0.5


def test_a_wait_that_is_too_long_ends_the_run_instead(simulator, place):
    simulator.fault("submit", "http", status=429, retry_after="3600")
    ran = generate(place)
    assert isinstance(ran.error, TryLater) and submissions(simulator) == 1
    assert ran.seconds < 600


def test_a_service_that_cannot_be_reached_is_tried_again_and_nothing_is_left_open(place, tmp_path):
    # A port nobody listens on: taken from a simulator that has ended.
    with Simulator() as ended:
        gone = place_for(ended, tmp_path / "other")
    ran = generate(hurried(gone))
    assert isinstance(ran.error, ServiceUnavailable) and ran.error.exit_code == 69
    assert "ConnectError" in ran.words


# GETs after the submission

PASSING = [
    ("drop_before", {}),
    ("http", {"status": 500}),
    ("http", {"status": 503, "retry_after": "0.1"}),
    ("http", {"status": 429}),
    ("http", {"status": 408}),
    ("unreadable", {}),
    ("truncated", {}),
]


PASSING_AT = [
    (step, kind, options)
    for step in ("status", "result", "file")
    for kind, options in PASSING
    if (step, kind) != ("file", "unreadable")  # a file that is no sound is another matter
]


@pytest.mark.parametrize("step, kind, options", PASSING_AT)
def test_a_get_that_fails_for_a_moment_is_tried_again(simulator, place, step, kind, options):
    simulator.fault(step, kind, times=2, **options)
    ran = generate(place)
    assert ran.error is None and simulator.paid == 1
    assert journal(place)[0].state is State.DELIVERED


LASTING = [
    ("status", "http", {"status": 500}, ServiceUnavailable, 69),
    ("status", "http", {"status": 429}, TryLater, 75),
    ("status", "http", {"status": 401}, NotSignedIn, 77),
    ("status", "http", {"status": 400}, RequestRefused, 65),
    ("status", "http", {"status": 404}, RequestRefused, 65),
    ("status", "drop_before", {}, ServiceUnavailable, 69),
    ("status", "error_code", {"code": "BROKEN"}, None, None),
    ("status", "redirect", {"location": "https://example.com/"}, UnusableAnswer, 69),
    ("status", "change", {"set": {"status": "dreaming"}}, UnusableAnswer, 69),
    ("status", "change", {"set": {"status": None, "error_code": "LOST"}}, RequestRefused, 65),
    ("result", "change", {"set": {"status": "in_progress", "output": None}}, UnusableAnswer, 69),
    ("result", "change", {"set": {"output": None, "error_code": "E7"}}, UnusableAnswer, 69),
    ("result", "http", {"status": 503}, ServiceUnavailable, 69),
    ("result", "http", {"status": 403}, NotSignedIn, 77),
    ("result", "unreadable", {}, UnusableAnswer, 69),
    ("result", "change", {"remove": ["output"]}, UnusableAnswer, 69),
    ("result", "change", {"set": {"output": {}}}, UnusableAnswer, 69),
    ("result", "change", {"set": {"output": {"audios": ["https://a.runcomfy.net/1", "https://a.runcomfy.net/2"]}}},
     UnusableAnswer, 69),
    ("result", "change", {"set": {"model_id": "acestep-ai/ace-step/audio-inpaint"}}, UnusableAnswer, 69),
    ("file", "http", {"status": 404}, RequestRefused, 65),
    ("file", "http", {"status": 403}, UnusableAnswer, 69),
    ("file", "http", {"status": 500}, ServiceUnavailable, 69),
    ("file", "http", {"status": 429}, TryLater, 75),
    ("file", "redirect", {"location": "https://files.runcomfy.net/x"}, UnusableAnswer, 69),
    ("file", "bytes", {"data": b"<html>sorry</html>", "content_type": "text/html"}, UnusableAnswer, 69),
    ("file", "truncated", {}, ServiceUnavailable, 69),
]  # fmt: skip


@pytest.mark.parametrize("step, kind, options, error, code", LASTING)
def test_a_failure_after_acceptance_keeps_the_id_and_buys_nothing_twice(
    simulator, place, step, kind, options, error, code
):
    simulator.fault(step, kind, times=1000, **options)
    ran = generate(hurried(place))
    job = simulator.service.jobs()[0]
    if error is not None:
        assert isinstance(ran.error, error) and ran.error.exit_code == code
    assert ran.error is not None and ran.error.request_id == job.request_id
    assert job.request_id in ran.words and not any(words in ran.words.lower() for words in FALSE_COMFORT)
    assert simulator.paid == 1
    assert_every_paid_id_is_kept(simulator, place)
    assert journal(place)[0].state is State.ACCEPTED
    if isinstance(ran.error, UnusableAnswer):  # it may never become usable: there must be a way on
        assert "change the seed to have it rendered anew, at a new charge" in ran.words

    simulator.faults.clear()
    again = generate(place)
    assert again.error is None and simulator.paid == 1
    assert again.facts["request_ids"] == [job.request_id]
    assert any("not charged again" in warning for warning in again.facts["warnings"])


@pytest.mark.parametrize(
    "url",
    [
        "http://files.runcomfy.net/a.mp3",
        "https://runcomfy.net.example.com/a.mp3",
        "https://evilruncomfy.net/a.mp3",
        "https://example.com/a.mp3#.runcomfy.net",
        "https://files.runcomfy.net@example.com/a.mp3",
        "https://user@files.runcomfy.net/a.mp3",
        "https://files.runcomfy.net:8443/a.mp3",
        "https://example.com\\.runcomfy.net/a.mp3",
        "ftp://files.runcomfy.net/a.mp3",
        "file:///etc/hostname",
        "http://127.0.0.1:1/a.mp3",
        "http://[::1]/a.mp3",
        "//files.runcomfy.net/a.mp3",
        "not an address",
    ],
)
def test_nothing_is_fetched_from_another_host(simulator, place, url):
    simulator.fault("result", "change", set={"output": {"audio": url}})
    ran = generate(place)
    assert isinstance(ran.error, UnusableAnswer) and simulator.paid == 1
    assert not [r for r in simulator.requests if r["path"].startswith("/files/")]
    assert generate(place).error is None and simulator.paid == 1


def test_the_same_file_named_twice_is_one_file(simulator, place):
    generate(place)
    job = simulator.service.jobs()[0]
    url = f"{simulator.url}/files/{job.request_id}.{job.form}"
    simulator.fault("result", "change", set={"output": {"audio": url, "audios": [url, url]}})
    assert generate(place).error is None


def test_a_huge_file_is_cut_off(simulator, place, monkeypatch):
    assert download.MAX_FILE_BYTES == 256 * 2**20
    monkeypatch.setattr(download, "MAX_FILE_BYTES", 3 * 2**20)
    simulator.fault("file", "endless", times=1000)
    ran = generate(place)
    assert isinstance(ran.error, UnusableAnswer) and "larger than 3 MiB" in ran.words


def test_sound_that_is_no_sound_is_refused_with_its_id(simulator, place):
    import numpy as np
    from test_audio_codec import wav

    samples = np.zeros((2, 44_100 * 5), np.float32)
    samples[0, 1000] = np.nan
    simulator.fault("file", "bytes", data=wav(samples), content_type="audio/wav")
    ran = generate(place)
    assert isinstance(ran.error, UnusableAnswer) and "not numbers" in ran.words
    assert generate(place).error is None and simulator.paid == 1


def test_a_wrong_content_type_does_not_lose_a_good_file(simulator, place):
    generate(place)
    data = simulator.service.jobs()[0].file
    simulator.fault("file", "bytes", data=data, content_type="text/html")
    assert generate(place).error is None


def test_a_missing_file_is_asked_for_once_more_before_buying_again(simulator, place):
    place = hurried(place)
    simulator.fault("file", "http", times=1000, status=404)
    first = generate(place)
    assert "bought again" in first.words and simulator.paid == 1
    jobs = simulator.service.jobs()

    def ends_when_bought(status):
        if len(simulator.service.jobs()) > len(jobs):
            simulator.faults.clear()
        return False

    second = generate(place, watcher=Watcher(ends_when_bought))  # still missing: bought again, as the sentence said
    assert second.error is None and simulator.paid == 2


def test_a_missing_file_of_a_delivered_request_is_said_before_it_is_bought_again(simulator, place):
    place = hurried(place)
    generate(place)
    simulator.fault("file", "http", times=1000, status=404)
    for _ in range(2):
        assert "bought again" in generate(place, queued=Queued(None, 0.0)).words and simulator.paid == 1


def forget(simulator, place):
    """The service no longer has what was bought, long ago."""
    (entry,) = journal(place)
    simulator.service.job(entry.request_id).forgotten = True
    # A request younger than a moment may not be known everywhere yet; this one is older.
    Journal(place).update(entry, created=entry.created - 60)


def test_a_request_the_service_no_longer_has_is_rendered_anew_only_once_that_was_said(simulator, place):
    generate(place)
    forget(simulator, place)
    first = generate(place)
    assert isinstance(first.error, NoSuchThing) and "404001" in first.words and "at a new charge" in first.words
    assert simulator.paid == 1 and journal(place)[0].state is State.GONE
    assert generate(place).error is None and simulator.paid == 2
    assert [entry.state for entry in journal(place)] == [State.GONE, State.DELIVERED]


def test_an_error_beside_a_word_that_is_no_state_is_an_error(simulator, place):
    """HTTP 200, a code, and "not_found" where a request's state would be."""
    generate(place)
    forget(simulator, place)
    body = {"status": "not_found", "error_code": 404001, "error_message": "gone"}
    simulator.fault("status", "http", times=1000, status=200, json=body)
    ran = generate(hurried(place))
    assert isinstance(ran.error, NoSuchThing) and "404001" in ran.words and simulator.paid == 1


@pytest.mark.parametrize(
    "fault", [("gateway", {"status": 404}), ("gateway", {"status": 410}), ("http", {"status": 404})]
)
@pytest.mark.parametrize("step", ["status", "result"])
def test_a_404_that_is_not_the_services_own_word_is_waited_out_and_loses_nothing(simulator, place, step, fault):
    kind, options = fault
    generate(place)
    simulator.fault(step, kind, times=2, **options)
    assert generate(place).error is None and simulator.paid == 1
    simulator.fault(step, kind, times=1000, **options)
    for _ in range(3):
        ran = generate(hurried(place))
        assert ran.error is not None and simulator.paid == 1 and journal(place)[0].state is State.DELIVERED
    simulator.faults.clear()
    assert generate(place).error is None and simulator.paid == 1


@pytest.mark.parametrize("status", [404, 410])
def test_a_submission_that_a_gateway_does_not_find_has_an_unknown_outcome(simulator, place, status):
    simulator.fault("submit", "gateway_after", status=status)
    assert isinstance(generate(place).error, OutcomeUnknown) and simulator.paid == 1
    assert isinstance(generate(place).error, OutcomeUnknown) and simulator.paid == 1


def test_a_request_that_is_not_known_at_once_is_waited_for(simulator, place):
    simulator.fault("status", "http", times=2, status=404)
    assert generate(place).error is None and simulator.paid == 1


@pytest.mark.parametrize("status, state", [("failed", State.FAILED), ("cancelled", State.CANCELLED),
                                           ("canceled", State.CANCELLED), ("FAILED", State.FAILED)])  # fmt: skip
def test_a_failed_render_says_so_and_is_bought_again_only_when_queued_again(simulator, place, status, state):
    simulator.fault("status", "change", set={"status": status})
    simulator.fault("result", "change", set={"status": status, "error": "out of notes", "cost": 0.001},
                    remove=["output"])  # fmt: skip
    ran = generate(place)
    assert isinstance(ran.error, RenderFailed) and simulator.paid == 1
    assert "$0.0010" in ran.words and "at a new charge" in ran.words and journal(place)[0].state is state
    assert status != "failed" or "out of notes" in ran.words
    assert generate(place).error is None and simulator.paid == 2


@pytest.mark.parametrize("status", ["failed", "cancelled"])
@pytest.mark.parametrize("options", [{"status": 500}, {"status": 404}, {"status": 409}])
def test_a_failed_render_has_failed_even_when_its_result_cannot_be_asked_for(simulator, place, status, options):
    simulator.fault("status", "change", set={"status": status, "error": "no notes left"})
    simulator.fault("result", "http", times=1000, **options)
    ran = generate(hurried(place))
    assert isinstance(ran.error, RenderFailed) and simulator.paid == 1
    assert status in ran.words and (status == "cancelled" or "no notes left" in ran.words)
    simulator.faults.clear()
    assert generate(place).error is None and simulator.paid == 2  # the failed one does not stand in the way for ever


@pytest.mark.parametrize("status", ["succeeded", "completed", "COMPLETED"])
def test_every_word_for_success_is_understood(simulator, place, status):
    for step in ("status", "result"):
        simulator.fault(step, "change", times=1000, rename={"completed": status})
    assert generate(place).error is None


@pytest.mark.parametrize("status", ["pending", "waiting", "starting", "processing", "in_queue", "in_progress"])
def test_every_word_for_waiting_is_understood(simulator, place, status):
    simulator.fault("status", "change", times=8, set={"status": status})
    ran = generate(place)
    assert ran.error is None and status in ran.watcher.states


def test_a_strange_state_is_waited_out_for_a_while(simulator, place):
    simulator.fault("status", "change", times=8, set={"status": "warming up"})
    ran = generate(place)
    assert ran.error is None and "warming up" in ran.watcher.states


# Price

BAD_PRICES = [
    ("http", {"status": 500}),
    ("http", {"status": 404}),
    ("http", {"status": 401}),
    ("drop_before", {}),
    ("unreadable", {}),
    ("change", {"remove": ["base_price_usd"]}),
    ("change", {"set": {"base_price_usd": "0.0002"}}),
    ("change", {"set": {"base_price_usd": -1}}),
    ("change", {"set": {"base_price_usd": 0}}),
    ("change", {"set": {"base_price_usd": 0.0}}),
    ("change", {"set": {"base_price_usd": 10**400}}),
    ("change", {"set": {"base_price_usd": 1e300}}),
    ("change", {"set": {"base_price_usd": 1e-300}}),
    ("change", {"set": {"base_price_usd": float("inf")}}),
    ("change", {"set": {"base_price_usd": True}}),
    ("change", {"set": {"base_price_usd": float("nan")}}),
    ("change", {"set": {"price_unit": "minute"}}),
    ("change", {"remove": ["price_unit"]}),
    ("change", {"set": {"model_id": "another/model"}}),
    ("error_code", {"code": "NOPE"}),
]


@pytest.mark.parametrize("kind, options", BAD_PRICES)
def test_without_a_clear_live_price_nothing_is_submitted(simulator, place, kind, options):
    simulator.fault("catalogue", kind, times=1000, **options)
    ran = generate(hurried(place))
    assert ran.error is not None and submissions(simulator) == 0 and journal(place) == ()


def test_what_is_paid_for_already_is_fetched_even_without_a_price(simulator, place):
    generate(place)
    simulator.fault("catalogue", "http", times=1000, status=500)
    assert generate(hurried(place)).error is None and simulator.paid == 1
