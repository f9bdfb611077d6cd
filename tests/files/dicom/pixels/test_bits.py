"""The bits above Bits Stored: a sign, an overlay, or more of the value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.perturb import Budget, Fixed, apply_perturbations
from mitsgan.scan import Scan

Make = Callable[..., Path]


def _series(
    folder: Path, make_series: Make, words: NDArray[Any], *, bits: int, signed: bool
) -> Path:
    """Slices whose 16-bit words are given: one, or one for each of five."""

    def change(k: int, ds: Any) -> None:
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, int(signed)
        ds.RescaleIntercept = "0" if signed else "-1024"
        word = words if words.ndim == 2 else words[k]
        ds.PixelData = word.astype("<i2" if signed else "<u2").tobytes()

    return make_series(folder, change=change)


def _words(folder: Path) -> NDArray[np.int64]:
    """The words in the files, z ascending, as they are."""
    files = sorted(
        (dcmread(p) for p in folder.iterdir()), key=lambda ds: ds.ImagePositionPatient[2]
    )
    return np.stack(
        [
            np.frombuffer(ds.PixelData, "<i2" if ds.PixelRepresentation else "<u2").reshape(6, 8)
            for ds in files
        ]
    ).astype(np.int64)


def _protected(scan: Scan) -> Scan:
    more = Fixed(np.full(scan.shape, 7, np.float32))
    return apply_perturbations(scan, [more], Budget(10.0)).scan


def _body(values: NDArray[Any] | None = None) -> NDArray[np.int64]:
    body = np.random.default_rng(3).integers(100, 1500, (6, 8))
    return body if values is None else np.where(values != 0, values, body)


def test_metal_beyond_the_bits_is_kept_and_told(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    words = _body()
    words[2, 3] = 5000  # 13 bits, in 12
    scan = read_scan(_series(tmp_path / "a", make_series, words, bits=12, signed=False))
    assert (scan.stored[:, 2, 3] == 5000).all()
    assert scan.is_padding()[:, 2, 3].all()
    assert any("*Bits Stored* is 12, but 5 slice(s)" in note for note in scan.notes)
    write_scan(_protected(scan), tmp_path / "out", derivation=derivation)
    written = _words(tmp_path / "out")
    assert (written[:, 2, 3] == 5000).all()
    assert (np.delete(written - words, 3, axis=2) == 7).all()


def test_values_never_leave_the_bits(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    words = _body()
    words[0], words[1, 1] = 4092, 5000
    scan = read_scan(_series(tmp_path / "a", make_series, words, bits=12, signed=False))
    write_scan(_protected(scan), tmp_path / "out", derivation=derivation)
    assert (_words(tmp_path / "out")[:, 0] == 4095).all()


def test_padding_that_needs_more_bits_is_kept(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    words = _body() - 1000
    words[:, 0] = -3024
    scan = read_scan(_series(tmp_path / "a", make_series, words, bits=12, signed=True))
    assert (scan.hu()[:, :, 0] == -3024).all()
    write_scan(_protected(scan), tmp_path / "out", derivation=derivation)
    written = _words(tmp_path / "out")
    assert (written[:, :, 0] == -3024).all()
    assert (written[:, :, 1:] - words[:, 1:] == 7).all()


def test_a_sign_that_was_cut_off_is_extended_and_cut_off_again(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    values = _body() - 1000
    words = values & 0xFFF  # -1 is 0x0FFF
    assert (words >= 0).all()
    scan = read_scan(_series(tmp_path / "a", make_series, words, bits=12, signed=True))
    np.testing.assert_array_equal(scan.stored[0], values)
    assert not scan.notes
    write_scan(_protected(scan), tmp_path / "out", derivation=derivation)
    np.testing.assert_array_equal(_words(tmp_path / "out")[0], (values + 7) & 0xFFF)


def test_whether_a_sign_was_cut_off_is_asked_of_all_slices(
    tmp_path: Path, make_series: Make
) -> None:
    words = np.stack([_body() - 1000] * 5)
    words[2] = _body() + 1000  # no air in this one, but metal of 2500
    scan = read_scan(_series(tmp_path, make_series, words, bits=12, signed=True))
    np.testing.assert_array_equal(scan.stored, words)


def test_an_overlay_in_the_upper_bits_is_kept(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    values = _body()
    overlay = np.zeros_like(values)
    overlay[1:3, 2:5] = 1 << 12

    def change(k: int, ds: Any) -> None:
        ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 12, 11, 0
        ds.PixelData = (values | overlay).astype("<u2").tobytes()
        ds.add_new(0x60000102, "US", 12)  # Overlay Bit Position

    scan = read_scan(make_series(tmp_path / "a", change=change))
    np.testing.assert_array_equal(scan.stored[0], values)
    write_scan(_protected(scan), tmp_path / "out", derivation=derivation)
    np.testing.assert_array_equal(_words(tmp_path / "out")[0], (values + 7) | overlay)


@pytest.mark.parametrize("bits", [(12, 16), (16, 12)])
def test_sign_and_bits_may_differ_from_slice_to_slice(
    tmp_path: Path, make_series: Make, derivation: Derivation, bits: tuple[int, int]
) -> None:
    """Every second slice is signed HU, the others are unsigned with an intercept."""
    hu = _body() - 1000

    def change(k: int, ds: Any) -> None:
        ds.PixelRepresentation = k % 2
        ds.BitsStored, ds.HighBit = bits[k % 2], bits[k % 2] - 1
        ds.RescaleIntercept = "0" if k % 2 else "-1024"
        ds.PixelData = (hu if k % 2 else hu + 1024).astype("<i2").tobytes()

    scan = read_scan(make_series(tmp_path / "a", change=change))
    assert all((plane == hu).all() for plane in scan.hu())
    write_scan(_protected(scan), tmp_path / "out", derivation=derivation)
    assert all((plane == hu + 7).all() for plane in read_scan(tmp_path / "out").hu())
    for path in (tmp_path / "a").iterdir():
        old, new = dcmread(path), dcmread(tmp_path / "out" / path.name)
        for name in ("BitsStored", "HighBit", "PixelRepresentation", "RescaleIntercept"):
            assert old[name].value == new[name].value
        np.testing.assert_array_equal(new.pixel_array, old.pixel_array + 7)


def test_values_of_both_kinds_that_16_bits_cannot_hold(
    tmp_path: Path, make_series: Make, derivation: Derivation
) -> None:
    def change(k: int, ds: Any) -> None:
        ds.PixelRepresentation = k % 2
        ds.RescaleIntercept = "0" if k % 2 else "-33000"
        values = _body() - 1000 if k % 2 else _body() + 32000
        ds.PixelData = values.astype("<i2" if k % 2 else "<u2").tobytes()

    scan = read_scan(make_series(tmp_path / "a", change=change))
    assert scan.stored.dtype == np.int32
    write_scan(_protected(scan), tmp_path / "out", derivation=derivation)
    np.testing.assert_array_equal(_words(tmp_path / "out") - 7, _words(tmp_path / "a"))
