"""The account: where its token comes from, what is kept of it, and that it goes nowhere else."""

import json
import logging
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from acestep_nodes.nodes.backends.runcomfy import account
from acestep_nodes.nodes.backends.runcomfy.backend import RunComfyBackend
from acestep_nodes.nodes.backends.runcomfy.errors import JournalError, NotSignedIn
from acestep_nodes.nodes.backends.runcomfy.place import (
    API_URL,
    SERVERLESS_URL,
    Place,
    api_url_from,
    data_directory,
    serverless_url_from,
)
from acestep_nodes.nodes.errors import BackendUnavailable, InputError
from hypothesis import given
from hypothesis import strategies as st
from runcomfy_runs import generate, inpaint, place_for, song, window
from runcomfy_simulator import Simulator, rendering


def place(directory, **environment) -> Place:
    return Place(directory, environment={"HOME": str(directory / "home")} | environment)


def log_in(folder: Path, token="cli-token") -> None:
    folder.mkdir(parents=True)
    (folder / "token.json").write_text(json.dumps({"access_token": token, "expires": None}))


def found(where: Place):
    known = account.find_account(where)
    return (known.token, known.source) if known else None


def test_the_order_of_precedence(tmp_path):
    everything = {"RUNCOMFY_API_TOKEN": "hosted", "RUNCOMFY_TOKEN": "cli-variable"}
    log_in(tmp_path / "home" / ".config" / "runcomfy")
    where = place(tmp_path, **everything)
    account.save_token(where, " saved \n")
    assert found(where) == ("saved", "saved in ComfyUI")
    account.clear_token(where)
    assert found(where) == ("hosted", "RUNCOMFY_API_TOKEN")
    assert found(place(tmp_path, RUNCOMFY_TOKEN="cli-variable")) == ("cli-variable", "RUNCOMFY_TOKEN")
    assert found(place(tmp_path)) == ("cli-token", "runcomfy login")
    assert found(Place(tmp_path, environment={"HOME": str(tmp_path / "nobody")})) is None


def test_where_the_command_line_keeps_its_token(tmp_path):
    log_in(tmp_path / "config", "by-runcomfy-config-dir")
    log_in(tmp_path / "xdg" / "runcomfy", "by-xdg")
    both = {"RUNCOMFY_CONFIG_DIR": str(tmp_path / "config"), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert found(place(tmp_path, **both))[0] == "by-runcomfy-config-dir"
    assert found(place(tmp_path, XDG_CONFIG_HOME=both["XDG_CONFIG_HOME"]))[0] == "by-xdg"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"access_token": 7}', "{}", "[" * 100_000, '{"a":' * 100_000])
def test_a_foreign_token_file_is_no_token(tmp_path, text):
    folder = tmp_path / "home" / ".config" / "runcomfy"
    folder.mkdir(parents=True)
    (folder / "token.json").write_text(text)
    assert found(place(tmp_path)) is None


def test_a_managed_machine_takes_only_a_saved_or_hosted_token(tmp_path):
    log_in(tmp_path / "home" / ".config" / "runcomfy")
    secret = tmp_path / "managed"
    secret.write_text("never-read")
    managed = {"RUNCOMFY_API_TOKEN_FILE": str(secret), "RUNCOMFY_TOKEN": "cli-variable"}
    assert found(place(tmp_path, **managed)) is None
    assert found(place(tmp_path, **managed, RUNCOMFY_API_TOKEN="hosted"))[0] == "hosted"
    account.save_token(place(tmp_path), "saved")
    assert found(place(tmp_path, **managed))[0] == "saved"


@pytest.mark.parametrize("bad", ["two words", "tab\there", "line\nbreak", "ümlaut", "x" * 4097, "nul\0"])
def test_a_malformed_token_is_refused_without_being_shown_or_passed_over(tmp_path, bad):
    with pytest.raises(NotSignedIn) as refused:
        account.save_token(place(tmp_path), bad)
    assert bad not in str(refused.value)
    with pytest.raises(NotSignedIn) as refused:  # no silent fall back to the next source
        account.find_account(place(tmp_path, RUNCOMFY_API_TOKEN=bad, RUNCOMFY_TOKEN="fine"))
    assert bad not in str(refused.value) and "RUNCOMFY_API_TOKEN" in str(refused.value)


def test_the_token_file_is_private_and_the_token_is_in_no_repr(tmp_path):
    where = place(tmp_path / "acestep", RUNCOMFY_TOKEN="environment-secret")
    account.save_token(where, "saved-secret")
    assert stat.S_IMODE((tmp_path / "acestep" / "token").stat().st_mode) == 0o600
    assert "secret" not in repr(account.find_account(where)) and "secret" not in repr(where)


def test_the_identity_tells_tokens_apart_and_gives_none_away(tmp_path):
    one, two = (account.Account(token, "test") for token in ("token-one", "token-two"))
    where, elsewhere = place(tmp_path / "a"), place(tmp_path / "b")
    assert account.identity(where, one) == account.identity(where, one) != account.identity(where, two)
    test_server = replace(where, api_url="http://127.0.0.1:1")
    assert account.identity(test_server, one) != account.identity(where, one)
    # Keyed: the same token on another machine gives another hash, so that it cannot be looked up in a table.
    assert account.identity(where, one) != account.identity(elsewhere, one)
    assert stat.S_IMODE((tmp_path / "a" / "identity.key").stat().st_mode) == 0o600


def test_another_account_renders_again(tmp_path, monkeypatch):
    def fingerprint(token):
        where = place(tmp_path, RUNCOMFY_API_TOKEN=token) if token else place(tmp_path)
        monkeypatch.setattr(Place, "of_comfyui", classmethod(lambda cls: where))
        return RunComfyBackend.fingerprint(backend="runcomfy", seed=1)

    assert fingerprint("one") == fingerprint("one") != fingerprint("two")
    assert fingerprint(None) is None and "one" not in fingerprint("one")


def test_the_ceiling_is_two_dollars_until_set(tmp_path):
    where = place(tmp_path)
    assert account.ceiling_usd(where) == 2.0
    account.save_ceiling(where, 0.5)
    assert account.ceiling_usd(where) == 0.5


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"ceiling_usd": "1"}', '{"ceiling_usd": -1}', '{"ceiling_usd": 1e9}', "[]", "[" * 100_000,
     '{"ceiling_usd": 1' + "0" * 400 + "}", '{"ceiling_usd": NaN}'],
)  # fmt: skip
def test_a_damaged_ceiling_buys_nothing(tmp_path, text):
    with Simulator(compose=rendering.tone) as simulator:
        where = place_for(simulator, tmp_path)
        (tmp_path / "settings.json").write_text(text)
        ran = generate(where)
        assert isinstance(ran.error, JournalError) and "ceiling" in ran.words and simulator.paid == 0


