"""The journal: private, whole after any crash, shared by processes, never the reason to pay twice."""

import contextlib
import errno
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from acestep_nodes.nodes.backends.runcomfy import account, files
from acestep_nodes.nodes.backends.runcomfy import journal as journal_module
from acestep_nodes.nodes.backends.runcomfy.entries import OPEN, Entry, Run, State
from acestep_nodes.nodes.backends.runcomfy.errors import BalanceExhausted, JournalError
from acestep_nodes.nodes.backends.runcomfy.files import FileLock
from acestep_nodes.nodes.backends.runcomfy.journal import (
    KEPT_REFUSED,
    KEPT_RUNS,
    KEPT_SETTLED,
    MAX_OPEN,
    Content,
    Journal,
)
from acestep_nodes.nodes.backends.runcomfy.journal_text import JournalText
from acestep_nodes.nodes.backends.runcomfy.place import Patience, Place
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from acestep_nodes.nodes.request.requests import Call
from acestep_nodes.nodes.routes.account_answers import answer
from hypothesis import given, settings
from hypothesis import strategies as st
from runcomfy_runs import generate, journal, place_for, song, wait_until
from runcomfy_simulator import Simulator, rendering

TESTS = Path(__file__).resolve().parent


@pytest.fixture
def simulator():
    with Simulator(compose=rendering.tone) as running:
        yield running


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, patience=Patience(lock=2.0))


def entry(n=0, **changes):
    fields = {
        "account": "a", "model": "m", "seed": n, "seconds": 5.0, "body_sha256": f"body {n}", "estimate_usd": 0.001,
        "created": 1000.0 + n, "updated": 1000.0 + n,
    }  # fmt: skip
    return Entry(**(fields | changes))


def run_of(**changes):
    fields = {"node": "N", "model": "m", "seed": 0, "items": 1, "takes": 1, "parts": 1, "created": 1.0}
    return Run(**(fields | changes))


# One that begins after everything the tests record.
NEXT_RUN = run_of(created=1e12)


def accepted(saved: Journal, n=0, **changes) -> Entry:
    begun = saved.begin(run_of(), Call(), entry(n))
    return saved.update(begun, state=State.ACCEPTED, request_id=f"req-{n}", **changes)


def test_it_is_private_and_replaced_whole(place):
    saved = Journal(place)
    accepted(saved)
    before = saved.path.stat()
    assert stat.S_IMODE(before.st_mode) == 0o600
    saved.update(saved.read().entries[0], cost_usd=1.0)
    after = saved.path.stat()
    assert after.st_ino != before.st_ino and stat.S_IMODE(after.st_mode) == 0o600
    assert {path.name for path in place.directory.iterdir()} == {"journal.json", "journal.lock"}


def test_what_is_written_is_what_is_read(place):
    saved = Journal(place)
    given_entry = accepted(saved, where=(1.0, 2.5), cost_usd=0.5, window_sha256="w", descent="d", shown=5.0)
    content = JournalText().read(saved.path.read_bytes())  # as another process reads it
    assert content.entries == (given_entry,)
    assert content.runs[0].entry_key(Call()) == given_entry.key
    assert Journal(place).read() == content


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["update", "begin", "by hand", "back"])), max_size=20))
def test_the_text_that_is_held_is_that_of_the_file_whoever_wrote_it(steps):
    """`by hand`: somebody else changes the file; `back`: puts an earlier one in its place."""
    with tempfile.TemporaryDirectory() as folder:
        saved, earlier = Journal(Place(Path(folder), patience=Patience(lock=2.0))), []
        held = [accepted(saved, n) for n in range(6)]
        for number, (which, step) in enumerate(steps):
            earlier.append(saved.path.read_bytes())
            known = saved.read().entry(held[which].key)
            if step == "begin":
                with contextlib.suppress(JournalError):  # where the file lacks what this process has seen in it
                    accepted(saved, 100 + number)
            elif step == "update" and known is not None:
                saved.update(known, seconds=float(number))
            elif step == "by hand":
                data = json.loads(earlier[-1])
                data["entries"][which]["estimate_usd"] = 0.5 + number
                saved.path.write_text(json.dumps(data))
            elif step == "back":
                saved.path.write_bytes(earlier[which % len(earlier)])
            fresh = JournalText().read(saved.path.read_bytes())
            assert saved.read() == fresh
            assert json.loads(JournalText().written(fresh)) == json.loads(saved.path.read_bytes())


