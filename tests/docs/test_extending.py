"""docs/extending.md does what it says: as scripts, and as a package that is installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mitsgan.files import read_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text()
SHORT = 30


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


CHECKERBOARD, AVERAGER, SCRIPT = blocks("python")
PROJECT, BENCHMARK = blocks("toml")


def run(folder: Path, *arguments: str) -> str:
    """A program in a process of its own that finds modules in a folder; what it prints."""
    path = os.pathsep.join([str(folder), str(ROOT / "src")])
    done = subprocess.run(
        arguments,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def mitsgan(folder: Path, *arguments: str) -> str:
    return run(folder, str(Path(sys.executable).with_name("mitsgan")), *arguments)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the page, installed by pip from a wheel, without network."""
    folder = tmp_path_factory.mktemp("installed")
    project = tomllib.loads(PROJECT)["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    files = {
        "checkerboard.py": CHECKERBOARD,
        "averager.py": AVERAGER,
        f"{stem}.dist-info/METADATA": (
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        ),
        f"{stem}.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        f"{stem}.dist-info/entry_points.txt": points,
    }
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in files)
        name = f"{stem}.dist-info/RECORD"
        archive.writestr(name, f"{record}{name},,\n")
    target = folder / "site"
    pip = ["-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target"]
    subprocess.run([sys.executable, *pip, str(target), str(wheel)], check=True)
    return target


@pytest.mark.parametrize("text", [CHECKERBOARD, AVERAGER], ids=["protector", "attacker"])
def test_one_of_your_own_is_short(text: str) -> None:
    assert len(text.splitlines()) <= SHORT


def test_the_package_names_its_modules() -> None:
    # setuptools refuses to guess where two modules lie beside each other
    project = tomllib.loads(PROJECT)
    points = project["project"]["entry-points"].values()
    named = {value.partition(":")[0] for group in points for value in group.values()}
    assert set(project["tool"]["setuptools"]["py-modules"]) == named


@pytest.mark.slow
def test_a_script_registers_its_own(tmp_path: Path) -> None:
    (tmp_path / "checkerboard.py").write_text(CHECKERBOARD)
    (tmp_path / "averager.py").write_text(AVERAGER)
    (tmp_path / "script.py").write_text(SCRIPT)
    said = run(tmp_path, sys.executable, str(tmp_path / "script.py"))
    assert said.splitlines()[0] == "5.0 a checkerboard"


@pytest.mark.slow
def test_the_command_line_knows_what_is_installed(installed: Path, tmp_path: Path) -> None:
    scan = chest((24, 64, 64), (6.0, 5.6, 5.6))
    phantom_series(scan, tmp_path / "scan")
    source, out, report = (str(tmp_path / name) for name in ("scan", "out", "run.json"))
    options = ("--protector", "checkerboard", "--max-hu", "4", "--quiet", "--output", report)
    mitsgan(installed, "protect", source, out, *options)
    moved = read_scan(tmp_path / "out").hu() - read_scan(tmp_path / "scan").hu()
    assert set(np.unique(np.abs(moved))) <= {0.0, 4.0}
    assert json.loads(Path(report).read_text())["protector"] == "checkerboard"
    said = mitsgan(installed, "protect", "--help")
    assert "checkerboard" in " ".join(said.split())


@pytest.mark.slow
def test_evaluate_attacks_with_what_is_installed(installed: Path, tmp_path: Path) -> None:
    scan, out, numbers = (str(tmp_path / name) for name in ("scan", "out", "e.json"))
    phantom_series(chest((24, 64, 64), (6.0, 5.6, 5.6)), tmp_path / "scan")
    mitsgan(installed, "protect", scan, out, "--protector", "checkerboard", "--quiet")
    options = ("--attackers", "averager", "--positions", "2", "--pgd-steps", "2", "--quiet")
    mitsgan(installed, "evaluate", scan, out, *options, "-o", numbers)
    result = json.loads(Path(numbers).read_text())
    assert {row["name"] for row in result["attackers"].values()} == {"averager"}
    assert result["disruption"]["remove"]["protected"]["rmse_hu"]["median"] > 0


@pytest.mark.slow
def test_benchmarks_and_reports_know_them_too(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(BENCHMARK)
    mitsgan(installed, "benchmark", str(tmp_path / "own.toml"), "-o", str(tmp_path / "run"))
    page = tmp_path / "report.html"
    mitsgan(installed, "report", str(tmp_path / "run"), "--output", str(page))
    html = page.read_text()
    assert "our checkerboard" in html
    assert "averager" in html
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert "averager" in json.dumps(summary)