def test_proxy_settings_that_cannot_work_are_a_sentence_without_their_password(tmp_path, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "gopher://user:password@127.0.0.1:1")
    ran = generate(place(tmp_path, RUNCOMFY_API_TOKEN="abc"))
    assert isinstance(ran.error, BackendUnavailable) and "HTTPS_PROXY" in ran.words and "password" not in ran.words


# The folder


def test_the_data_folder_is_the_usual_one_until_it_is_named(tmp_path):
    usual, named = tmp_path / "usual", tmp_path / "named"
    assert data_directory({}, usual) == data_directory({"ACESTEP_DATA_DIR": " "}, usual) == usual
    assert data_directory({"ACESTEP_DATA_DIR": str(named)}, usual) == named


@pytest.mark.parametrize("text", ["relative/folder", ".", "~/data"])
def test_a_data_folder_is_named_by_its_whole_path(tmp_path, text):
    with pytest.raises(InputError, match="ACESTEP_DATA_DIR"):
        data_directory({"ACESTEP_DATA_DIR": text}, tmp_path)


@pytest.mark.parametrize("inside", ["", "deep/inside", "x/../inside"])
def test_a_data_folder_that_comfyui_hands_out_is_refused(tmp_path, inside):
    served = tmp_path / "output"
    with pytest.raises(InputError, match="hands out"):
        data_directory({"ACESTEP_DATA_DIR": str(served / inside)}, tmp_path / "usual", [served])


def test_a_journal_left_behind_is_not_forgotten(tmp_path):
    usual, named = tmp_path / "usual", tmp_path / "named"
    usual.mkdir()
    (usual / "journal.json").write_text("{}")
    with pytest.raises(InputError, match="still lies in"):
        data_directory({"ACESTEP_DATA_DIR": str(named)}, usual)
    usual.rename(named)
    assert data_directory({"ACESTEP_DATA_DIR": str(named)}, usual) == named


def test_a_journal_of_deployments_left_behind_is_not_forgotten_either(tmp_path):
    usual, named = tmp_path / "usual", tmp_path / "named"
    (usual / "deployments").mkdir(parents=True)
    (usual / "deployments" / "journal.json").write_text("{}")
    with pytest.raises(InputError, match="still lies in"):
        data_directory({"ACESTEP_DATA_DIR": str(named)}, usual)


def test_a_data_folder_that_is_a_file_is_said_to_be_one(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="which is a file"):
        data_directory({"ACESTEP_DATA_DIR": str(tmp_path / "file")}, tmp_path / "usual")


# The address