def test_a_step_takes_apart_only_what_somebody_else_has_changed(place, monkeypatch):
    saved = Journal(place)
    first, second = accepted(saved, 0), accepted(saved, 1)
    monkeypatch.setattr(Entry, "from_json", lambda _: pytest.fail("nobody has changed it"))
    for number in range(3):
        saved.update(first, seconds=float(number))
        assert Journal(place).read().entry(second.key) == second
    monkeypatch.undo()
    text = saved.path.read_text()
    saved.path.write_text(text.replace('"seconds": 2.0', '"seconds": 7.0'))
    assert Journal(place).read().entry(first.key).seconds == 7.0


def test_two_lines_of_one_key_stay_two(place):
    saved = Journal(place)
    accepted(saved, 0)
    content = saved.read()
    twin = replace(content.entries[0], seconds=9.0)
    text = JournalText().written(replace(content, entries=(*content.entries, twin)))
    assert [each.seconds for each in JournalText().read(text).entries] == [5.0, 9.0]


def test_a_later_field_is_no_reason_to_refuse_an_older_or_newer_file_of_the_same_schema(place):
    saved = Journal(place)
    accepted(saved)
    data = json.loads(saved.path.read_text())
    data["entries"][0]["something_new"] = 1
    del data["entries"][0]["shown"], data["runs"][0]["workflow_id"], data["runs"][0]["node_id"]
    saved.path.write_text(json.dumps(data))
    assert saved.read().entries[0].request_id == "req-0"
    assert (saved.read().runs[0].workflow_id, saved.read().runs[0].node_id) == (None, None)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 1}', '{"schema": 1, "entries": [{}], "runs": []}', "\x00\x01", '{"schema": 2}',
             '{"schema": 1, "entries": [7], "runs": []}', '{"schema": 1, "entries": [], "runs": [{}]}',
             "[" * 100_000, '{"schema": ' * 100_000, '{"schema": 1' + "0" * 5000 + "}", '{"schema": "2"}',
             '{"schema": 1.5}', '{"schema": [9]}', '{"schema": null}', '{"schema": 0}', '{"schema": 1e999}']
)  # fmt: skip
def test_a_damaged_journal_stops_before_the_submission(simulator, tmp_path, text):
    place = place_for(simulator, tmp_path)
    (tmp_path / "journal.json").write_text(text)
    ran = generate(place)
    assert isinstance(ran.error, JournalError) and str(tmp_path / "journal.json") in ran.words
    assert ("newer version" in ran.words) is (text == '{"schema": 2}')  # and nothing else is called that
    assert simulator.paid == 0 and (tmp_path / "journal.json").read_text() == text


@pytest.mark.parametrize(
    "change", [{"request_id": "../../x"}, {"request_id": 5}, {"request_id": None}, {"created": "now"}, {"seed": None},
               {"state": "paid"}, {"seconds": float("nan")}, {"cost_usd": "much"}, {"account": None},
               {"created": 10**400}, {"created": 1e300}, {"updated": -1}, {"seconds": 10**400}, {"seed": 10**400},
               {"seed": 1.5}, {"estimate_usd": -0.001}, {"cost_usd": float("inf")}, {"where": [None]},
               {"where": [10**400]}, {"shown": "no"}, {"shown": 10**400}, {"descent": 7}, {"window_sha256": []}]
)  # fmt: skip
def test_a_journal_edited_by_hand_is_never_half_believed(simulator, tmp_path, change):
    place = place_for(simulator, tmp_path)
    generate(place)
    path = tmp_path / "journal.json"
    data = json.loads(path.read_text())
    data["entries"][0] |= change
    path.write_text(json.dumps(data))
    ran = generate(place)
    assert isinstance(ran.error, JournalError) and str(path) in ran.words and simulator.paid == 1


