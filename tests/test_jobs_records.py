"""The records and the sounds of a batch on disk: found again after any end, under any name, never half written."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from runner.errors import Unavailable
from runner.jobs.graphs import Job
from runner.jobs.records import DONE, FAILED, Records


def job(name, seed, line=1):
    wanted = {"1": {"class_type": "ACEStepGenerate", "inputs": {"seed": seed}}}
    return Job(name, line, f"jobs.jsonl, line {line}", wanted, {}, {"1.seed": seed})


def content(name):
    return f"the sound of {name}".encode() * 1000


def render(records, each, sounds=1, folder=None):
    """What a batch does with a job that was rendered."""
    paths = []
    for number in range(sounds):
        path = (folder or records.folder.parent) / f"rendered-{number}.flac"
        path.write_bytes(content(f"{each.identity} {number}"))
        paths.append(path)
    records.add(each, {"state": DONE, "files": records.bring(each, paths), "model": "m"})


def again(folder, *jobs):
    records = Records(folder)
    records.reconcile(jobs)
    return records


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


def test_a_finished_job_is_done_in_the_next_run(folder):
    a, b = job("a", 1), job("b", 2, 2)
    render(Records(folder), a)
    records = again(folder, a, b)
    assert records.is_done(a) and not records.is_done(b)
    assert names(folder) == ["a.flac", "manifest.jsonl"]
    [record] = map(json.loads, (folder / "manifest.jsonl").read_text().splitlines())
    assert record["name"] == "a" and record["inputs"] == {"1.seed": 1} and record["asked"] is True
    assert (folder / "a.flac").stat().st_size == record["files"][0]["bytes"]


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"x" * 100)])
def test_a_sound_that_is_gone_or_another_is_no_longer_done_and_its_request_stays_known(folder, spoil):
    a = job("a", 1)
    records = Records(folder)
    render(records, a)
    records.of(a)["request_ids"] = ["req-1"]
    records.write([a])
    spoil(folder / "a.flac")
    records = again(folder, a)
    assert not records.is_done(a) and records.of(a)["state"] == FAILED and records.of(a)["request_ids"] == ["req-1"]


def test_a_sound_that_is_put_back_is_done_again_however_often_it_was_missed(folder, tmp_path):
    a = job("a", 1)
    render(Records(folder), a, sounds=2)
    (folder / "a~2.flac").rename(tmp_path / "kept.flac")
    for _ in range(2):
        assert again(folder, a).of(a)["kind"] == "FileMissing"
    (tmp_path / "kept.flac").rename(folder / "a~2.flac")
    records = again(folder, replace(a, name="b"))
    assert records.is_done(a) and names(folder) == ["b~1.flac", "b~2.flac", "manifest.jsonl"]
    assert "kind" not in records.of(a) and "error" not in records.of(a)


def test_what_is_left_of_a_job_is_kept_while_a_sound_of_it_is_missing(folder, crash_at, tmp_path):
    a = job("a", 1)
    render(Records(folder), a, sounds=2)
    renamed = replace(a, name="b")
    # The machine ends when both sounds are out of sight and the first has its new name.
    records, steps = Records(folder), 0
    while crash_at(steps, partial(records.reconcile, [renamed])) and not (folder / "b~1.flac").exists():
        records, steps = again(folder, a), steps + 1
    (folder / "b~1.flac").rename(tmp_path / "kept.flac")
    assert again(folder, renamed).of(a)["kind"] == "FileMissing"
    (tmp_path / "kept.flac").rename(folder / "b~1.flac")
    assert again(folder, renamed).is_done(a) and names(folder) == ["b~1.flac", "b~2.flac", "manifest.jsonl"]


def test_of_the_same_length_another_content_is_another_sound(folder):
    a = job("a", 1)
    render(Records(folder), a)
    data = (folder / "a.flac").read_bytes()
    (folder / "a.flac").write_bytes(data[:-1] + b"!")
    assert not again(folder, a).is_done(a)


def test_names_follow_the_file_also_when_two_change_places(folder):
    a, b = job("a", 1), job("b", 2, 2)
    records = Records(folder)
    render(records, a)
    render(records, b, sounds=2)
    assert names(folder) == ["a.flac", "b~1.flac", "b~2.flac", "manifest.jsonl"]
    a, b = replace(a, name="b", line=2), replace(b, name="a", line=1)
    records = again(folder, b, a)
    assert records.is_done(a) and records.is_done(b)
    assert names(folder) == ["a~1.flac", "a~2.flac", "b.flac", "manifest.jsonl"]
    assert (folder / "b.flac").read_bytes() == content(f"{a.identity} 0")
    assert records.of(a)["line"] == 2


def test_an_edited_line_takes_the_name_and_the_sound_it_had_is_found_when_it_is_edited_back(folder):
    old, new = job("a", 1), job("a", 2)
    render(Records(folder), old)
    records = again(folder, new)
    assert not records.is_done(new) and names(folder) == ["a.flac", "manifest.jsonl"]
    render(records, new)
    assert (folder / "a.flac").read_bytes() == content(f"{new.identity} 0")
    [earlier] = (folder / "earlier").iterdir()
    assert earlier.read_bytes() == content(f"{old.identity} 0")
    records = again(folder, old)
    assert records.is_done(old) and (folder / "a.flac").read_bytes() == content(f"{old.identity} 0")
    records = again(folder, new)
    assert records.is_done(new) and (folder / "a.flac").read_bytes() == content(f"{new.identity} 0")


def test_a_file_of_the_users_own_is_kept(folder):
    folder.mkdir()
    (folder / "a.flac").write_bytes(b"mine")
    render(Records(folder), job("a", 1))
    [kept] = (folder / "earlier").iterdir()
    assert kept.read_bytes() == b"mine"


def test_a_line_cut_off_at_the_end_is_none_and_one_in_the_middle_is_refused(folder):
    a, b = job("a", 1), job("b", 2)
    records = Records(folder)
    render(records, a)
    render(records, b)
    manifest = folder / "manifest.jsonl"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-20])
    records = again(folder, a, b)
    assert records.is_done(a) and not records.is_done(b)
    manifest.write_bytes(whole[20:])
    with pytest.raises(Unavailable, match=r"manifest\.jsonl, line 1 .*paid"):
        Records(folder)


@pytest.mark.parametrize("file", ["../x.flac", "/etc/passwd", "a/b.flac", "..", ""])
def test_no_path_comes_from_a_manifest(folder, file):
    a = job("a", 1)
    records = Records(folder)
    render(records, a)
    record = json.loads((folder / "manifest.jsonl").read_text().splitlines()[-1])
    record["files"][0]["file"] = file
    (folder / "manifest.jsonl").write_text(json.dumps(record) + "\n\n")
    with pytest.raises(Unavailable):
        Records(folder)


@pytest.mark.parametrize("request_id", ["../../x", "a/b", "", 7, None])
def test_no_address_comes_from_a_manifest(folder, request_id):
    a = job("a", 1)
    Records(folder).add(a, {"state": FAILED, "kind": "x", "error": "x", "request_ids": [request_id]})
    with pytest.raises(Unavailable, match="line 1 "):
        Records(folder)


def test_a_full_disk_is_a_sentence_and_nothing_half_written_stands(folder, monkeypatch):
    a = job("a", 1)
    records = Records(folder)
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(Unavailable, match="make room there and run the same command again"):
        render(records, a)
    monkeypatch.undo()
    assert not again(folder, a).is_done(a) and names(folder) == ["manifest.jsonl"]


def full_disk(descriptor):
    raise OSError(28, "No space left on device")


class Crash(BaseException):
    """The machine is off."""


@pytest.fixture
def crash_at(monkeypatch):
    """Lets the n-th thing that is done to the disk, from now on, be the last; whether it came to that."""

    def crash(count, work):
        left = [count]

        def counted(function):
            def called(*arguments):
                left[0] -= 1
                if left[0] < 0:
                    raise Crash
                return function(*arguments)

            return called

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", counted(os.fsync))
            patched.setattr(Path, "replace", counted(Path.replace))
            try:
                work()
            except Crash:
                return True
        return False

    return crash


@pytest.mark.parametrize("sounds", [1, 2])
def test_after_each_step_of_a_finished_job_it_is_done_or_was_never_recorded(tmp_path, crash_at, sounds):
    a, steps = job("a", 1), 0
    while True:
        folder = tmp_path / str(steps) / "out"
        records = Records(folder)
        crashed = crash_at(steps, partial(render, records, a, sounds, tmp_path))
        manifest = folder / "manifest.jsonl"
        recorded = manifest.exists() and manifest.read_bytes().endswith(b"\n")
        records = again(folder, a)
        assert records.is_done(a) is recorded
        assert names(folder) == sorted(
            ["manifest.jsonl", *(each["file"] for each in (records.of(a) or {"files": []})["files"])]
        )
        if not crashed:
            break
        steps += 1
    assert recorded and steps >= 5


@pytest.mark.parametrize("then", ["as before", "another", "on"])
def test_after_each_step_of_a_change_of_names_every_sound_is_found(tmp_path, crash_at, then):
    a, b, steps = job("a", 1), job("b", 2), 0
    swapped = replace(b, name="a"), replace(a, name="b")
    others = {"as before": [(a, b)], "another": [(replace(a, name="c"), b)], "on": []}[then]
    while True:
        folder = tmp_path / str(steps) / "out"
        render(Records(folder), a, folder=tmp_path)
        render(Records(folder), b, folder=tmp_path)
        records = Records(folder)
        crashed = crash_at(steps, partial(records.reconcile, swapped))
        for jobs in (*others, swapped, (a, b)):
            records = again(folder, *jobs)
            assert all(records.is_done(each) for each in jobs)
            for each in jobs:
                assert (folder / f"{each.name}.flac").read_bytes() == content(f"{each.identity} 0")
        if not crashed:
            break
        steps += 1
    assert steps >= 5


def test_a_sound_is_on_the_disk_before_its_record_is(folder, monkeypatch):
    synced, fsync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda file: (synced.append(Path(f"/proc/self/fd/{file}").readlink().name), fsync(file))
    )
    render(Records(folder), job("a", 1))
    assert [name.partition("-")[0] for name in synced] == [".unfinished", "out", "manifest.jsonl", "out"]


# Kill −9 at any moment

CHILD = """
import sys
sys.path[:0] = [{tests!r}, {workflows!r}]
import conftest
from pathlib import Path
from test_jobs_records import again, job, render
folder = Path(sys.argv[1])
jobs = [job(f"job {{n}}" if sys.argv[2] == "a" else f"{{n}} job", n, n) for n in range(40)]
print("begun", flush=True)
records = again(folder, *jobs)
for each in jobs:
    if not records.is_done(each):
        sys.stdin.read(1)
        with (folder.parent / "rendered.txt").open("a") as log:
            log.write(each.identity + "\\n")
        render(records, each, sounds=1 + int(each.line % 3 == 0))
        with (folder.parent / "recorded.txt").open("a") as log:
            log.write(each.identity + "\\n")
