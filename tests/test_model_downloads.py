"""Getting a model: from a hub on loopback with the real huggingface_hub, through everything that can go wrong."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import small_models
from acestep_nodes.nodes.backends.local import catalogue, files, installed
from acestep_nodes.nodes.backends.local.download import downloads as module
from acestep_nodes.nodes.backends.local.download import hub as hub_module
from acestep_nodes.nodes.backends.local.download import partial, problems
from acestep_nodes.nodes.backends.local.download.downloads import Downloads
from acestep_nodes.nodes.backends.local.download.hub import Hub
from hub_server import HubServer
from small_models import LARGE, MEGABYTE

pytest_plugins = ["model_folders"]

# What huggingface_hub hands on at a time.
CHUNK = 10 * MEGABYTE
TURBO = "ace_step_1.5_turbo_aio.safetensors"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def hub():
    with HubServer() as running:
        yield small_models.serve(running)


class Told:
    """The states a page was told, and a way to wait for one."""

    def __init__(self):
        self.states = []
        self._news = threading.Condition()

    def __call__(self, state):
        with self._news:
            self.states.append(state)
            self._news.notify_all()

    @property
    def phases(self):
        """Without repetitions."""
        phases = [state.phase for state in self.states]
        return [phase for phase, before in zip(phases, [None, *phases], strict=False) if phase != before]

    def wait_for(self, is_it):
        with self._news:
            found = self._news.wait_for(lambda: next(filter(is_it, self.states), None), 60)
        assert found, self.states
        return found


@pytest.fixture
def told(monkeypatch):
    """Told of every single change."""
    monkeypatch.setattr(module, "TOLD_EVERY_SECONDS", 0)
    return Told()


def downloads_from(hub, told=lambda state: None):
    return Downloads(told, small_models.entries, Hub(hub.url))


@pytest.fixture
def downloads(hub, models, told):
    made = downloads_from(hub, told)
    made.told = told
    return made


def part_files(models):
    return sorted(path.name for path in models.rglob("*") if path.is_file() and path.suffix != ".safetensors")


def content(name):
    return next(small_models.content_of(file) for file in small_models.files() if file.name == name)


def failed(downloads, entry="turbo"):
    downloads.get(entry)
    state = downloads.wait()
    assert state.phase == "failed" and state.bytes_per_second is None
    return state.message


# It works


def test_a_model_is_brought_measured_and_put_in_place(downloads, models, hub, told):
    state = downloads.get("turbo")
    assert (state.phase, state.id, state.total_bytes) == ("running", "turbo", LARGE)
    state = downloads.wait()
    assert (state.phase, state.done_bytes, state.message) == ("done", LARGE, "ACE-Step 1.5 turbo is installed.")
    assert (models / "checkpoints" / TURBO).read_bytes() == content(TURBO)
    assert part_files(models) == [] and hub.sent() == LARGE
    assert told.phases == ["running", "checking", "done"]
    assert installed.find(installed.Wanted((catalogue.V15,))).name == f"ACE-Step 1.5 turbo ({TURBO})"
    assert "authorization" not in next(asked for asked in hub.requests if asked.where == "cdn").headers


def test_a_model_of_several_files_brings_only_those_that_are_missing(downloads, models, hub):
    folder = models / "text_encoders"
    (folder / "renamed.safetensors").write_bytes(content("qwen_0.6b_ace15.safetensors"))
    downloads.get("xl_turbo")
    assert downloads.wait().phase == "done"
    assert sorted(path.name for path in models.rglob("*.safetensors")) == [
        "ace_1.5_vae.safetensors",
        "acestep_v1.5_xl_turbo_bf16.safetensors",
        "qwen_1.7b_ace15.safetensors",
        "renamed.safetensors",
    ]
    downloads.get("xl_base")
    assert downloads.wait().total_bytes == LARGE  # its network alone


def test_what_is_installed_is_not_brought_again(downloads, hub):
    for _ in range(2):
        downloads.get("v1")
        state = downloads.wait()
        assert (state.phase, state.message) == ("done", "ACE-Step v1 is installed.")
    assert hub.sent() == small_models.SMALL


def test_what_is_offered_says_size_folder_licence_and_disk(downloads, models):
    offered = {model["id"]: model for model in downloads.models()}
    assert list(offered) == ["turbo", "base", "xl_turbo", "xl_base", "xl_sft", "v1"]
    turbo = offered["turbo"]
    assert turbo["files"] == [{"name": TURBO, "folder": str(models / "checkpoints"), "bytes": LARGE, "there": False}]
    assert (turbo["bytes"], turbo["missing_bytes"], turbo["licence"]) == (LARGE, LARGE, "MIT")
    assert turbo["free_bytes"] == pytest.approx(shutil.disk_usage(models).free, rel=0.01)
    assert offered["v1"]["licence"] == "Apache-2.0" and offered["xl_sft"]["title"] == "ACE-Step 1.5 XL sft"
    downloads.get("turbo")
    downloads.wait()
    after = {model["id"]: model for model in downloads.models()}
    assert after["turbo"]["missing_bytes"] == 0 and after["turbo"]["files"][0]["there"]
    # Its text encoder and VAE serve the others.
    assert [file["there"] for file in after["xl_sft"]["files"]] == [False, True, True, True]


def test_progress_is_bytes_and_their_rate(downloads, hub, told):
    hub.hold_after(CHUNK + 1)
    downloads.get("turbo")
    state = told.wait_for(lambda state: state.done_bytes == 0 and state.file == TURBO)
    assert state.total_bytes == LARGE
    assert hub.held.wait(60)
    hub.released.set()
    assert downloads.wait().done_bytes == LARGE
    assert all(0 <= state.done_bytes <= state.total_bytes for state in told.states)


# Pause, go on, cancel


def paused_halfway(downloads, hub):
    """Paused after the first chunk has arrived; the line still holds the rest."""
    hub.hold_after(CHUNK + MEGABYTE)
    downloads.get("turbo")
    downloads.told.wait_for(lambda state: state.done_bytes == CHUNK)
    return downloads.pause()


def ended(downloads):
    """The thread of a paused or cancelled download has noticed."""
    downloads.wait()


def test_pause_keeps_what_has_arrived_and_going_on_asks_for_the_rest_only(downloads, models, hub):
    assert paused_halfway(downloads, hub).phase == "paused"
    hub.released.set()
    ended(downloads)
    assert downloads.state().phase == "paused" and len(part_files(models)) == 1
    assert not (models / "checkpoints" / TURBO).exists()
    there = next((models / "checkpoints").iterdir()).stat().st_size
    assert there == CHUNK
    before = len(hub.requests)
    assert downloads.get("turbo").done_bytes == CHUNK
    assert downloads.wait().phase == "done"
    assert hub.sent(before) == LARGE - CHUNK and hub.requests[-1].range == f"bytes={CHUNK}-"
    assert (models / "checkpoints" / TURBO).read_bytes() == content(TURBO)


def test_a_pause_taken_back_before_the_line_noticed_is_none(downloads, models, hub):
    paused_halfway(downloads, hub)
    assert downloads.get("turbo").phase == "running"
    hub.released.set()
    assert downloads.wait().phase == "done" and hub.sent() == LARGE


def test_a_new_process_finds_it_paused_and_goes_on(hub, models, downloads):
    paused_halfway(downloads, hub)
    hub.released.set()
    ended(downloads)
    before, other = len(hub.requests), downloads_from(hub)
    state = other.state()
    assert (state.phase, state.id, state.done_bytes, state.total_bytes) == ("paused", "turbo", CHUNK, LARGE)
    assert other.models()[0]["missing_bytes"] == LARGE - CHUNK
    other.get("turbo")
    assert other.wait().phase == "done" and hub.sent(before) == LARGE - CHUNK


@pytest.mark.parametrize("noticed", [True, False])
def test_cancel_removes_what_has_arrived(downloads, models, hub, noticed):
    paused_halfway(downloads, hub)
    if noticed:
        hub.released.set()
        ended(downloads)
    assert downloads.cancel().phase == "idle"
    hub.released.set()
    ended(downloads)
    assert part_files(models) == [] and downloads.state().phase == "idle"
    # Told once more when the bytes are gone, so that a page can say how much is to come now.
    assert [state.phase for state in downloads.told.states].count("idle") == (1 if noticed else 2)
    downloads.get("turbo")
    assert downloads.wait().phase == "done"


def test_a_second_click_is_the_same_download_and_another_model_is_refused(downloads, hub):
    hub.hold_after(MEGABYTE)
    downloads.get("turbo")
    assert hub.held.wait(60)
    assert downloads.get("turbo").phase == "running"
    with pytest.raises(
        problems.OtherDownloadRuns, match="ACE-Step 1.5 turbo is being downloaded; wait for it or pause"
    ):
        downloads.get("v1")
    hub.released.set()
    assert downloads.wait().phase == "done" and hub.sent() == LARGE


def test_another_model_may_be_got_while_one_is_paused(downloads, models, hub):
    paused_halfway(downloads, hub)
    downloads.get("v1")
    hub.released.set()
    assert (downloads.wait().id, downloads.state().phase) == ("v1", "done")
    assert len(part_files(models)) == 1
    downloads.get("turbo")
    assert downloads.wait().phase == "done"


def test_got_again_right_after_it_was_cancelled_it_starts_anew(downloads, models, hub):
    paused_halfway(downloads, hub)
    downloads.cancel()
    assert downloads.get("turbo").phase == "running"
    hub.released.set()
    assert downloads.wait().phase == "done" and part_files(models) == []


def test_what_is_paused_stays_so_whatever_the_line_does(downloads, models, hub):
    hub.hold_after(MEGABYTE, cut=True)
    hub.fault("cdn", "status", 99, status=503)
    downloads.get("turbo")
    assert hub.held.wait(60)
    downloads.pause()
    hub.released.set()
    ended(downloads)
    assert (downloads.state().phase, downloads.state().message) == ("paused", None)
    hub.faults.clear()
    downloads.get("turbo")
    assert downloads.wait().phase == "done"


def test_pages_are_not_told_of_every_byte(hub, models, told, monkeypatch):
    monkeypatch.setattr(module, "TOLD_EVERY_SECONDS", 3600)
    downloads = downloads_from(hub, told)
    downloads.get("turbo")
    downloads.wait()
    assert [state.phase for state in told.states] == ["running", "checking", "done"]


def test_pausing_nothing_is_nothing(downloads):
    assert downloads.pause().phase == downloads.cancel().phase == downloads.state().phase == "idle"
    with pytest.raises(KeyError):
        downloads.get("../../etc/passwd")


# What goes wrong


def test_a_line_that_is_lost_goes_on_by_itself(downloads, models, hub):
    hub.fault("cdn", "cut", after=CHUNK + MEGABYTE)
    downloads.get("turbo")
    assert downloads.wait().phase == "done"
    assert (models / "checkpoints" / TURBO).read_bytes() == content(TURBO)
    assert hub.sent() == CHUNK + MEGABYTE + LARGE - CHUNK


def test_a_link_that_runs_out_is_asked_for_anew(downloads, models, hub):
    hub.fault("cdn", "cut", after=CHUNK + MEGABYTE)
    hub.fault("cdn", "status", status=403)
    downloads.get("turbo")
    assert downloads.wait().phase == "done" and len([asked for asked in hub.requests if asked.where == "hub"]) == 2


def test_a_line_that_stays_lost_is_said_and_nothing_is_lost(downloads, models, hub):
    hub.fault("cdn", "cut", after=CHUNK + MEGABYTE)
    hub.fault("cdn", "status", 9, status=503)
    said = failed(downloads)
    assert "answers with HTTP 503" in said and "it goes on from where it was" in said
    assert not (models / "checkpoints" / TURBO).exists()
    hub.faults.clear()
    before = len(hub.requests)
    downloads.get("turbo")
    assert downloads.wait().phase == "done" and hub.sent(before) == LARGE - CHUNK


def test_a_file_that_ends_too_early_is_said(downloads, models, hub):
    hub.fault("cdn", "short", 9, by=MEGABYTE)
    assert "The line to 127.0.0.1" in failed(downloads)
    assert not (models / "checkpoints" / TURBO).exists()
    hub.faults.clear()
    downloads.get("turbo")
    assert downloads.wait().phase == "done"


@pytest.mark.parametrize("fault", [{"kind": "wrong", "at": LARGE // 2}, {"kind": "long", "by": 1}])
def test_what_is_not_the_file_is_removed(downloads, models, hub, fault):
    hub.fault("cdn", **fault)
    said = failed(downloads)
    assert f"What came as {TURBO} is not the official file" in said and "was removed" in said
    assert list((models / "checkpoints").iterdir()) == []
    downloads.get("turbo")
    assert downloads.wait().phase == "done"


def test_a_server_that_knows_no_resuming_sends_it_all_again(downloads, models, hub):
    paused_halfway(downloads, hub)
    hub.released.set()
    ended(downloads)
    hub.fault("cdn", "no_range")
    before = len(hub.requests)
    downloads.get("turbo")
    assert downloads.wait().phase == "done" and hub.sent(before) == LARGE
    assert (models / "checkpoints" / TURBO).read_bytes() == content(TURBO)


def test_what_has_arrived_and_is_too_much_is_thrown_away(downloads, models, hub):
    file = small_models.small(catalogue.TURBO_WHOLE)
    path = partial.path_of(file, models / "checkpoints")
    path.write_bytes(bytes(LARGE + 1))
    downloads.get("turbo")
    assert downloads.wait().phase == "done"


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (404, "EntryNotFound", "has no Comfy-Org/ace_step_1.5_ComfyUI_files/checkpoints/ace_step_1.5_turbo_aio"),
        (401, "RepoNotFound", "does not hand out"),
        (403, "GatedRepo", "set HF_TOKEN"),
        (500, None, "answers with HTTP 500"),
        (429, None, "answers with HTTP 429"),
    ],
)
@pytest.mark.parametrize("where", ["hub", "cdn"])
def test_a_refusal_is_said_with_the_next_step(downloads, models, hub, where, status, code, says, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # huggingface_hub waits between its retries
    hub.fault(where, "status", 99, status=status, **({"code": code} if code else {}))
    said = failed(downloads)
    assert says in said and said.startswith("127.0.0.1:") and part_files_hold_nothing(models)


def part_files_hold_nothing(models):
    return not list(models.rglob("*.safetensors"))


def test_a_hub_that_is_not_there_is_said(models, hub):
    downloads = Downloads(lambda state: None, small_models.entries, Hub("http://127.0.0.1:9"))
    said = failed(downloads)
    assert said.startswith("The line to 127.0.0.1:9 failed") and "HF_ENDPOINT" in said
    assert part_files(models) == []


def test_neither_password_nor_signature_is_shown(models):
    downloads = Downloads(lambda state: None, small_models.entries, Hub("http://me:secret@127.0.0.1:9"))
    said = failed(downloads)
    assert said.startswith("The line to 127.0.0.1:9 failed") and "secret" not in said
    file, url = catalogue.TURBO_WHOLE, f"https://cdn.example/{'x' * 200}?Signature=secret"
    assert "secret" not in str(hub_module.problem(OSError(f"Max retries exceeded with url: {url}"), url, file, models))


def test_the_offline_switch_of_huggingface_hub_holds(downloads, hub, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    said = failed(downloads)
    assert said.startswith("HF_HUB_OFFLINE is set") and catalogue.TURBO_WHOLE.url in said
    assert hub.requests == []


def test_without_huggingface_hub_the_way_by_hand_is_said(downloads, models, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    said = failed(downloads)
    assert "huggingface_hub" in said and f"put {TURBO} into {models / 'checkpoints'} yourself" in said


def test_a_huggingface_hub_without_http_get_is_said(downloads, monkeypatch):
    import huggingface_hub.file_download

    monkeypatch.delattr(huggingface_hub.file_download, "http_get")
    assert "has no http_get" in failed(downloads)


@pytest.mark.parametrize(
    "options", [{"kind": "size", "bytes": 7}, {"kind": "etag", "value": "0" * 64}, {"kind": "size", "bytes": "x"}]
)
def test_another_file_under_the_name_is_told_before_gigabytes_are_brought(downloads, hub, options):
    hub.fault("hub", **options)
    if options.get("bytes") == "x":  # a mirror that does not say it: what arrives is measured
        downloads.get("turbo")
        assert downloads.wait().phase == "done"
    else:
        assert f"has another {TURBO}" in failed(downloads) and hub.sent() == 0


@pytest.mark.parametrize("to", ["file://127.0.0.1/etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_a_redirect_to_another_kind_of_address_is_not_followed(downloads, hub, to):
    hub.fault("hub", "location", 99, to=to)
    assert f"sends the download of {TURBO} on to a {to.split(':')[0]} address" in failed(downloads)


@pytest.mark.parametrize(
    ("endpoint", "location", "allowed"),
    [
        ("https://huggingface.co", "https://cas-bridge.xethub.hf.co/x", True),
        ("https://huggingface.co", "http://cas-bridge.xethub.hf.co/x", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001/x", True),
        ("http://127.0.0.1:8000", "https://example.com/x", True),
        ("https://huggingface.co", "//example.com/x", False),
        ("https://huggingface.co", "", False),
    ],
)
def test_only_https_is_followed_unless_the_endpoint_itself_has_none(endpoint, location, allowed):
    if allowed:
        hub_module.check_location(location, endpoint, catalogue.TURBO_WHOLE)
    else:
        with pytest.raises(problems.DownloadFailed, match="not safe"):
            hub_module.check_location(location, endpoint, catalogue.TURBO_WHOLE)


def test_the_token_goes_to_the_hub_alone(downloads, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_dummy")
    downloads.get("v1")
    assert downloads.wait().phase == "done"
    asked = {request.where: request.headers.get("authorization") for request in hub.requests}
    assert asked == {"hub": "Bearer hf_dummy", "cdn": None}


# The disk


def test_a_disk_that_is_too_small_is_said_before_anything_is_asked(downloads, hub, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: usage(1, 1, LARGE - 1))
    assert "are to be downloaded and the disk with" in failed(downloads)
    assert hub.requests == []


def test_a_disk_that_fills_up_is_said_and_what_has_arrived_is_kept(hub, models, tmp_path, monkeypatch):
    def full(self, data):
        raise problems.cannot_write(self.folder, OSError(errno.ENOSPC, "No space left on device"))

    write = partial.Partial.write
    monkeypatch.setattr(partial.Partial, "write", lambda self, d: full(self, d) if self.size else write(self, d))
    downloads = downloads_from(hub)
    said = failed(downloads)
    assert "is full; free some space" in said and downloads.state().done_bytes == CHUNK
    monkeypatch.setattr(partial.Partial, "write", write)
    before = len(hub.requests)
    downloads.get("turbo")
    assert downloads.wait().phase == "done" and hub.sent(before) == LARGE - CHUNK


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_really_full_disk_is_a_sentence(hub, models):
    """/dev/full refuses every byte as a full disk does."""
    file = small_models.small(catalogue.TURBO_WHOLE)
    with Path("/dev/full").open("r+b", buffering=0) as device:
        part = partial.Partial(file, models, device)
        with pytest.raises(problems.DownloadFailed, match="is full; free some space"):
            part.write(b"x")


def test_a_folder_that_cannot_be_written_is_said(downloads, models):
    (models / "checkpoints").rmdir()
    (models / "checkpoints").write_text("a file in the folder's place")
    assert f"{models / 'checkpoints'} cannot be written" in failed(downloads)


def test_a_broken_file_in_its_place_is_replaced_and_another_one_is_not(downloads, models, hub):
    target = models / "checkpoints" / TURBO
    for broken in (b"<html>Sign in</html>", content(TURBO)[: LARGE // 2]):
        target.write_bytes(broken)
        downloads.get("turbo")
        assert downloads.wait().phase == "done" and target.read_bytes() == content(TURBO)
    other = small_models.content({"some.weight": (3,)}, MEGABYTE, 1)
    target.write_bytes(other)
    sent = hub.sent()
    assert f"{target} exists, is not incomplete, and so is not overwritten" in failed(downloads)
    assert target.read_bytes() == other and hub.sent() == sent
    target.unlink()
    target.mkdir()
    assert "is not overwritten" in failed(downloads)


def test_a_file_that_came_meanwhile_is_not_overwritten(downloads, models, hub):
    hub.hold_after(MEGABYTE)
    downloads.get("turbo")
    assert hub.held.wait(60)
    other = small_models.content({"some.weight": (3,)}, MEGABYTE, 1)
    (models / "checkpoints" / TURBO).write_bytes(other)
    hub.released.set()
    assert "is not overwritten" in downloads.wait().message
    assert (models / "checkpoints" / TURBO).read_bytes() == other


HOLD = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
import conftest, small_models
from acestep_nodes.nodes.backends.local import catalogue
from acestep_nodes.nodes.backends.local.download import partial
with partial.opened(small_models.small(catalogue.TURBO_WHOLE), Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_processes_do_not_write_one_file(downloads, models, hub):
    command = [sys.executable, "-c", HOLD, ":".join(path for path in sys.path if path), str(models / "checkpoints")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert "Another ComfyUI is downloading" in failed(downloads)
        downloads.cancel()
        assert len(part_files(models)) == 1  # the other one's
        other.stdin.close()
        other.wait(60)
    downloads.get("turbo")
    assert downloads.wait().phase == "done"


# The catalogue


def test_the_catalogue_can_be_trusted_with_paths():
    for file in small_models.files():
        assert file.name == os.path.basename(file.name) and file.name.endswith(".safetensors")  # noqa: PTH119
        assert file.folder in files.FOLDERS and ".." not in file.path
        assert len(file.sha256) == 64 and set(file.sha256) <= set("0123456789abcdef") and file.bytes > 10**8
    assert len({file.sha256 for file in small_models.files()}) == len(small_models.files())
    assert len({entry.id for entry in catalogue.CATALOGUE}) == len(catalogue.CATALOGUE)


def test_what_is_half_there_of_one_version_of_a_file_is_not_continued_by_another():
    file, folder = catalogue.TURBO_WHOLE, Path("checkpoints")
    assert partial.path_of(file, folder) != partial.path_of(replace(file, sha256="0" * 64), folder)
