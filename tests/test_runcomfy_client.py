"""What must never be shown, wherever the service says it; and how connections are made."""

import base64
import html
import json
import logging
import ssl
from dataclasses import replace
from urllib.parse import quote

import pytest
from acestep_nodes.nodes.backends.runcomfy.account import find_account
from acestep_nodes.nodes.backends.runcomfy.blotting import blotted
from acestep_nodes.nodes.backends.runcomfy.client import Client
from acestep_nodes.nodes.backends.runcomfy.place import API_URL
from acestep_nodes.nodes.backends.runcomfy.stopping import Stop
from runcomfy_runs import generate, hurried

pytest_plugins = ("runcomfy_fixtures",)

# Where a service may say it back: step, fault, options in which TOKEN stands for it.
ECHOES = [
    ("catalogue", "http", {"status": 401, "json": {"detail": [{"msg": "Bearer TOKEN"}]}}),
    ("catalogue", "error_code", {"code": "TOKEN", "message": "TOKEN"}),
    ("catalogue", "change", {"set": {"price_unit": "TOKEN"}}),
    ("submit", "http", {"status": 400, "json": {"error_message": "no such token: TOKEN"}}),
    ("submit", "http", {"status": 500, "json": {"error": {"headers": {"Authorization": "Bearer TOKEN"}}}}),
    ("submit", "error_code", {"code": 1001, "message": {"token": "TOKEN"}}),
    ("submit", "change", {"set": {"error_code": "TOKEN"}}),
    ("status", "http", {"status": 403, "json": {"message": "TOKEN"}}),
    ("status", "change", {"set": {"status": "waiting for TOKEN"}}),
    ("status", "change", {"set": {"status": "failed", "error": "TOKEN"}}),
    ("result", "change", {"set": {"status": "failed", "error": {"key": "TOKEN"}}, "remove": ["output"]}),
    ("result", "change", {"set": {"status": "cancelled", "error_message": "TOKEN"}, "remove": ["output"]}),
    ("result", "change", {"set": {"model_id": "TOKEN"}}),
    ("result", "change", {"set": {"output": {}, "detail": "TOKEN"}}),
    ("result", "change", {"set": {"output": {"audio": "https://example.com/?key=TOKEN"}}}),
    ("result", "change", {"set": {"output": {"audio": "https://TOKEN@files.runcomfy.net/"}}}),
    ("result", "change", {"set": {"output": {"audio": "https://TOKEN.example.com/"}}}),
    ("result", "change", {"set": {"output": {"audio": "TOKEN://example.com/"}}}),
    ("submit", "change", {"set": {"request_id": "TOKEN"}}),
    ("submit", "http", {"status": 400, "json": {"error_message": "TOKEN"}, "headers": {"X-Key": "TOKEN"}}),
    ("submit", "http", {"status": 400, "json": {"error_message": "é" * 5000 + "TOKEN"}}),
]
DISGUISES = {
    "plain": str,
    "upper": str.upper,
    "url": lambda token: "".join(f"%{ord(letter):02X}" for letter in token),
    "base64": lambda token: base64.b64encode(token.encode()).decode().rstrip("="),
    "header": lambda token: base64.urlsafe_b64encode(f"user:{token}\n".encode()).decode().rstrip("="),
    "hex": lambda token: token.encode().hex(),
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("step, kind, options", ECHOES)
def test_the_token_is_blotted_out_of_whatever_the_service_says(simulator, place, caplog, step, kind, options, disguise):
    caplog.set_level(logging.DEBUG)
    echo = DISGUISES[disguise](simulator.token)
    simulator.fault(step, kind, times=1000, **json.loads(json.dumps(options).replace("TOKEN", echo)))
    if step == "status":  # so that nothing but the status can be believed
        simulator.fault("result", "http", times=1000, status=500)
    ran = generate(hurried(place))
    assert ran.error is not None
    written = [file.read_text("latin-1") for file in place.directory.iterdir() if file.is_file()]
    error: BaseException | None = ran.error
    while error is not None:  # the chain that a traceback prints
        assert not found(echo, f"{error} {error!r}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert not found(echo, ran.words, json.dumps([ran.watcher.statuses, ran.facts]), caplog.text, *written)


def found(echo: str, *texts: str) -> bool:
    return any(echo.lower() in text.lower() for text in texts)


@pytest.mark.parametrize("before", ["", "a", "ab", "Bearer "])
@pytest.mark.parametrize("token", ["abcdefgh", "s-_ecret.Key+/=", 'a"b\\c<d>', "x" * 64])
def test_a_token_is_found_in_every_writing_of_it_and_nothing_else_is(before, token):
    data = f"{before}{token} and more".encode()
    writings = [token, token.lower(), quote(token, safe=""), json.dumps(token), html.escape(token), data.hex()]
    writings += [base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode(), "\n".join(token)]
    for text in writings:
        assert "[token]" in blotted(f"It says {text}!", token), text
    innocent = "RunComfy refused the submission to acestep-ai/ace-step/text-to-audio (HTTP 400)."
    assert blotted(innocent, token) == innocent


def test_a_token_is_not_in_what_python_prints_of_its_holders(place):
    account = find_account(place)
    client = Client(place, account, Stop())
    try:
        assert not any(account.token in text for text in (repr(account), repr(place), repr(client), repr(vars(client))))
    finally:
        client.close()


@pytest.mark.parametrize("url", [API_URL, "https://127.0.0.1:8765"])
def test_every_encrypted_connection_checks_who_answers(place, url):
    client = Client(replace(place, api_url=url), find_account(place), Stop())
    try:
        assert client._tls.verify_mode is ssl.CERT_REQUIRED and client._tls.check_hostname
    finally:
        client.close()