@pytest.mark.parametrize(
    "text, url",
    [
        ("", API_URL),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://127.0.0.1:8765/", "http://127.0.0.1:8765"),
        ("https://localhost:1", "https://localhost:1"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://127.9.9.9", "http://127.9.9.9"),
    ],
)
def test_the_base_url_may_be_a_loopback_address(text, url):
    assert api_url_from({"ACESTEP_RUNCOMFY_BASE_URL": text}) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com", "https://model-api.runcomfy.net.example.com", "http://10.0.0.1", "http://0.0.0.0:80",
        "http://localhost.example.com", "ftp://127.0.0.1", "127.0.0.1:80", "http://user@127.0.0.1", "http://127.0.0.1/x",
        "http://127.0.0.1@example.com", "http://127.0.0.1?x", "http://", "http://127.0.0.1:99999", "nonsense",
    ],
)  # fmt: skip
def test_no_other_base_url_is_taken(text):
    with pytest.raises(InputError, match="ACESTEP_RUNCOMFY_BASE_URL"):
        api_url_from({"ACESTEP_RUNCOMFY_BASE_URL": text})


@given(st.text(max_size=40))
def test_any_other_text_is_an_error_of_ours(text):
    try:
        url = api_url_from({"ACESTEP_RUNCOMFY_BASE_URL": text})
    except InputError:
        return
    assert url == API_URL or url.startswith(("http://127.", "https://127.", "http://localhost", "https://localhost",
                                             "http://[", "https://["))  # fmt: skip


# Where the token may not be


def test_the_token_is_sent_to_the_service_and_to_no_file_host(tmp_path):
    with Simulator(compose=rendering.tone) as simulator:
        generate(place_for(simulator, tmp_path))
        by_step = {r["path"].split("/")[1]: r["token"] for r in simulator.requests}
        assert by_step == {"v1": True, "files": False}


ECHOES = [
    ("submit", "http", {"status": 422}),
    ("submit", "http", {"status": 500}),
    ("status", "http", {"status": 400}),
    ("result", "http", {"status": 401}),
]


@pytest.mark.parametrize("step, kind, options", ECHOES)
def test_a_service_that_echoes_the_token_does_not_get_it_shown(tmp_path, caplog, step, kind, options):
    caplog.set_level(logging.DEBUG)
    with Simulator(compose=rendering.tone) as simulator:
        where = place_for(simulator, tmp_path)
        echo = {"error_message": f"bad header Authorization: Bearer {simulator.token}", "detail": [simulator.token]}
        simulator.fault(step, kind, times=100, **options, json=echo)
        ran = generate(where)
        assert ran.error is not None
        assert_nowhere(simulator.token, ran, caplog, tmp_path)


def test_the_token_is_in_nothing_written_shown_or_logged(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with Simulator(compose=rendering.tone) as simulator:
        where = place_for(simulator, tmp_path)
        runs = [generate(where, song(batch_size=2)), inpaint(where, window(2.0), span=(0.5, 1.0))]
        simulator.fault("submit", "drop_after")
        runs.append(generate(where, song(seed=50)))
        simulator.fault("catalogue", "http", times=9, status=401)
        runs.append(generate(where, song(seed=51)))
        for ran in runs:
            assert_nowhere(simulator.token, ran, caplog, tmp_path)


def assert_nowhere(token, ran, caplog, directory):
    assert token not in ran.words and token not in repr(ran.error) and token not in json.dumps(ran.watcher.statuses)
    assert token not in json.dumps(ran.facts)
    for record in caplog.records:
        assert token not in record.getMessage() and token not in str(record.args)
    for file in directory.rglob("*"):
        if file.is_file():
            assert token.encode() not in file.read_bytes(), file
    cause = ran.error
    while cause is not None:  # ComfyUI prints a whole chain of exceptions
        assert token not in str(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def test_a_saved_token_is_in_its_own_file_only(tmp_path):
    with Simulator(compose=rendering.tone) as simulator:
        where = replace(place_for(simulator, tmp_path), environment={"HOME": str(tmp_path)})
        account.save_token(where, simulator.token)
        assert generate(where).error is None
        holding = [f.name for f in tmp_path.rglob("*") if f.is_file() and simulator.token.encode() in f.read_bytes()]
        assert holding == ["token"]


@pytest.mark.parametrize("url_from, url", [(api_url_from, API_URL), (serverless_url_from, SERVERLESS_URL)])
def test_a_machine_of_another_environment_of_runcomfys_is_refused(url_from, url):
    assert url_from({"RUNCOMFY_API_ENVIRONMENT": "production"}) == url == url_from({"RUNCOMFY_API_ENVIRONMENT": ""})
    with pytest.raises(InputError, match="RUNCOMFY_API_ENVIRONMENT is 'development'"):
        url_from({"RUNCOMFY_API_ENVIRONMENT": "development"})
