"""Runs the suite's core on every supported ComfyUI and writes the table of the README.

    python3 tests/run.py tests/compatibility.py

Takes about a minute a row. Each row is what was seen in this run, never what is expected.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("0.26.0", "0.27.0", "0.30.0")
CACHES = {"default": "", "classic": "--cache-classic"}
CORE = ("tests/comfyui/test_contract.py", "tests/comfyui/test_edits.py")
BEGIN, END = "<!-- compatibility: begin -->", "<!-- compatibility: end -->"


def main() -> int:
    rows, failed = [], False
    for version in VERSIONS:
        for cache, flag in CACHES.items():
            result, ok = _run(f"{version} {flag}".strip())
            failed |= not ok
            rows.append(f"| {version} | {cache} | {result} |")
    _write(["| ComfyUI | cache | core tests |", "| --- | --- | --- |", *rows])
    return int(failed)


def _run(comfyui: str) -> tuple[str, bool]:
    command = [sys.executable, "-m", "pytest", "-q", "--comfyui-versions", comfyui, *CORE]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["no output"]
    summary = re.sub(r" in [0-9.]+s.*", "", lines[-1].strip("= "))
    print(f"{comfyui}: {summary}", flush=True)
    return summary, done.returncode == 0


def _write(table: list[str]) -> None:
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{chr(10).join(table)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
