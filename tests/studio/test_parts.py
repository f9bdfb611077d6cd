"""Layers, tasks, assets, folders and settings, each alone."""

from __future__ import annotations

import gzip
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mitsgan.errors import DataError, OutputError, ScanError, SettingsError
from mitsgan.progress import Progress
from mitsgan.scan.geometry import Geometry
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import Simulated, band_rows
from mitsgan.studio import assets as assets_module
from mitsgan.studio.assets import assets, vendored
from mitsgan.studio.folders import Folders
from mitsgan.studio.layers import CellLayer
from mitsgan.studio.planes import plane_hu, shown_volume
from mitsgan.studio.series import Series, Shelf
from mitsgan.studio.session import Session
from mitsgan.studio.settings import StudioSettings
from mitsgan.studio.tasks import Worker

PACKAGE = Path(assets_module.__file__).parent


def small(value: int = -800, shape: tuple[int, int, int] = (6, 64, 64)) -> Scan:
    return Scan.from_hu(np.full(shape, value, np.int16), (3.0, 1.0, 1.0), plausible=False)


@pytest.mark.parametrize("plane, columns", [("axial", 64), ("coronal", 64), ("sagittal", 64)])
def test_what_an_attacker_touched_leaves_with_simulated_in_it(plane: Any, columns: int) -> None:
    plain = Series("a", "scan", small(shape=(40, 64, 64)))
    tampered = Series("b", "simulated", replace(small(shape=(40, 64, 64)), source=Simulated(None)))
    for shown in (plane_hu(tampered, plane, 2), plane_hu(tampered, plane, 2, plain)):
        rows = band_rows(columns)
        assert (shown[-rows:] >= 900).any(), "letters"
        assert (shown[-rows:] == -1000).any(), "on air"
    assert (plane_hu(plain, plane, 2) == -800).all()
    assert (plane_hu(plain, plane, 2, tampered)[-rows:] >= 900).any(), "taken off, too"
    volume, _ = shown_volume(tampered, 10**6)
    assert all((part[-band_rows(64) :] >= 900).any() for part in volume)


def test_simulated_leaves_most_of_a_plane_of_thick_slices_to_be_seen() -> None:
    scan = Scan.from_hu(np.full((64, 512, 512), -800, np.int16), (5.0, 0.84, 0.84), plausible=False)
    tampered = Series("b", "simulated", replace(scan, source=Simulated(None)))
    for plane in ("coronal", "sagittal"):
        shown = plane_hu(tampered, plane, 2)
        rows = tampered.card()["marked_rows"][plane]
        assert rows == band_rows(512, 5.0 / 0.84)
        assert rows < 20, "of 64"
        assert (shown[:-rows] == -800).all()
        assert (shown[-rows:] >= 900).mean() > 0.02, "letters"
    axial = plane_hu(tampered, "axial", 2)
    assert (axial[: -band_rows(512)] == -800).all()


def test_a_layer_is_looked_up_in_mm(scan: Scan) -> None:
    values = np.zeros((2, 3, 4), np.uint8)
    values[1, 2, 3] = 255
    layer = CellLayer(values, Geometry((6.0, 4.0, 4.0), (1.5, 1.5, 1.5)))
    grid = Geometry((3.0, 1.0, 1.0))
    shown = layer.in_plane(grid, (5, 12, 16), "axial", 2)
    assert shown.shape == (12, 16)
    assert (np.argwhere(shown > 0).min(0) == (8, 12)).all()
    assert np.count_nonzero(shown) == 16
    assert not layer.in_plane(grid, (5, 12, 16), "axial", 0).any()
    sagittal = layer.in_plane(grid, (5, 12, 16), "sagittal", 14)
    assert sagittal.shape == (5, 12)
    assert sagittal[:3, 8:].any(), "the head is on top"


def test_work_is_cancelled_at_its_next_step_and_what_waits_never_begins() -> None:
    worker, begun, go_on = Worker(), threading.Event(), threading.Event()

    def work(progress: Progress) -> dict[str, Any]:
        begun.set()
        assert go_on.wait(60)
        progress("next", 1, 2)
        return {"never": True}

    first, second = worker.start("first", work), worker.start("second", work)
    assert begun.wait(60)
    worker.cancel(first)
    worker.cancel(second)
    go_on.set()
    worker.close()
    assert (first.state, second.state) == ("cancelled", "cancelled")
    assert first.result is None


