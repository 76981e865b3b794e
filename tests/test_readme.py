"""The README's commands and names are those of this checkout."""

import re
import shlex
import subprocess
import sys

import pytest
from runner import cli, deployment, graph
from runner.places import PACK_DIR

TEXT = (PACK_DIR / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
LINES = [line.strip() for block in BLOCKS for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith(("python", "git", "pip"))]
RUN_PY = [command for command in COMMANDS if "workflows/run.py" in command]
TESTS_PY = [command for command in COMMANDS if "tests/run.py" in command]
ONLY_INFORM = ("--list", "--help")
# What a user replaces by a file of their own.
STAND_INS = {"song.mp3"}


def words(command):
    return shlex.split(command)[2:]


def test_the_commands_are_found():
    assert len(RUN_PY) >= 6 and len(TESTS_PY) >= 2
    rest = [command for command in COMMANDS if command not in RUN_PY + TESTS_PY]
    assert [command.split()[0] for command in rest] == ["git", "python"], rest


@pytest.mark.parametrize("command", [command for command in RUN_PY if not command.endswith(ONLY_INFORM)])
def test_run_py_takes_its_arguments(command, tmp_path):
    options = cli.parser().parse_args(words(command))
    if options.deployment is not None:
        assert deployment.job(options).body
        return
    if options.audio:
        assert options.audio in STAND_INS
        (tmp_path / options.audio).write_bytes(b"")
        options.audio = str(tmp_path / options.audio)
    options.out = tmp_path
    name, wanted = graph.load(options.workflow or graph.DEFAULT_WORKFLOW)
    options.workflow = name
    for text in options.settings:
        setting = graph.parse_setting(text)
        assert graph.unknown_inputs(wanted, [setting]) == []
        wanted = graph.with_setting(wanted, setting)
    cli._check_arguments(options, wanted)


@pytest.mark.parametrize("command", [command for command in RUN_PY if command.endswith(ONLY_INFORM)])
def test_what_only_informs_really_runs(command):
    done = subprocess.run(
        [sys.executable, PACK_DIR / "workflows" / "run.py", *words(command)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0 and len(done.stdout.splitlines()) >= 12, done.stderr


@pytest.mark.parametrize("command", TESTS_PY)
def test_what_the_tests_are_told_to_run_exists(command):
    for word in words(command):
        assert "/" not in word or (PACK_DIR / word).is_file()


def test_every_path_it_names_exists():
    named = set(re.findall(r"`((?:nodes|tests|workflows|js|locales)/[\w./-]*)`", TEXT))
    named |= set(re.findall(r"\]\(((?!http)[\w./-]+)\)", TEXT)) | set(re.findall(r"tests/[\w/]+\.py", TEXT))
    assert len(named) >= 8
    assert [path for path in sorted(named) if not (PACK_DIR / path).exists()] == []


def test_every_example_and_every_option_of_run_py_is_told():
    table = TEXT.partition("## Example workflows")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| (\w+) \| (?!pattern)", table, re.MULTILINE)) == graph.available()
    for option in ("--simulator", "--deployment", "--backend", "--audio", "--set"):
        assert option in TEXT


def test_requirements_are_those_of_the_pack():
    install = next(command for command in COMMANDS if "pip install" in command)
    assert install.endswith("/requirements.txt") and (PACK_DIR / "requirements.txt").is_file()


def test_it_says_that_a_deployment_is_not_bounded():
    assert re.search(r"`max_cost_usd` does not bound it", TEXT)
    assert "max_cost_usd does not bound" in " ".join(cli.parser().format_help().split())
