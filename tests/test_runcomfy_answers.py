"""Reading answers: waits, costs, ids and words, for anything a service may send."""

import json
import sys
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from acestep_nodes.nodes.backends.runcomfy import errors
from acestep_nodes.nodes.backends.runcomfy.account import Account
from acestep_nodes.nodes.backends.runcomfy.answers import (
    cost_in,
    parsed,
    position_in,
    request_id_in,
    retry_after_seconds,
    said,
)
from acestep_nodes.nodes.backends.runcomfy.endpoints import MODELS
from acestep_nodes.nodes.backends.runcomfy.errors import UnusableAnswer
from acestep_nodes.nodes.backends.runcomfy.price import LEAST_USD, MOST_USD, PriceBoard, list_price, price_from
from acestep_nodes.nodes.backends.runcomfy.refusals import refusal_in
from acestep_nodes.nodes.words.remarks import remark
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 9, 1, 12, 0, 0, tzinfo=timezone.utc)
MODEL = MODELS[0]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.integers(0, 999_999_999))
def test_seconds(seconds):
    assert retry_after_seconds(str(seconds), NOW) == retry_after_seconds(f"  {seconds}\t", NOW) == seconds


@given(st.integers(-100_000, 100_000))
def test_an_http_date_is_seconds_from_now_and_never_negative(seconds):
    header = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert retry_after_seconds(header, NOW) == max(0, seconds)


@given(st.text())
def test_anything_else_is_no_wait(text):
    wait = retry_after_seconds(text, NOW)
    assert wait is None or (isinstance(wait, float) and 0 <= wait < float("inf"))


@pytest.mark.parametrize("text", [None, "", "soon", "-5", "1e3", "nan", "inf", "٣", "5, 6", "0x10"])
def test_these_are_no_waits(text):
    assert retry_after_seconds(text, NOW) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_nothing(data):
    assert parsed(data) is None or isinstance(parsed(data), dict)


def test_a_bomb_of_brackets_is_nothing():
    assert parsed(b"[" * 200_000) is None and parsed(b'{"a":' * 200_000) is None


@given(JSON)
def test_only_a_well_formed_id_is_an_id(value):
    found = request_id_in({"request_id": value})
    assert found is None or (found == value and 1 <= len(found) <= 128 and found.replace("_", "-").isascii())


@given(JSON)
def test_only_a_number_of_dollars_is_a_cost(value):
    cost = cost_in({"cost": value})
    assert cost is None or (cost == float(value) and 0 <= cost < float("inf") and not isinstance(value, bool))


@pytest.mark.parametrize("value, usd", [(0, 0.0), (0.012, 0.012), ("0.0120", 0.012)])
def test_a_cost_may_be_written_as_a_number_or_in_digits(value, usd):
    assert cost_in({"cost": value}) == usd


@pytest.mark.parametrize("value", [10**400, -(10**400), "9" * 400, 1e308, -1, True, None, "nan", [], {}])
def test_numbers_that_make_no_sense_are_none(value):
    assert cost_in({"cost": value}) is None and position_in({"queue_position": value}) is None


def test_an_answer_of_any_depth_is_a_line():
    deep: list = []
    for _ in range(sys.getrecursionlimit() * 3):
        deep = [deep]
    assert len(said({"detail": deep}, "the-token")) <= 300


def test_a_token_is_found_in_json_where_it_is_written_with_escapes():
    token = 'a"b\\c'
    line = said({"detail": f"Bearer {token}"}, token)
    assert token not in line and json.dumps(token)[1:-1] not in line and "[token]" in line


@given(JSON)
def test_what_a_service_says_is_one_short_printable_line_without_the_token(value):
    token = "the-token"
    for text in (value, f"a {token} b", {"detail": [token]}, {token: 1}, f"x{token}" * 500):
        line = said(text, token)
        assert len(line) <= 300 and "\n" not in line and token not in line and line.isprintable()


ACCOUNT = Account("the-token", "RUNCOMFY_API_TOKEN")
THE_PRICE, THE_STATUS = remark("price_of", model=MODEL), remark("status_of", id="r")


@given(st.dictionaries(st.text() | st.just("error_code"), JSON), st.integers(300, 599))
def test_any_answer_with_any_status_is_one_of_our_errors(answer, status):
    error = refusal_in(status, answer, THE_PRICE, ACCOUNT).error
    assert isinstance(error, errors.RunComfyError) and str(status) in str(error)


@pytest.mark.parametrize(
    "status, kind, code",
    [
        (400, errors.RequestRefused, 65), (401, errors.NotSignedIn, 77), (402, errors.BalanceExhausted, 65),
        (403, errors.NotSignedIn, 77), (404, errors.RequestRefused, 65), (408, errors.TryLater, 75),
        (410, errors.RequestRefused, 65), (418, errors.RequestRefused, 65), (422, errors.RequestRefused, 65),
        (429, errors.TryLater, 75), (500, errors.ServiceUnavailable, 69), (503, errors.ServiceUnavailable, 69),
        (302, errors.UnusableAnswer, 69),
    ],
)  # fmt: skip
def test_each_status_has_its_error_and_exit_code(status, kind, code):
    error = refusal_in(status, {"detail": "no"}, THE_PRICE, ACCOUNT).error
    assert type(error) is kind and error.exit_code == code


