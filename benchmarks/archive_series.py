"""The series of the campaign, real and synthetic, and what the single command makes of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from mitsgan.archive.find import find_series, whole_series
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest

SETTINGS = '[protect]\nprotector = "noise"\nmax_hu = 5\n'
OPTIONS = ("--protector", "noise", "--max-hu", "5")
MITSGAN = (sys.executable, "-m", "mitsgan")


@dataclass(frozen=True)
class Single:
    """What the single command makes of the source: SHA-256 of every file, and what it refuses."""

    files: Mapping[str, str]
    refused: frozenset[str]


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder: of DICOM by series and name, of others by path."""
    return {
        _name(path, folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _name(path: Path, folder: Path) -> str:
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"])
    except InvalidDicomError:
        return str(path.relative_to(folder))
    return f"{header.SeriesInstanceUID}/{path.name}"


def lay_out(source: Path, series: int, folders: Sequence[Path]) -> int:
    """Copy real series, and add synthetic ones until there are enough; how many are real."""
    for number, folder in enumerate(folders):
        shutil.copytree(folder, source / "real" / f"{number}-{folder.name}")
    real = len(whole_series(find_series(source, {}, 1, _unheard))) if folders else 0
    for number in range(series - real):
        scan = chest((8, 32, 32), (24.0, 11.2, 11.2), seed=number)
        phantom_series(scan, source / f"{number:03}" / "ct")
    return real


def _unheard(done: int, total: int, note: str = "") -> None:
    """Progress that nobody looks at."""


def by_single_command(source: Path, folder: Path) -> Single:
    """Protect everything as `mitsgan protect` does; what it refuses it says in its report."""
    out, report = folder / "single", folder / "single.json"
    words = ["protect", source, out, "--recursive", "--output", report, "--quiet", *OPTIONS]
    code = subprocess.run([*MITSGAN, *map(str, words)], check=False).returncode
    if code not in (0, 2):
        raise RuntimeError(f"`mitsgan protect` ended with {code}")
    scans = json.loads(report.read_text())["scans"]
    refused = (scan["series"] or scan["scan"] for scan in scans if scan["reason"])
    return Single(digests(out), frozenset(refused))
