"""Reading answers: waits, costs, ids and words, for anything a service may send."""

import json
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from acestep_nodes.nodes.backends.runcomfy import errors
from acestep_nodes.nodes.backends.runcomfy.answers import (
    cost_in,
    error_for,
    parsed,
    request_id_in,
    retry_after_seconds,
    said,
    signalled_error,
)
from acestep_nodes.nodes.backends.runcomfy.endpoints import MODELS
from acestep_nodes.nodes.backends.runcomfy.errors import UnusableAnswer
from acestep_nodes.nodes.backends.runcomfy.price import PriceBoard, list_price, price_from
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


@given(st.dictionaries(st.text(), JSON), st.integers(300, 599))
def test_any_answer_with_any_status_is_one_of_our_errors(answer, status):
    error = error_for(status, "the price", answer, "the-token")
    assert isinstance(error, errors.RunComfyError) and str(status) in str(error)
    assert signalled_error(answer, "the-token") is None or answer["error_code"]


@pytest.mark.parametrize(
    "status, kind, code",
    [
        (400, errors.RequestRefused, 65), (401, errors.NotSignedIn, 77), (402, errors.BalanceExhausted, 65),
        (403, errors.NotSignedIn, 77), (404, errors.NoSuchThing, 65), (408, errors.TryLater, 75),
        (410, errors.NoSuchThing, 65), (418, errors.RequestRefused, 65), (422, errors.RequestRefused, 65),
        (429, errors.TryLater, 75), (500, errors.ServiceUnavailable, 69), (503, errors.ServiceUnavailable, 69),
        (302, errors.UnusableAnswer, 69),
    ],
)  # fmt: skip
def test_each_status_has_its_error_and_exit_code(status, kind, code):
    error = error_for(status, "the price", None, "t")
    assert type(error) is kind and error.exit_code == code


def test_an_exhausted_balance_is_said_plainly():
    assert "balance is exhausted" in str(error_for(402, "x", None, "t"))


# Prices


@given(st.floats(0, 1000, allow_nan=False), st.floats(0.1, 240))
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
    assert price.usd >= 0 and price.unit in ("second", "output") and model == MODEL


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