@pytest.mark.parametrize("change", [{"workflow_id": 7}, {"node_id": ["7"]}])
def test_nor_are_its_runs(place, change):
    saved = Journal(place)
    accepted(saved)
    data = json.loads(saved.path.read_text())
    data["runs"][0] |= change
    saved.path.write_text(json.dumps(data))
    with pytest.raises(JournalError):
        saved.read()


def vanish(path):
    path.unlink()


def go_back(path):
    path.write_text(json.dumps(json.loads(path.read_text()) | {"entries": [], "runs": []}))


@pytest.mark.parametrize("change", [vanish, go_back])
def test_a_journal_that_vanished_is_noticed_before_anything_is_bought(simulator, tmp_path, change):
    place = place_for(simulator, tmp_path)
    request_id = generate(place).facts["request_ids"][0]
    change(tmp_path / "journal.json")
    queued = Queued(None, time.time())
    for _ in range(3):  # copies that were queued before the sentence could be read
        ran = generate(place, song(seed=8), queued=queued)
        assert isinstance(ran.error, JournalError) and request_id in ran.words and simulator.paid == 1
    fetched = generate(place, song(resume_request_id=request_id))
    assert fetched.error is None and simulator.paid == 1
    assert [e.request_id for e in journal(place)] == [request_id]
    assert generate(place, song(seed=8)).error is None and simulator.paid == 2  # as the sentence says


