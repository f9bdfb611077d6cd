"""A fault in reading or writing never becomes an output: both are looked at by other means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.uid import JPEGLSLossless, RLELossless
from tests.files.dicom.multiframe import merge

from mitsgan.errors import OutputError
from mitsgan.files import Derivation, read_scan, write_scan, writing
from mitsgan.files.dicom import read as reader
from mitsgan.files.dicom.pixels import read as pixel_reader
from mitsgan.files.dicom.pixels import write as pixel_writer
from mitsgan.files.dicom.write import header, series
from mitsgan.files.readback import check
from mitsgan.files.readback.slices import StoredSlice
from mitsgan.scan import Scan

Make = Callable[..., Path]


def _moved(scan: Scan, hu: int = 3) -> Scan:
    stays = scan.is_padding()
    return scan.with_stored(
        np.where(stays, scan.stored, scan.stored + hu).astype(scan.stored.dtype)
    )


@pytest.mark.parametrize("syntax", [None, JPEGLSLossless, RLELossless])
@pytest.mark.parametrize("suffix", ["", ".nii.gz", ".nrrd"])
def test_what_is_right_passes(
    tmp_path: Path, make_series: Make, derivation: Derivation, suffix: str, syntax: Any
) -> None:
    def change(k: int, ds: Any) -> None:
        ds.RescaleIntercept = f"-{1000 + k}"
        if syntax is not None:
            ds.compress(syntax, generate_instance_uid=False)

    scan = read_scan(make_series(tmp_path / "a", change=change))
    steps: list[tuple[int, int]] = []
    write_scan(
        _moved(scan),
        tmp_path / f"out{suffix}",
        derivation=derivation,
        largest_hu=3.0,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps[-1] == (10, 10)
    assert steps == sorted(steps)


def test_one_sample_per_pixel_need_not_be_said(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def lost(k: int, ds: FileDataset) -> None:
        del ds.SamplesPerPixel

    scan = _moved(read_scan(make_series(tmp_path / "in", change=lost)))
    with writing(scan, tmp_path / "out", derivation=derivation, largest_hu=3) as written:
        assert len(list(written.iterdir())) == 5
    back = dcmread(tmp_path / "out" / "00.dcm")
    assert "SamplesPerPixel" not in back
    np.testing.assert_array_equal(read_scan(tmp_path / "out").stored, scan.stored)


def test_so_do_frames(tmp_path: Path, make_series: Make, derivation: Derivation) -> None:
    merge(make_series(tmp_path / "a"), tmp_path / "m", rescale=lambda z: f"-{1000 + z}")
    scan = read_scan(tmp_path / "m")
    write_scan(_moved(scan), tmp_path / "out", derivation=derivation, largest_hu=3.0)


def _refused(scan: Scan, path: Path, derivation: Derivation, message: str) -> None:
    with pytest.raises(OutputError, match=message):
        write_scan(scan, path, derivation=derivation, largest_hu=3.0)
    assert not path.exists()
    assert not list(path.parent.glob(".*partial*"))


def test_a_voxel_beyond_the_budget_is_not_written(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    scan = read_scan(make_series(tmp_path / "a"))
    stored = scan.stored.copy()
    stored[2, 1, 1] += 4
    for name in ("out", "out.nii", "out.mha"):
        _refused(
            scan.with_stored(stored), tmp_path / name, derivation, "by 4 HU, beyond the budget of 3"
        )


def test_padding_that_moved_is_not_written(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def change(k: int, ds: Any) -> None:
        ds.PixelPaddingValue = 0
        data = np.frombuffer(ds.PixelData, "<i2").copy()
        data[:8] = 0
        ds.PixelData = data.tobytes()

    scan = read_scan(make_series(tmp_path / "a", change=change))
    stored = scan.stored.copy()
    stored[:, 0, 0] = 1
    scan = scan.with_stored(stored)
    # It is no padding any more by its own value; by what the source says it is.
    _refused(scan, tmp_path / "out", derivation, "in the padding")


def test_pixels_that_are_written_shifted_are_noticed(
    tmp_path: Path, make_series: Make, derivation: Derivation, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = pixel_writer.native_bytes

    def shifted(stored: NDArray[Any], *, little: bool) -> memoryview:
        return right(np.roll(stored, 1), little=little)

    monkeypatch.setattr(series, "native_bytes", shifted)
    scan = read_scan(make_series(tmp_path / "a"))
    _refused(_moved(scan), tmp_path / "out", derivation, "does not read back as it was written")


def test_pixels_that_were_read_shifted_are_noticed(
    tmp_path: Path, make_series: Make, derivation: Derivation, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = pixel_reader.read_words

    def shifted(file: Any, form: Any, into: Any) -> Any:
        tail = right(file, form, into)
        for out in into.values():
            out[...] = np.roll(out, 2)
        return tail

    monkeypatch.setattr(reader, "read_words", shifted)
    scan = read_scan(make_series(tmp_path / "a"))
    _refused(_moved(scan), tmp_path / "out", derivation, "beyond the budget")


def test_a_rescale_of_another_slice_is_noticed(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def change(k: int, ds: Any) -> None:
        ds.RescaleIntercept = f"-{1000 + 10 * k}"

    scan = read_scan(make_series(tmp_path / "a", change=change))
    wrong = Scan(
        **{
            **{name: getattr(scan, name) for name in scan.__dataclass_fields__},
            "intercept": scan.intercept[::-1].copy(),
        }
    )
    _refused(wrong, tmp_path / "out", derivation, "does not read back")


def test_one_uid_for_all_is_noticed(
    tmp_path: Path, make_series: Make, derivation: Derivation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header, "derived_uid", lambda source, derivation: "1.2.3")
    scan = read_scan(make_series(tmp_path / "a"))
    _refused(_moved(scan), tmp_path / "out", derivation, "has no UID of its own")


def test_a_source_that_changed_meanwhile_is_noticed(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    folder = make_series(tmp_path / "a")
    scan = read_scan(folder)
    make_series(folder, change=lambda k, ds: setattr(ds, "PixelData", bytes(96)))
    _refused(_moved(scan), tmp_path / "out", derivation, "beyond the budget")


def test_what_fails_in_a_look_at_the_output_leaves_nothing(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    scan = read_scan(make_series(tmp_path / "a"))

    def look() -> None:
        with writing(scan, tmp_path / "out", derivation=derivation, beside=["out.txt"]) as written:
            assert len(list(written.iterdir())) == 5
            written.with_name("out.txt").write_text("beside")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def test_what_is_written_beside_comes_along(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    scan = read_scan(make_series(tmp_path / "a"))
    with writing(scan, tmp_path / "out", derivation=derivation, beside=["out.txt"]) as written:
        written.with_name("out.txt").write_text("beside")
    assert (tmp_path / "out.txt").read_text() == "beside"
    assert len(list((tmp_path / "out").iterdir())) == 5


@pytest.mark.parametrize("slope", [1.0, 0.5, 0.0005])
def test_what_moved_is_the_same_in_integers_and_in_hu(slope: float) -> None:
    rng = np.random.default_rng(0)
    old = rng.integers(-1200, 400, (1, 9, 7)).astype(np.int16)
    new = (old + rng.integers(-3, 4, old.shape)).astype(np.int16)
    scan = replace(
        Scan.from_hu(old, (1.0, 1.0, 1.0), plausible=False),
        slope=np.array([slope]),
        intercept=np.array([-24.0]),
    )
    before, one = (StoredSlice(0, stored[0], slope, -24.0) for stored in (old, new))
    in_hu, exact = check._moved(scan, one, before), check._moved_words(scan, one, before)
    assert exact == pytest.approx(in_hu, abs=1e-9)
    assert exact[0] == 3 * slope


def test_a_value_that_is_lost_moved_without_end_and_one_that_was_lost_before_did_not() -> None:
    """Of floats: where there was none before, there may be none, or any, after."""
    values = np.array([[[0.0, 100.0], [-50.0, np.nan]]])
    scan = Scan.from_hu(np.zeros((1, 2, 2), np.float32), (1.0, 1.0, 1.0), plausible=False)
    before = StoredSlice(0, values[0], 1.0, 0.0)
    assert check._moved(scan, before, before) == (0.0, 0.0)
    lost = values[0].copy()
    lost[0, 1] = np.nan
    assert check._moved(scan, StoredSlice(0, lost, 1.0, 0.0), before)[0] == np.inf
