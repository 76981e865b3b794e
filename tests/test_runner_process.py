"""Child processes end together with everything they started."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from runner import process

# A parent that leaves on Ctrl-C at once, and a child of it that does not know what Ctrl-C is.
STUBBORN_CHILD = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {STUBBORN_CHILD!r}], stdout=subprocess.PIPE)
child.stdout.readline()
try:
    print(child.pid, flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    sys.exit(7)
"""


@pytest.fixture
def family():
    parent = process.start([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    yield parent, psutil.Process(int(parent.stdout.readline()))
    process.kill(parent)
    parent.stdout.close()


def test_end_asks_first_and_leaves_no_child(family):
    parent, child = family
    process.end(parent, patience_seconds=20)
    assert parent.returncode == 7
    assert psutil.wait_procs([child], timeout=20)[1] == []


# Says which of two lists the collector knows: one from before its owner said that the start was over, one from after.
HELPER = """
import gc, sys, threading
sys.path.insert(0, sys.argv[1])
from owner_pipe import end_with_owner
made = []
end_with_owner()
print("up", flush=True)
while not gc.get_freeze_count():
    pass
later = []
print(*(any(each is one for each in gc.get_objects()) for one in (made, later)), flush=True)
threading.Event().wait()
"""


def test_what_a_start_has_made_is_left_out_of_collections_once_the_owner_says_so():
    runner = Path(process.__file__).parent
    helper = process.start(
        [sys.executable, "-c", HELPER, str(runner)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert helper.stdout.readline() == "up\n"
        helper.stdin.write("\n")
        helper.stdin.flush()
        assert helper.stdout.readline() == "False True\n"
        helper.stdin.close()
        assert helper.wait(20) == -9  # and it still ends with its owner
    finally:
        process.kill(helper)
        helper.stdout.close()


def test_kill_takes_all_at_once(family):
    parent, child = family
    process.kill(parent)
    assert parent.returncode == -9
    assert psutil.wait_procs([child], timeout=20)[1] == []


def test_killing_what_has_ended_is_no_error(family):
    parent, _ = family
    process.kill(parent)
    process.kill(parent)
    process.end(parent, patience_seconds=1)