CODES = [
    (400001, errors.RequestRefused, 65, "refused"),
    (400002, errors.BalanceExhausted, 65, "balance is exhausted"),
    (400004, errors.NotSignedIn, 77, "rejected the token"),
    (403001, errors.OtherAccount, 77, "another account"),
    (404001, errors.NoSuchThing, 65, "does not know request r"),
    (401001, errors.NotSignedIn, 77, "rejected the token"),
    (500001, errors.ServiceUnavailable, 69, "has a problem"),
    (10001, errors.BalanceExhausted, 65, "balance is exhausted"),
    (10003, errors.NoSuchThing, 65, "does not know"),
]


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize("code, kind, exit_code, words", CODES)
def test_the_services_own_code_decides_whatever_the_status(code, kind, exit_code, words, status, as_text):
    answer = {"error_code": str(code) if as_text else code, "error_message": "because"}
    refusal = refusal_in(status, answer, THE_STATUS, ACCOUNT)
    assert type(refusal.error) is kind and refusal.error.exit_code == exit_code
    assert words in str(refusal.error) and str(code) in str(refusal.error) and "because" in str(refusal.error)
    assert refusal.certain == (code != 500001) and refusal.passing == (code == 500001)


@pytest.mark.parametrize("code", [True, None, "", "٤٠٤٠٠١", "404001.0", 404001.0, [404001], "9" * 5000, 10**400])
def test_nothing_else_is_one_of_the_documented_codes(code):
    assert type(refusal_in(404, {"error_code": code}, THE_PRICE, ACCOUNT).error) is errors.RequestRefused


SERVICE, REFUSED = errors.ServiceUnavailable, errors.RequestRefused
UNDOCUMENTED = [
    # HTTP status, code, error, whether it proves that nothing was done
    *[(status, code, SERVICE, False) for status in (200, 202, 400, 404, 422, 500)
      for code in (500002, "504001", 503, "internal_error", "InternalServerError", "UPSTREAM_TIMEOUT", ["internal"])],
    (200, 422002, REFUSED, True), (400, 422002, REFUSED, True), (500, 422002, SERVICE, False),
    (302, 422002, REFUSED, False), (200, 429001, errors.TryLater, True), (200, 408001, errors.TryLater, False),
    (200, 401002, errors.NotSignedIn, True), (200, 402001, errors.BalanceExhausted, True),
    *[(200, code, REFUSED, False) for code in ("INVALID_INPUT", 10004, 7, -500001, 600001, {"a": 1}, True)],
    *[(422, code, REFUSED, True) for code in ("INVALID_INPUT", 10004, 7)],
    (500, "INVALID_INPUT", SERVICE, False), (302, "INVALID_INPUT", errors.UnusableAnswer, False),
]  # fmt: skip


@pytest.mark.parametrize("status, code, kind, certain", UNDOCUMENTED)
def test_an_undocumented_code_proves_no_more_than_can_be_read_in_it(status, code, kind, certain):
    refusal = refusal_in(status, {"error_code": code}, THE_STATUS, ACCOUNT)
    assert type(refusal.error) is kind and refusal.certain == certain
    assert refusal.passing == (status == 404 or kind in (SERVICE, errors.TryLater))


def test_a_404_in_other_words_proves_nothing():
    gateway = refusal_in(404, None, THE_STATUS, ACCOUNT)
    assert gateway.passing and not gateway.certain and type(gateway.error) is errors.ServiceUnavailable
    assert refusal_in(404, {"detail": "Not Found"}, THE_STATUS, ACCOUNT).passing


@pytest.mark.parametrize(
    "source, words",
    [
        ("saved in ComfyUI", "Save a valid one in the account dialog."),
        ("RUNCOMFY_API_TOKEN", "Set RUNCOMFY_API_TOKEN to a valid one and start again"),
        ("runcomfy login", "Run `runcomfy login` again"),
    ],
)
def test_a_rejected_token_is_put_right_where_it_came_from(source, words):
    assert words in str(refusal_in(401, None, THE_PRICE, Account("t", source)).error)


# Prices


@given(st.floats(LEAST_USD, MOST_USD), st.floats(0.1, 240))
def test_begun_seconds_are_counted_whole(usd, seconds):
    price = price_from({"model_id": MODEL, "base_price_usd": usd, "price_unit": "second"}, MODEL)
    assert price.live and price.of(seconds) >= usd * seconds * (1 - 1e-6)
    assert price.of(seconds) <= usd * (seconds + 1)


def test_rounding_errors_are_no_begun_second():
    price = list_price(MODEL)
    assert price.of(0.1 + 0.2 + 59.7) == pytest.approx(60 * price.usd) and price.of(60.01) > price.of(60.0)


@given(JSON, JSON, JSON)
def test_any_catalogue_answer_is_a_sound_price_or_an_error(model, usd, unit):
    try:
        price = price_from({"model_id": model, "base_price_usd": usd, "price_unit": unit}, MODEL)
    except UnusableAnswer:
        return
    assert LEAST_USD <= price.usd <= MOST_USD and price.unit in ("second", "output") and model == MODEL


def test_list_prices_are_never_live():
    assert {model: list_price(model).usd for model in MODELS} == {
        "acestep-ai/ace-step/text-to-audio": 0.0002,
        "acestep-ai/ace-step-1.5/text-to-audio": 0.0003,
        "acestep-ai/ace-step/audio-inpaint": 0.0002,
        "acestep-ai/ace-step/audio-outpaint": 0.0002,
    }
    assert not any(list_price(model).live for model in MODELS)


def test_a_shown_price_is_kept_a_minute_for_one_account():
    now, asked = [0.0], []
    board = PriceBoard(clock=lambda: now[0])

    def ask(account):
        return board.price(MODEL, account, lambda: asked.append(account) or list_price(MODEL))

    for moment, account, times in [(0, "a", 1), (59, "a", 1), (59, "b", 2), (60, "a", 3)]:
        now[0] = moment
        ask(account)
        assert len(asked) == times


def test_json_that_python_would_take_and_json_does_not_is_no_answer_to_trust():
    assert cost_in(json.loads('{"cost": NaN}')) is None and cost_in(json.loads('{"cost": Infinity}')) is None
