"""`run.py --jobs` as a user runs it: real servers, a simulator whose ledger is counted, and ends at any moment."""

import json
import random
import re
import signal
import urllib.request

import graphs
import numpy
import pytest
import readme
from runcomfy_runs import wait_until
from runcomfy_simulator import Simulator, rendering
from runcomfy_simulator.rendering import read
from runner import comfyui_source
from runner.client import Client
from runner.jobs import comfyui
from runner.jobs.graphs import Job
from runner_command import Command, own_cache, run

pytestmark = [pytest.mark.server, pytest.mark.slow]
TAKES = 4
NAMES = [f"song {n}" for n in range(4)]


def write(path, *lines):
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def records(folder):
    lines = (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return {record["name"]: record for record in map(json.loads, lines) if record["asked"]}


def test_edits_of_a_list_of_files_and_one_that_fails_stops_no_other(tmp_path, example_music):
    for name, path in zip(("one.mp3", "two.mp3"), example_music):
        (tmp_path / name).write_bytes(path.read_bytes())
    lines = [
        {"name": "first", "LoadAudio.audio": "one.mp3", "TimeRange.start_time": 3, "TimeRange.end_time": 5.5},
        {"name": "past the end", "LoadAudio.audio": "two.mp3", "TimeRange.start_time": 90, "TimeRange.end_time": 95},
        {"name": "second", "LoadAudio.audio": "two.mp3", "TimeRange.start_time": 10, "TimeRange.end_time": 12},
    ]
    file = write(tmp_path / "repairs.jsonl", *lines)
    command = [*readme.arguments("jobs of edits", repairs=file), "--backend", "sketch", "--out", tmp_path / "out"]
    code, out, err = run(*command)
    assert code == 64 and "1 of 3 jobs failed" in err and "2 of 3 jobs are in" in out, out + err
    [failed] = [line for line in out.splitlines() if "FAILED" in line]
    assert failed.startswith("past the end: FAILED. repairs.jsonl, line 2: ") and "90" in failed
    folder = tmp_path / "out" / "repairs"
    found = records(folder)
    assert [found[line["name"]]["state"] for line in lines] == ["done", "failed", "done"]
    assert found["first"]["seams"] and found["first"]["backend"] == "sketch"
    for name, source, start, end in (("first", "one.mp3", 3, 5.5), ("second", "two.mp3", 10, 12)):
        before, after = read((tmp_path / source).read_bytes()), read((folder / f"{name}.flac").read_bytes())
        # FLAC as ComfyUI writes it has 16 bits and cannot go beyond full scale.
        difference = numpy.abs(after.samples - before.samples.clip(-1, 1 - 2**-15))
        first, last = round(start * before.rate), round(end * before.rate)
        assert max(difference[:, :first].max(), difference[:, last:].max()) <= 1 / 32768
        assert difference[:, first:last].max() > 0.05
    assert "past the end" in (folder / "index.html").read_text(encoding="utf-8")


def test_a_line_that_comfyui_would_not_take_is_found_before_anything_runs(tmp_path):
    lines = [{"name": "good", "ACEStepGenerate.duration": 5}, {"name": "bad", "SaveAudioAdvanced.format": "tape"}]
    file = write(tmp_path / "library.jsonl", *lines)
    code, out, err = run(*readme.arguments("jobs", library=file), "--out", tmp_path / "out")
    assert code == 64 and "library.jsonl, line 2: " in err and "tape" in err and "flac" in err, err
    assert "done" not in out and len(err.strip().splitlines()) == 1
    assert not list((tmp_path / "out" / "library").glob("*.flac"))


def test_a_job_that_takes_comfyui_down_stops_no_other(tmp_path):
    long = {"name": "long", "ACEStepGenerate.duration": 600, "ACEStepGenerate.batch_size": 16}
    short = [{"name": name, "ACEStepGenerate.duration": 5} | {"1.seed": n} for n, name in enumerate(("a", "b"))]
    file = write(tmp_path / "jobs.jsonl", long, *short)
    command = Command("--jobs", file, "--backend", "sketch", "--out", tmp_path / "out")
    url = next(re.search(r"ready at (\S+)", line)[1] for line in command.process.stdout if "ready at" in line)

    def names_running():
        with urllib.request.urlopen(f"{url}/queue", timeout=20) as answer:
            running = json.load(answer)["queue_running"]
        return [prompt[2]["1"]["inputs"]["duration"] for prompt in running]

    wait_until(lambda: 600 in names_running(), 120)
    command.wait_for_server_process().kill()
    code, out, err = command.end()
    found = records(tmp_path / "out" / "jobs")
    assert found["long"]["kind"] == "ServerEnded" and "1 of 3 jobs failed" in err, out + err
    assert code == 1 and [found[name]["state"] for name in ("a", "b")] == ["done", "done"]


def test_a_sound_is_there_though_comfyui_ends_right_after_it(tmp_path, comfyui_servers, monkeypatch):
    ran = comfyui_servers.start(comfyui_source.DEFAULT_VERSION)

    run_of_a_client = Client.run

    def run_that_sees_it_end(self, prompt, on_event):
        def seen(kind, data):
            on_event(kind, data)
            if kind == "execution_success":
                ran.server.process.kill()
                ran.server.process.wait()

        return run_of_a_client(self, prompt, seen)

    monkeypatch.setattr(Client, "run", run_that_sees_it_end)
    save = graphs.node("SaveAudio", audio=["1", 0], filename_prefix="song")
    job = Job("song", 1, "jobs.jsonl, line 1", {"1": graphs.generate(seed=1), "2": save}, {}, {})
    with comfyui.ComfyUIEngine(lambda: (ran.workspace, ran.server), 0, lambda client, seconds: None) as engine:
        rendered = engine.render(0, job, lambda: None)
        assert rendered.facts["seeds"] == [1] and len(rendered.sounds) == 1
        assert 4 < read(rendered.sounds[0].read_bytes()).seconds < 6


def test_a_trial_on_the_simulator_leaves_all_to_pay_for(tmp_path):
    file = write(tmp_path / "songs.jsonl", {"name": "song", "1.seed": 3, "1.duration": 5})
    command = [*readme.arguments("jobs paid", songs=file), "--out", tmp_path / "out"]
    nobody = {"RUNCOMFY_API_TOKEN": "", "RUNCOMFY_TOKEN": "", "RUNCOMFY_CONFIG_DIR": str(tmp_path / "nothing")}
    code, out, err = run(*command, "--simulator", **nobody)
    assert code == 0 and "1 of 1 jobs are in" in out and re.search(r"so far: \$0.00\d+, in play money\.", out), (
        out + err
    )
    assert [path.name for path in (tmp_path / "out" / "songs" / "simulator").glob("*.flac")] == ["song.flac"]
    code, out, err = run(*command, "--dry-run", **nobody)
    assert code == 0 and re.search(r"left to do cost about \$0\.00\d+\. That is the published price", out), out + err
    code, out, err = run(*command, "--simulator", "--dry-run", **nobody)
    assert code == 0 and re.search(r"cost about \$0\.0000; so far they have cost \$0\.00\d+\.", out), out + err


def ending(process, number, step, moment, count):
    """For Simulator.on_step: sends the signal, once, at that moment of the count-th request of a step."""
    seen = []

    def on_step(*now):
        if now == (step, moment):
            seen.append(now)
            if len(seen) == count:
                process.send_signal(number)

    return on_step


def test_ctrl_c_while_servers_start_buys_nothing_more(tmp_path):
    lines = [{"name": name, "1.seed": n, "1.duration": 5} for n, name in enumerate(NAMES * 2)]
    lines = [line | {"name": f"{line['name']}, {n}"} for n, line in enumerate(lines)]
    file = write(tmp_path / "songs.jsonl", *lines)
    command = [*readme.arguments("jobs paid", songs=file), "--out", tmp_path / "out"]
    with Simulator(compose=rendering.tone, queue_seconds=600.0) as simulator:
        variables = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
        started = Command(*command, **variables, **own_cache(tmp_path / "cache"))
        # The first of four servers is there before any job, and so its job is sent while the others start.
        simulator.on_step = ending(started.process, signal.SIGINT, "submit", "answered", 1)
        code, out, err = started.end()
        assert code == 130 and out.count("ComfyUI is ready") >= 1, out + err
        assert [job.state() for job in simulator.service.jobs()] == ["cancelled"], out + err


def in_doubt(cache):
    """How many requests of the journal are of unknown outcome."""
    data = json.loads((cache / "user" / "__acestep" / "journal.json").read_bytes())
    return sum(entry["state"] == "unknown" for entry in data["entries"])


def test_whatever_ends_it_the_same_command_goes_on_and_nothing_is_paid_twice(tmp_path):
    chance = random.Random(17)
    lines = [{"name": name, "1.seed": 100 * n, "1.batch_size": TAKES, "1.duration": 5} for n, name in enumerate(NAMES)]
    file = write(tmp_path / "songs.jsonl", *lines)
    folder = tmp_path / "out" / "songs"
    command = [*readme.arguments("jobs paid", songs=file), "--out", tmp_path / "out"]
    with Simulator(compose=rendering.tone, queue_seconds=0.5, run_seconds=0.5) as simulator:
        variables = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
        variables |= own_cache(tmp_path / "cache")

        def bodies():
            return [job.body_sha256 for job in simulator.service.jobs() if not job.cancelled]

        code, out, err = run(*command, "--dry-run", **variables)
        assert code == 0 and "left to do cost about $0.0160" in out and simulator.paid == 0, out + err

        # Ctrl-C, and kill −9: while a sound comes in, while an answer is awaited.
        for number, step, moment, limit in (
            (signal.SIGINT, "status", "answered", 3),
            (signal.SIGKILL, "file", "arrived", TAKES),
            (signal.SIGKILL, "submit", "arrived", TAKES),
        ):
            started = Command(*command, **variables)
            simulator.on_step = ending(started.process, number, step, moment, chance.randint(1, limit))
            code, out, err = started.end()
            assert code == (130 if number == signal.SIGINT else -signal.SIGKILL), out + err
            simulator.on_step = lambda step, moment: None
            assert len(set(bodies())) == len(bodies())
            assert not [path for path in folder.glob("[!.]*.flac") if not path.stat().st_size]

        # Of one request nobody knows what became of it, and perhaps of that of the last kill: their jobs say so, as
        # often as the command is given.
        more = {"name": "one more", "1.seed": 999, "1.duration": 6}
        write(file, *reversed(lines), more)
        simulator.fault("submit", "drop_after")
        for _ in range(2):
            code, out, err = run(*command, **variables)
            assert code == 69 and "of 5 jobs failed" in err, out + err
            assert len(set(bodies())) == len(bodies()) <= len(NAMES) * TAKES + 1
        unknown = [record for record in records(folder).values() if record["state"] == "failed"]
        assert 1 <= len(unknown) <= 2
        for record in unknown:
            assert record["kind"] in ("OutcomeUnknown", "AskedBefore", "SomeFailed")
            assert "--retry-unknown" in record["error"]
            assert record["may_have_cost_usd"] == pytest.approx(0.004 if record["name"] in NAMES else 0.0012)
        assert f"and perhaps ${sum(record['may_have_cost_usd'] for record in unknown):.4f} more" in out

        doubtful = in_doubt(tmp_path / "cache")
        done = next(name for name in NAMES if records(folder)[name]["state"] == "done")
        (folder / f"{done}~2.flac").unlink()  # is fetched, not bought
        code, out, err = run(*command, "--retry-unknown", **variables)
        assert code == 0 and "5 of 5 jobs are in" in out, out + err
        # Nothing is paid twice but what was told to be of unknown outcome, and a kill may leave several of these.
        assert len(bodies()) - len(set(bodies())) <= doubtful and len(set(bodies())) == len(NAMES) * TAKES + 1
        found = records(folder)
        assert [len(found[name]["request_ids"]) for name in NAMES] == [TAKES] * len(NAMES)
        assert sorted(path.name for path in folder.glob("*.flac")) == sorted(
            ["one more.flac", *(f"{name}~{take + 1}.flac" for name in NAMES for take in range(TAKES))]
        )


def test_what_ended_without_an_answer_is_sent_again_as_soon_as_that_is_said(tmp_path):
    file = write(tmp_path / "songs.jsonl", {"name": "song", "1.seed": 7, "1.duration": 5})
    command = [*readme.arguments("jobs paid", songs=file), "--out", tmp_path / "out"]
    with Simulator(compose=rendering.tone) as simulator:
        variables = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
        variables |= own_cache(tmp_path / "cache")
        started = Command(*command, **variables)

        def on_step(step, moment):
            if (step, moment) == ("submit", "arrived"):
                started.wait_for_server_process().kill()

        simulator.on_step = on_step
        code, out, err = started.end()
        assert code == 1 and records(tmp_path / "out" / "songs")["song"]["kind"] == "ServerEnded", out + err
        simulator.on_step = lambda step, moment: None
        code, out, err = run(*command, "--retry-unknown", **variables)
        assert code == 0 and "1 of 1 jobs are in" in out, out + err


def test_a_take_that_is_gone_fails_its_job_and_the_others_keep_their_names(tmp_path):
    file = write(tmp_path / "songs.jsonl", {"name": "song", "1.seed": 7, "1.duration": 5, "1.batch_size": 3})
    command = [*readme.arguments("jobs paid", songs=file), "--out", tmp_path / "out"]
    folder = tmp_path / "out" / "songs"
    with Simulator(compose=rendering.tone) as simulator:
        variables = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
        variables |= own_cache(tmp_path / "cache")
        code, out, err = run(*command, **variables)
        assert code == 0, out + err
        before, paid = records(folder)["song"], simulator.paid
        (folder / "song~2.flac").unlink()
        simulator.service.job(before["request_ids"][1]).forgotten = True
        others = [(folder / f"song~{take}.flac").read_bytes() for take in (1, 3)]
        code, out, err = run(*command, **variables)
        after = records(folder)["song"]
        assert code == 69 and after["kind"] == "NothingToFetch" and "another seed" in after["error"], out + err
        assert before["request_ids"][1] in after["error"] and simulator.paid == paid
        assert (after["cost_usd"], after["request_ids"]) == (before["cost_usd"], before["request_ids"])
        assert others == [(folder / f"song~{take}.flac").read_bytes() for take in (1, 3)]
        assert not (folder / "song~2.flac").exists()


def test_a_take_that_failed_and_was_charged_is_in_every_later_figure_and_limit(tmp_path):
    line = {"name": "song", "1.seed": 7, "1.duration": 5, "1.batch_size": 3}  # $0.0010 a take
    file = write(tmp_path / "songs.jsonl", line)
    command = [*readme.arguments("jobs paid", songs=file), "--out", tmp_path / "out", "--retry-unknown"]
    with Simulator(compose=rendering.tone) as simulator:
        variables = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
        variables |= own_cache(tmp_path / "cache")
        simulator.fault("result", "change", set={"status": "failed", "cost": 0.0012, "output": None})
        code, out, err = run(*command, **variables)
        assert code == 69 and records(tmp_path / "out" / "songs")["song"]["kind"] == "SomeFailed", out + err
        assert "Cost of these jobs so far: $0.0000, and perhaps $0.0032 more for requests that gave no sound." in out
        code, out, err = run(*command, **variables)
        assert code == 0 and simulator.paid == 4, out + err
        assert "Cost of these jobs so far: $0.0030, and perhaps $0.0012 more for requests that gave no sound." in out
        # Nor do edited and removed lines leave the figure and the limit.
        write(file, {"name": "another", "1.seed": 70, "1.duration": 5})
        code, out, err = run(*command, "--max-cost-usd", "0.0051", **variables)
        assert code == 64 and simulator.paid == 4, out + err
        assert "so far they have cost $0.0030, and perhaps $0.0012 more" in err
        assert "$0.0042 of that for what is no longer asked for" in err
        code, out, err = run(*command, "--max-cost-usd", "0.0052", **variables)
        assert code == 0 and simulator.paid == 5, out + err