def test_a_list_of_a_journal_that_vanished_is_not_just_empty(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    request_id = generate(place).facts["request_ids"][0]
    assert answer("journal", {}, lambda: place)[1]["problem"] is None
    (tmp_path / "journal.json").unlink()
    listed = answer("journal", {}, lambda: place)[1]
    assert listed["requests"] == [] and request_id in listed["problem"]
    assert (
        isinstance(generate(place).error, JournalError) and simulator.paid == 1
    )  # a look is no sentence that was read


def test_a_journal_that_is_put_back_is_as_before(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    generate(place)
    (tmp_path / "journal.json").rename(tmp_path / "elsewhere")
    assert isinstance(generate(place).error, JournalError)
    (tmp_path / "elsewhere").rename(tmp_path / "journal.json")
    assert generate(place).error is None and simulator.paid == 1


def test_what_was_pruned_has_not_vanished(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    generate(place)
    saved = Journal(place)
    later = time.time() + 60
    settled = [entry(n, state=State.DELIVERED, request_id=f"req-{n}", updated=later) for n in range(KEPT_SETTLED)]
    saved._store(Content((*saved.read().entries, *settled), ()))
    assert generate(place, song(seed=8)).error is None and simulator.paid == 2  # a run that is new prunes
    assert [e.seed for e in saved.read().entries if e.seed in (7, 8) and e.account != "a"] == [8]
    assert generate(place, song(seed=9)).error is None and simulator.paid == 3


def test_a_key_that_vanished_beside_the_journal_is_noticed_before_anything_is_bought(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    generate(place)
    key = (tmp_path / "identity.key").read_bytes()
    (tmp_path / "identity.key").unlink()
    ran = generate(place)
    assert isinstance(ran.error, JournalError) and "identity.key" in ran.words and simulator.paid == 1
    (tmp_path / "identity.key").write_bytes(key)
    assert generate(place).error is None and simulator.paid == 1


def test_an_intent_that_cannot_be_recorded_leaves_nothing_behind(place, monkeypatch):
    saved = Journal(place)

    def full(content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(saved, "_store", full)
        with pytest.raises(JournalError, match="disk is not full"):
            saved.begin(run_of(), Call(), entry(0))
    assert list(place.directory.glob("sending-*")) == [] and saved.read().entries == ()
    assert saved.begin(run_of(), Call(), entry(0)) == entry(0, key=saved.read().entries[0].key)


def test_a_journal_that_cannot_be_written_stops_before_the_submission(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    (tmp_path / "journal.json").mkdir()  # stands for a read-only disk, which root would write to all the same
    ran = generate(place)
    assert isinstance(ran.error, JournalError) and simulator.paid == 0


def test_a_folder_that_cannot_be_made_stops_before_the_submission(simulator, tmp_path):
    (tmp_path / "file").write_text("in the way")
    ran = generate(place_for(simulator, tmp_path / "file" / "acestep"))
    assert ran.error is not None and "acestep" in ran.words and simulator.paid == 0


@pytest.fixture
def full_disk(monkeypatch):
    """A function that fills the disk."""

    def write(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return lambda: monkeypatch.setattr(journal_module, "write_private", write)


@pytest.fixture
def read_only_folder(monkeypatch):
    """A function that makes every folder read-only, also for root, for whom permissions do not count."""
    opened = os.open

    def open_to_read(path, flags, *mode, **where):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, flags, *mode, **where)

    return lambda: monkeypatch.setattr(files.os, "open", open_to_read)


@pytest.mark.parametrize("disk", ["full_disk", "read_only_folder"])
@pytest.mark.parametrize("by", ["queueing again", "its id"])
def test_what_is_paid_for_is_fetched_also_where_nothing_can_be_written(simulator, tmp_path, request, disk, by):
    place = place_for(simulator, tmp_path)
    simulator.fault("file", "http", times=1000, status=403)
    request_id = generate(place).error.request_id
    simulator.faults.clear()
    request.getfixturevalue(disk)()
    ran = generate(place, song(resume_request_id=request_id) if by == "its id" else song())
    assert ran.error is None and ran.facts["request_ids"] == [request_id] and simulator.paid == 1
    (said,) = [words for words in ran.facts["warnings"] if "cannot be written" in words]
    assert str(tmp_path / "journal.json") in said
    another = generate(place, song(seed=8))
    assert isinstance(another.error, JournalError) and "cannot be written" in another.words and simulator.paid == 1


def generate_while_the_journal_breaks(simulator, place, fault):
    """A run whose submission is answered, by ``fault``, once the journal can no longer be written."""
    release, path = threading.Event(), place.directory / "journal.json"
    simulator.fault("submit", fault, until=release)

    def break_it():
        wait_until(lambda: simulator.paid == 1)
        path.unlink()
        path.mkdir()
        release.set()

    breaker = threading.Thread(target=break_it)
    breaker.start()
    ran = generate(place)
    breaker.join()
    path.rmdir()
    return ran


@pytest.mark.parametrize("fault", ["drop_after", "unreadable"])
def test_an_unknown_outcome_is_said_even_when_it_cannot_be_recorded(simulator, tmp_path, fault):
    place = place_for(simulator, tmp_path)
    ran = generate_while_the_journal_breaks(simulator, place, fault)
    assert isinstance(ran.error, JournalError) and "could not be recorded" in ran.words
    assert "not known whether RunComfy accepted" in ran.words and "may be charged" in ran.words


def test_a_journal_that_breaks_after_acceptance_keeps_the_id_in_the_words_and_the_log(simulator, tmp_path, caplog):
    place = place_for(simulator, tmp_path)
    ran = generate_while_the_journal_breaks(simulator, place, "slow")
    (job,) = simulator.service.jobs()
    assert isinstance(ran.error, JournalError) and ran.error.request_id == job.request_id
    assert job.request_id in ran.words and "may be charged" in ran.words and job.request_id in caplog.text


def test_a_lock_held_by_another_process_is_waited_for_and_then_named(place):
    saved, other = Journal(place), FileLock(place.directory / "journal.lock")
    assert other.try_acquire()
    impatient = Journal(replace(place, patience=Patience(lock=0.2)))
    with pytest.raises(JournalError, match="locked by another process"):
        impatient.read()
    other.release()
    assert saved.read() == Content()


# Looking up


def test_the_same_request_is_found_and_another_is_not(place):
    saved = Journal(place)
    known = accepted(saved)
    assert saved.look_up(NEXT_RUN, entry(0)) == known
    assert saved.look_up(NEXT_RUN, entry(1)) is None
    assert saved.look_up(NEXT_RUN, entry(0, account="b")) is None
    assert saved.look_up(NEXT_RUN, entry(0, model="n")) is None


@pytest.mark.parametrize("state", [State.CANCELLED, State.REFUSED])
def test_what_cost_nothing_is_asked_for_again(place, state):
    saved = Journal(place)
    saved.update(accepted(saved), state=state, shown=0.0)
    assert saved.look_up(NEXT_RUN, entry(0)) is None


def test_the_newest_of_several_is_taken(place):
    saved = Journal(place)
    saved.update(accepted(saved), state=State.FAILED, shown=0.0)
    newer = saved.update(saved.begin(run_of(), Call(), entry(0)), state=State.ACCEPTED, request_id="newer")
    assert saved.look_up(NEXT_RUN, entry(0)) == newer


def test_one_being_sent_is_given_to_others_until_its_sender_dies(place):
    sender, other = Journal(place), Journal(place)
    begun = sender.begin(run_of(), Call(), entry(0))
    assert other.begin(run_of(), Call(), entry(0)) == begun
    assert other.look_up(NEXT_RUN, entry(0)).state is State.SENDING
    sender._sending[begun.key].release()  # as the system does when the process dies
    assert other.look_up(NEXT_RUN, entry(0)).state is State.UNKNOWN


@pytest.mark.parametrize("state", [State.UNKNOWN, State.FAILED, State.CANCELLED, State.GONE])
def test_one_that_must_be_shown_first_stops_until_a_run_queued_after_that(place, state):
    saved = Journal(place)
    known = saved.update(saved.begin(run_of(), Call(), entry(0)), state=state)
    assert saved.look_up(NEXT_RUN, entry(0)) == known
    saved.note_shown({known.key})
    assert saved.look_up(NEXT_RUN, entry(0)) is None
    assert saved.look_up(run_of(created=1.0), entry(0)) is not None  # queued before it was shown: nobody has read it


# Pruning


def delivered(n, **changes) -> Entry:
    return entry(n, state=State.DELIVERED, request_id=f"req-{n}", **changes)


def rendered_by(entries, **changes) -> Run:
    calls = {f"0/{take}/0": each.key for take, each in enumerate(entries)}
    return run_of(takes=len(entries), calls=calls, **changes)


def test_only_settled_entries_are_pruned_the_oldest_first(place):
    saved = Journal(place)
    begun = accepted(saved, 0)
    content = saved.read()
    settled = [delivered(n) for n in range(1, KEPT_SETTLED + 51)]
    runs = [rendered_by([each]) for each in settled]
    saved._store(Content((*content.entries, *settled), (*content.runs, *runs)))
    saved.begin(run_of(), Call(), entry(9000))
    kept = saved.read()
    assert len(kept.entries) == KEPT_SETTLED + 2 and kept.entry(begun.key) is not None
    assert {each.seed for each in kept.entries} == {0, *range(51, KEPT_SETTLED + 51), 9000}
    assert len(kept.runs) == KEPT_SETTLED + 2


def test_what_was_refused_is_pruned_by_itself_and_its_runs_forget_it():
    paid = [delivered(n) for n in range(3)]
    refused = [entry(n, state=State.REFUSED) for n in range(100, 100 + KEPT_REFUSED + 20)]
    runs = (rendered_by([*paid, refused[0], refused[-1]]), rendered_by(refused[:5]))
    kept = journal_module._pruned(Content((*paid, *refused), runs))
    assert kept.entries == (*paid, *refused[20:])
    assert kept.runs == (replace(runs[0], calls={k: v for k, v in runs[0].calls.items() if v != refused[0].key}),)


def test_what_was_refused_and_pruned_has_not_vanished(simulator, tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "KEPT_REFUSED", 2)
    place = place_for(simulator, tmp_path)
    simulator.change({"balance_usd": 0.0})
    for seed in range(5):
        assert isinstance(generate(place, song(seed=seed)).error, BalanceExhausted)  # and never that it vanished
    assert len(journal(place)) == 3 and answer("journal", {}, lambda: place)[1]["problem"] is None
    simulator.change({"balance_usd": 9.0})
    assert generate(place).error is None


def test_refusals_do_not_make_a_paid_song_be_bought_again(simulator, tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "KEPT_SETTLED", 3)
    place = place_for(simulator, tmp_path)
    assert generate(place, song(seed=1)).error is None
    simulator.change({"balance_usd": 0.0})
    for seed in range(100, 115):
        generate(place, song(seed=seed))
    assert generate(place, song(seed=1)).error is None and simulator.paid == 1


def test_a_run_of_more_takes_than_are_kept_is_bought_once(simulator, tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "KEPT_SETTLED", 3)
    place = place_for(simulator, tmp_path)
    simulator.change({"balance_usd": 0.001 * 7 + 1e-9})
    assert "1 of 8 takes failed" in generate(place, song(batch_size=8)).words and simulator.paid == 7
    simulator.change({"balance_usd": 9.0})
    assert generate(place, song(seed=100)).error is None and simulator.paid == 8
    assert generate(place, song(batch_size=8)).error is None and simulator.paid == 9


def test_a_run_that_is_queued_again_as_the_oldest_of_all_is_not_pruned_under_its_hands(place):
    """Its missing take is bought before its other takes are come to."""
    saved = Journal(place)
    content = Content(tuple(delivered(n) for n in range(KEPT_SETTLED)))
    oldest = rendered_by(content.entries[:8])
    others = [rendered_by([each]) for each in content.entries[8:]]
    saved._store(replace(content, runs=(oldest, *others)))
    again = run_of(takes=8, created=5e9)
    for take in range(4):
        begun = saved.begin(again, Call(take=take), entry(9000 + take))
        saved.update(begun, state=State.DELIVERED, request_id=f"new-{take}")
    assert all(saved.look_up(again, entry(n)) for n in range(8))


def test_the_newest_runs_are_kept_whole():
    takes = [delivered(n) for n in range(KEPT_SETTLED + 100)]
    later = [delivered(9000 + n) for n in range(KEPT_RUNS)]
    runs = [rendered_by(takes), *(rendered_by([each]) for each in later)]
    among_the_newest = Content((*takes, *later[:-1]), tuple(runs[:-1]))
    assert journal_module._pruned(among_the_newest) == among_the_newest
    assert len(journal_module._pruned(Content((*takes, *later), tuple(runs))).entries) == KEPT_SETTLED


def test_too_many_undelivered_ones_stop_new_submissions_until_some_are_struck_off(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    saved = Journal(place)
    account.identity(place, account.find_account(place))
    undelivered = [entry(n, state=State.ACCEPTED, request_id=f"req-{n}") for n in range(MAX_OPEN)]
    saved._store(Content(tuple(undelivered), ()))
    ran = generate(place)
    assert isinstance(ran.error, JournalError) and str(MAX_OPEN) in ran.words and simulator.paid == 0
    assert saved.strike_off({undelivered[3].key, "no such key"}) == 1
    assert generate(place).error is None and simulator.paid == 1


def test_queueing_the_same_again_and_again_does_not_grow_the_journal(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    for _ in range(4):
        generate(place, song(batch_size=2))
    content = Journal(place).read()
    assert len(content.entries) == 2 and len(content.runs) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(list(State)), max_size=40))
def test_pruning_never_loses_an_open_entry(states):
    entries = tuple(entry(n, state=state) for n, state in enumerate(states))
    kept = journal_module._pruned(Content(entries, ()))
    assert [e for e in kept.entries if e.state in OPEN] == [e for e in entries if e.state in OPEN]


# Processes


def _write_many(directory: str, first: int, count: int) -> None:
    saved = Journal(Place(Path(directory), patience=Patience(lock=30.0)))
    for n in range(first, first + count):
        accepted(saved, n)


def test_processes_sharing_it_lose_nothing(place):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write_many, args=(str(place.directory), 100 * n, 15)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    ids = {each.request_id for each in Journal(place).read().entries}
    assert ids == {f"req-{100 * n + k}" for n in range(3) for k in range(15)}


BUYER = """
import sys
sys.path.insert(0, {tests!r})
import conftest
from pathlib import Path
from runcomfy_runs import generate, song, IMPATIENT
from acestep_nodes.nodes.backends.runcomfy.place import Place
place = Place(Path({directory!r}), {url!r}, {{"RUNCOMFY_API_TOKEN": {token!r}}}, IMPATIENT)
ran = generate(place, song(batch_size={takes}))
print("END", ran.facts.get("request_ids"), ran.error, flush=True)
"""


def buyer(simulator, directory, takes=1) -> subprocess.Popen:
    """Another process that queues the same song."""
    script = BUYER.format(
        tests=str(TESTS), directory=str(directory), url=simulator.url, token=simulator.token, takes=takes
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_two_processes_asking_for_the_same_buy_it_once(simulator, tmp_path):
    simulator.change({"run_seconds": 1.0})
    processes = [buyer(simulator, tmp_path, takes=2) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert all("None" in output.splitlines()[-1] for output in outputs), outputs
    assert simulator.paid == 2
    assert len({output.splitlines()[-1] for output in outputs}) == 1


def test_a_process_killed_while_it_waits_loses_nothing(simulator, tmp_path):
    simulator.change({"run_seconds": 600.0})
    process = buyer(simulator, tmp_path, takes=3)
    place = place_for(simulator, tmp_path)

    def all_accepted():
        return (tmp_path / "journal.json").exists() and [e.state for e in journal(place)] == [State.ACCEPTED] * 3

    wait_until(all_accepted)
    process.send_signal(signal.SIGKILL)
    process.wait()
    paid = {job.request_id for job in simulator.service.jobs()}
    assert {e.request_id for e in journal(place)} == paid
    for job in simulator.service.jobs():
        job.run_seconds = 0.0
    resumed = generate(place, song(resume_request_id=sorted(paid)[0]))
    assert resumed.error is None and set(resumed.facts["request_ids"]) == paid
    again = generate(place, song(batch_size=3))
    assert again.error is None and simulator.paid == 3


def test_a_process_killed_during_its_submission_is_shown_and_not_repeated(simulator, tmp_path):
    simulator.fault("submit", "slow", seconds=30.0)
    process = buyer(simulator, tmp_path)
    wait_until(lambda: simulator.paid == 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    place = place_for(simulator, tmp_path)
    assert json.loads((tmp_path / "journal.json").read_text())["entries"][0]["state"] == "sending"
    assert [e.state for e in journal(place)] == [State.UNKNOWN]  # whoever reads it learns what is known
    ran = generate(place)
    assert "outcome is unknown" in ran.words and simulator.paid == 1
    assert [e.state for e in journal(place)] == [State.UNKNOWN]
    assert list(tmp_path.glob("sending-*")) == []
    assert generate(place).error is None and simulator.paid == 2


def test_killed_at_any_moment_the_file_is_whole(place, tmp_path):
    """A writer is killed over and over; every time the journal can be read and holds what was confirmed."""
    for attempt in range(5):
        place = replace(place, directory=tmp_path / str(attempt))
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            saved = Journal(place)
            for n in range(1000):
                accepted(saved, 1000 * attempt + n)
                os.write(write_end, b"%d\n" % (1000 * attempt + n))
            os._exit(0)
        os.close(write_end)
        time.sleep(0.15 + 0.03 * attempt)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(read_end) as pipe:
            confirmed = {f"req-{line.strip()}" for line in pipe if line.endswith("\n")}
        saved = Journal(place)
        assert confirmed <= {each.request_id for each in saved.read().entries}


@pytest.mark.parametrize("damage, code", [("{", "journal_unreadable"), ('{"schema": 99}', "journal_newer")])
def test_a_journal_that_cannot_be_used_says_so_in_a_code(place, damage, code):
    Journal(place).read()
    (place.directory / "journal.json").write_text(damage)
    with pytest.raises(JournalError) as raised:
        Journal(place).read()
    assert raised.value.said.code == code and str(raised.value) == raised.value.said.sentence()