def test_what_fails_is_told_and_a_bug_is_told_as_one(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()

    def fail(progress: Progress) -> dict[str, Any]:
        raise ScanError("no scan there")

    def stumble(progress: Progress) -> dict[str, Any]:
        return {"a": 1 // 0}

    tasks = [worker.start("fail", fail), worker.start("stumble", stumble)]
    end = time.monotonic() + 60
    while not all(task.over for task in tasks) and time.monotonic() < end:
        time.sleep(0.01)
    worker.close()
    assert tasks[0].error == "no scan there"
    assert "a bug in mitsgan" in tasks[1].error
    assert "ZeroDivisionError" in caplog.text


def test_only_so_much_waits() -> None:
    worker, go_on = Worker(), threading.Event()

    def wait(progress: Progress) -> dict[str, Any]:
        go_on.wait(60)
        return {}

    for number in range(8):
        worker.start(f"{number}", wait)
    with pytest.raises(SettingsError, match="8 pieces of work wait"):
        worker.start("one more", wait)
    go_on.set()
    worker.close()


def test_the_shelf_takes_no_more_than_it_may() -> None:
    shelf = Shelf(100_000)
    shelf.add(Series("a", "scan", small()))
    with pytest.raises(ScanError, match="of memory; "):
        shelf.add(Series("b", "scan", small(shape=(7, 64, 64))))
    assert len(shelf.all()) == 1


def test_closing_a_scan_closes_what_was_made_of_it() -> None:
    shelf = Shelf(10**6)
    scan = Series("a", "scan", small())
    shelf.add(scan, Series("b", "simulated", small(), original=scan.id))
    shelf.close(scan.id)
    assert shelf.all() == []


def test_everything_vendored_has_its_licence_and_its_hash() -> None:
    (niivue,) = vendored()
    text = (PACKAGE / "page" / "vendor" / "LICENSES.txt").read_text()
    for name in ("@niivue/niivue 0.69.0", "gl-matrix", "fflate", "nifti-reader-js", "numcodecs"):
        assert f"=== {name}" in text
    sent = assets()["/vendor/niivue-0.69.0.js"]
    assert sent.encoding == "gzip"
    assert b"export {" in gzip.decompress(sent.content)
    assert niivue.licence.startswith("BSD-2-Clause")


def test_the_page_is_small_and_asks_nobody() -> None:
    files = [path for path in (PACKAGE / "page").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000
    for path in files:
        if path.suffix in (".js", ".html", ".css"):
            text = path.read_text()
            assert "http://" not in text, path
            assert "https://" not in text, path
            assert len(text.splitlines()) < 250, path


def test_a_damaged_asset_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    (known,) = vendored()
    monkeypatch.setattr(assets_module, "vendored", lambda: (replace(known, sha256="0" * 64),))
    assets.cache_clear()
    with pytest.raises(DataError, match=r"is not what was vendored"):
        assets()
    assets.cache_clear()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "..\\a", ".hidden", "a\0b", "c:d", "a\nb", "\ud800"]
)
def test_only_plain_names_are_saved_under(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="plain name"):
        Folders([], tmp_path).saving(name)


def test_a_name_that_is_too_long_is_told_without_the_number_of_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        OutputError, match=r"^a{40}\.\.\. is no name of a file here .*a shorter one"
    ):
        Folders([], tmp_path).saving("a" * 300)


def test_whom_to_believe_is_asked_of_seals_that_lie_beside_scans_too(tmp_path: Path) -> None:
    scan, trust = tmp_path / "scan.nii", tmp_path / "signer.pub"
    session = Session.of(StudioSettings(scan=scan, trust=trust))
    series = Series("scan", "scan", small(), scan)
    assert session.judges_of(series) == (None, None)
    seal = tmp_path / "scan.nii.seal.json"
    seal.touch()
    assert session.judges_of(series) == (seal, trust)
    session.worker.close()


def test_saving_needs_a_folder(tmp_path: Path) -> None:
    assert Folders([], tmp_path).saving("a") == tmp_path / "a"
    with pytest.raises(OutputError, match="without a folder to save in"):
        Folders([]).saving("a")


@pytest.mark.parametrize(
    "values, message",
    [
        ({"protected": Path("b")}, "give `scan` too"),
        ({"passphrase_file": Path("b")}, "give `private_key` too"),
        ({"port": 70000}, "`port` must lie between"),
        ({"memory_gb": 0.0}, "`memory_gb` must lie between"),
    ],
)
def test_settings_that_make_no_sense(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        StudioSettings(**values)


@pytest.mark.parametrize(
    "values, error",
    [
        ({"scan": Path("/none")}, ScanError),
        ({"folders": (Path("/none"),)}, ScanError),
        ({"key": Path("/none")}, SettingsError),
        ({"output": Path("/none")}, OutputError),
    ],
)
def test_what_is_not_there_is_told_before_the_page_opens(
    values: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match="/none"):
        StudioSettings(**values).check()
