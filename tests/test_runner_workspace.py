"""Folders of runs that were killed: removed by the next run, whoever is first, and nothing that they lead to."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from runner import workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="abandoned folders stay there")
SWEEPERS = 8


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def ended_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_runs_that_start_at_once_sweep_up_after_the_same_ones(tmp_path):
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "kept.txt").write_text("kept", encoding="utf-8")
    dead = ended_process()
    abandoned = [workspace.self_contained({f"node-{number}": pack for number in range(30)}) for _ in range(10)]
    for run in abandoned:
        run.leave_to(dead)
    together = threading.Barrier(SWEEPERS)

    def start(_):
        together.wait(60)
        return workspace.self_contained({})

    with ThreadPoolExecutor(SWEEPERS) as pool:
        started = list(pool.map(start, range(SWEEPERS)))
    assert all(run.folder.is_dir() for run in started)
    assert not [run.folder for run in abandoned if run.folder.exists()]
    assert (pack / "kept.txt").read_text(encoding="utf-8") == "kept"


def test_a_folder_that_somebody_else_removed_is_no_error():
    run = workspace.self_contained({})
    run.remove()
    run.remove()
    assert not run.folder.exists()
