"""The README's commands and names are those of this checkout.

The commands that make sound are run by the tests of the runner, which take them from here by name.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from readme import COMMANDS, NAMED, TEXT, arguments
from runner import cli, graph
from runner.places import PACK_DIR

TESTS = Path(__file__).parent


def test_every_command_has_a_name_and_every_name_is_run_by_a_test():
    assert list(NAMED.values()) == COMMANDS
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted(TESTS.glob("test_*.py")))
    # The whole of the tests cannot run inside one of them; .ci/run is that command.
    assert NAMED["test"] in (PACK_DIR / ".ci" / "run").read_text(encoding="utf-8")
    run = set(re.findall(r'arguments\("([^"]+)"', code)) | set(re.findall(r'NAMED\["([^"]+)"\]', code))
    assert set(NAMED) - run == set()


@pytest.mark.parametrize("name", ["list", "help"])
def test_what_only_informs(name):
    program = PACK_DIR / "workflows" / "run.py"
    assert NAMED["list"].startswith("python3 workflows/run.py") and NAMED["help"].startswith("python3 workflows/run.py")
    given = arguments("list") if name == "list" else arguments("help")
    done = subprocess.run([sys.executable, program, *given], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and len(done.stdout.splitlines()) >= 12, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "given, said",
    [
        (arguments("test tags"), "passed"),
        (arguments("measure"), "minute"),
        (arguments("campaign", **{"30": 0.02}), "0 went wrong"),  # minutes
    ],
)
def test_one_test_and_programs_in_its_environment(given, said):
    program = PACK_DIR / "tests" / "run.py"
    done = subprocess.run([sys.executable, program, *given], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and said in done.stdout, done.stdout + done.stderr


def test_what_was_measured_of_the_peers_is_what_the_bench_wrote():
    lines = (TESTS / "bench" / "peers.txt").read_text(encoding="utf-8").splitlines()[2:]
    assert len(lines) == 6
    for line in lines:
        assert f"| {' | '.join(re.split(r' {2,}', line.strip()))} |" in TEXT


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_installing_by_git(tmp_path):
    """In a folder like ComfyUI's, from a repository with what this checkout holds."""
    origin, comfyui = tmp_path / "origin", tmp_path / "ComfyUI"
    (comfyui / "custom_nodes").mkdir(parents=True)
    git = ["git", "--git-dir", str(origin), "--work-tree", str(PACK_DIR)]
    someone = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "--quiet", "--bare", origin], check=True)
    subprocess.run([*git, "add", "--all", "."], cwd=PACK_DIR, check=True)
    subprocess.run([*git, *someone, "commit", "--quiet", "--message", "as it is"], cwd=PACK_DIR, check=True)
    for command in (NAMED["clone"], NAMED["install"]):
        words = [str(origin) if word == "REPOSITORY_URL" else word for word in shlex.split(command)]
        program = [sys.executable] if words[0] == "python" else words[:1]
        done = subprocess.run([*program, *words[1:]], cwd=comfyui, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    installed = comfyui / "custom_nodes" / "ace-step-nodes"
    assert (installed / "__init__.py").is_file() and (installed / "js" / "acestep.js").is_file()


def test_every_path_it_names_exists():
    named = set(re.findall(r"`((?:nodes|tests|workflows|js|locales)/[\w./-]*)`", TEXT))
    named |= {unquote(path) for path in re.findall(r"\]\(((?!http)[\w./%-]+)\)", TEXT)} | set(
        re.findall(r"tests/[\w/]+\.py", TEXT)
    )
    assert len(named) >= 8
    assert [path for path in sorted(named) if not (PACK_DIR / path).exists()] == []


def test_every_example_and_every_option_of_run_py_is_told():
    table = TEXT.partition("## Example workflows")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d\d [^|]+) \| `(\w+)` \|", table, re.MULTILINE)
    assert rows == [(path.stem, name) for name, path in graph.editor_graphs().items()]
    options = "--simulator --deployment --backend --audio --set --get-model --jobs --seeds --dry-run --max-cost-usd"
    for option in [*options.split(), "--retry-unknown", "--parallel"]:
        assert option in TEXT


def test_it_says_that_a_deployment_is_not_bounded():
    assert re.search(r"`max_cost_usd` does not bound it", TEXT)
    assert "max_cost_usd does not bound" in " ".join(cli.parser().format_help().split())
