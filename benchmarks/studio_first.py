"""How long the studio takes to its first picture: from the command to three planes in a browser.

    python benchmarks/studio_first.py docs/results/studio-first.json

A synthetic pair of 300 slices of 512 x 512 is made (which takes a part of the time), then
`mitsgan studio SCAN PROTECTED` is started several times, each time as a new process, and its page
is loaded by a Chromium that runs already and draws without a graphics card. Counted from the start
of the command: until it says its address, until the planes of the scan are drawn, and until those
of both are, side by side. Beside the times on the clock stand those of processors, of the studio
and of the browser, for the clock counts whatever else runs on the machine; its load is written
down, too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from tests.browser.chromium import Tab, browser, find_browser  # noqa: E402

import mitsgan as mg  # noqa: E402
from machine import load_average, machine  # noqa: E402 - the path above first
from mitsgan import __version__  # noqa: E402
from mitsgan.files.dicom.phantom import phantom_series  # noqa: E402
from mitsgan.jobs.protect.file import protect_file  # noqa: E402
from mitsgan.jobs.protect.settings import ProtectFile  # noqa: E402
from mitsgan.phantom.chest import chest  # noqa: E402

FORMS = ("dicom", "nifti")
TARGET_SECONDS = 5.0
DRAWN = "document.getElementById('{}-axial')?.dataset.drawn !== undefined"
SIDE_BY_SIDE = (
    "(() => { const e = document.getElementById('mode'); e.value = 'side';"
    "e.dispatchEvent(new Event('change')); })()"
)
_TICKS = os.sysconf("SC_CLK_TCK")


def make_pair(folder: Path, form: str, slices: int, side: int) -> tuple[Path, Path]:
    """A synthetic chest and its protected version, uncompressed DICOM or compressed NIfTI."""
    scan, protected = folder / "scan", folder / "protected"
    spacing = (300 / slices, 360 / side, 360 / side)
    phantom_series(chest((slices, side, side), spacing, seed=1), scan)
    if form == "nifti":
        series, scan, protected = scan, folder / "scan.nii.gz", folder / "protected.nii.gz"
        mg.write(mg.read(series), scan)
    protect_file(ProtectFile(scan=scan, out=protected, protector="noise", max_hu=10))
    return scan, protected


def cpu_seconds(pid: int) -> float:
    """What a process and all that it started have used of processors so far, ended ones too."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        number, parent = int(path.parent.name), int(fields[1])
        if number == pid:
            total += sum(map(int, fields[11:15])) / _TICKS
        elif parent == pid:
            total += cpu_seconds(number)
    return total


def one_run(tab: Tab, scan: Path, protected: Path) -> dict[str, float]:
    """Seconds from the start of the command, and those of processors."""
    tab.open("about:blank")
    browser_before = cpu_seconds(tab.pid)
    start = time.perf_counter()
    command = [sys.executable, "-m", "mitsgan", "studio", str(scan), str(protected)]
    with subprocess.Popen([*command, "--no-browser"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"http://\S+", process.stdout.readline())
            if address is None:
                raise SystemExit("studio_first: the studio did not start; what it said is above")
            run = {"address": time.perf_counter() - start}
            tab.open(address[0])
            tab.until(DRAWN.format("first"))
            run["first_picture"] = time.perf_counter() - start
            run["first_picture_cpu"] = cpu_seconds(process.pid)
            run["first_picture_browser_cpu"] = cpu_seconds(tab.pid) - browser_before
            tab.until("!document.querySelector('#mode option[value=side]').disabled")
            tab.value(SIDE_BY_SIDE)
            tab.until(DRAWN.format("second"))
            run["both"] = time.perf_counter() - start
            run["both_cpu"] = cpu_seconds(process.pid)
        finally:
            process.terminate()
    return {name: round(value, 2) for name, value in run.items()}


def measure(folder: Path, form: str, arguments: argparse.Namespace) -> dict[str, object]:
    """All runs on a pair in a form; the first, which warms caches up, is left out."""
    program = find_browser()
    if program is None:
        raise SystemExit("studio_first: no Chromium; on Debian: apt-get install chromium")
    scan, protected = make_pair(folder, form, arguments.slices, arguments.side)
    runs = []
    with browser(program, folder / "profile") as tab:
        for number in range(-1, arguments.repeats):
            run = {**one_run(tab, scan, protected), "load": load_average()}
            sys.stderr.write(f"{form}: {run}\n")
            if number >= 0:
                runs.append(run)
    names = [name for name in runs[0] if name != "load"]
    median = {name: round(statistics.median(run[name] for run in runs), 2) for name in names}
    return {"form": form, "median": median, "runs": runs}


def main() -> int:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("output", type=Path, help="JSON, replaced")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each form (5)")
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--side", type=int, default=512, help="rows and columns")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    arguments = parser.parse_args()
    forms = []
    for form in arguments.forms:
        with tempfile.TemporaryDirectory() as name:
            forms.append(measure(Path(name), form, arguments))
    result = {
        "version": __version__,
        "machine": machine(),
        "slices": arguments.slices,
        "side": arguments.side,
        "target_seconds": TARGET_SECONDS,
        "forms": forms,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
