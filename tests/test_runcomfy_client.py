"""What must never be shown, wherever the service says it; and how connections are made."""

import json
import logging
import ssl
from dataclasses import replace

import pytest
from acestep_nodes.nodes.backends.runcomfy.account import find_account
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
]


@pytest.mark.parametrize("step, kind, options", ECHOES)
def test_the_token_is_blotted_out_of_whatever_the_service_says(simulator, place, caplog, step, kind, options):
    caplog.set_level(logging.DEBUG)
    simulator.fault(step, kind, times=1000, **json.loads(json.dumps(options).replace("TOKEN", simulator.token)))
    if step == "status":  # so that nothing but the status can be believed
        simulator.fault("result", "http", times=1000, status=500)
    ran = generate(hurried(place))
    assert ran.error is not None
    written = [file.read_bytes() for file in place.directory.iterdir() if file.is_file()]
    error: BaseException | None = ran.error
    while error is not None:  # the chain that a traceback prints
        assert simulator.token not in f"{error} {error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert simulator.token not in ran.words + json.dumps([ran.watcher.statuses, ran.facts])
    assert simulator.token not in caplog.text
    assert not any(simulator.token.encode() in data for data in written)


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