records.write(jobs)
"""


def test_killed_at_any_moment_nothing_recorded_is_rendered_again_and_nothing_stands_half(folder, tmp_path):
    tests = Path(__file__).parent
    code = CHILD.format(tests=str(tests), workflows=str(tests.parent / "workflows"))
    chance, kills = random.Random(4), 12
    for run in range(kills + 1):
        child = subprocess.Popen(
            [sys.executable, "-c", code, folder, "ab"[run // 2 % 2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with child:
            assert child.stdout.readline() == b"begun\n"
            if run < kills:
                # No run may do more than three of the forty, so that however fast the machine, each is killed at work
                child.stdin.write(b"." * chance.randrange(4))
                child.stdin.flush()
                time.sleep(chance.uniform(0.0, 0.02))
                child.send_signal(signal.SIGKILL)
            else:
                child.communicate(b"." * 40)
        assert child.returncode == (-signal.SIGKILL if run < kills else 0)
        for path in folder.glob("[!.]*.flac"):
            assert path.stat().st_size % 1000 == 0
    jobs = [job(f"job {n}", n, n) for n in range(40)]
    records = again(folder, *jobs)
    assert all(records.is_done(each) for each in jobs)
    rendered = (tmp_path / "rendered.txt").read_text().split()
    recorded = (tmp_path / "recorded.txt").read_text().split()
    assert len(set(recorded)) == len(recorded)
    assert len(rendered) <= 40 + kills  # only what was under way when it was killed
    for each in jobs:
        for number, entry in enumerate(records.of(each)["files"]):
            assert (folder / entry["file"]).read_bytes() == content(f"{each.identity} {number}")
