"""Hold the floor of coverage: tests run at least that much, and the floor never sinks.

The floor is ``fail_under`` in pyproject.toml. This tells what is covered, fails below the floor and
where that is lower than it ever was, and says when there is room to raise it.

    python tools/coverage_floor.py
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = "pyproject.toml"
ROOM = 1.0
"""Per cent above the floor from which on it should be raised."""


def floor(text: str) -> float:
    """``fail_under`` of a pyproject.toml; 0 without one."""
    report = tomllib.loads(text).get("tool", {}).get("coverage", {}).get("report", {})
    return float(report.get("fail_under", 0.0))


def highest_before(root: Path) -> float:
    """The highest floor of all commits so far."""
    commits = _git(root, "log", "--format=%H", "-Gfail_under", "--", FILE).split()
    return max((floor(_git(root, "show", f"{commit}:{FILE}")) for commit in commits), default=0.0)


def measured(root: Path) -> str:
    """What coverage reports of the last run of `make coverage`."""
    command = [sys.executable, "-m", "coverage", "report", "--fail-under=0", "--precision=2"]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


def total(report: str) -> float:
    """Per cent of lines and branches that a report says are covered, all files together."""
    (line,) = (line for line in report.splitlines() if line.startswith("TOTAL"))
    return float(line.split()[-1].removesuffix("%"))


def complaints(now: float, before: float, covered: float) -> list[str]:
    """What is wrong with a floor, or could be better; in words."""
    if now < before:
        return [
            f"{FILE}: the floor of coverage sank from {before:g} to {now:g} %; it may only rise"
        ]
    if covered < now:
        return [f"tests cover {covered:.2f} % of the source, the floor is {now:g} %; add tests"]
    return []


def main() -> int:
    """The exit code: 1 where something is wrong."""
    report = measured(ROOT)
    print(report)
    now, covered = floor((ROOT / FILE).read_text()), total(report)
    wrong = complaints(now, highest_before(ROOT), covered)
    print("\n".join(wrong) or f"coverage {covered:.2f} %, floor {now:g} %")
    if not wrong and covered > now + ROOM:
        print(f"{FILE}: the floor may rise to {covered - 0.1:.1f}")
    return 1 if wrong else 0


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
