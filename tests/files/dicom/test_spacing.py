"""Slices are even, rounded, missing, repeated, or two parts; each is told by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.errors import ScanError
from mitsgan.files import read_scan
from mitsgan.files.dicom.spacing import _possible_steps
from mitsgan.reading import Reading

Make = Callable[..., Path]


def _placed(
    folder: Path,
    make_series: Make,
    texts: list[str],
    *,
    numbers: list[int] | None = None,
    **more: Any,
) -> Path:
    """Slices whose z is written with these digits."""

    def change(k: int, ds: Any) -> None:
        ds.ImagePositionPatient = ["-10.0", "-20.0", texts[k]]
        del ds.SliceThickness
        if numbers is not None:
            ds.InstanceNumber = numbers[k]
        for keyword, value in more.items():
            setattr(ds, keyword, value)

    return make_series(folder, len(texts), change)


def _rounded(step: float, count: int, digits: int) -> list[str]:
    return [f"{-100 + step * k:.{digits}f}" for k in range(count)]


@pytest.mark.parametrize(
    "step, digits, count", [(0.625, 1, 11), (1.25, 0, 10), (1.6, 0, 8), (0.75, 1, 9), (2.5, 0, 10)]
)
def test_rounded_positions_are_even(
    tmp_path: Path, make_series: Make, step: float, digits: int, count: int
) -> None:
    texts = _rounded(step, count, digits)
    scan = read_scan(_placed(tmp_path, make_series, texts, numbers=list(range(count))))
    assert scan.spacing[0] == pytest.approx(step, rel=0.08)
    gaps = np.diff(np.array(texts, float))
    if np.ptp(gaps) > 0.1 * gaps.min():
        (note,) = scan.notes
        assert f"rounded to {10.0**-digits:.3g} mm" in note


@given(step=st.floats(0.5, 5.0), start=st.floats(-500.0, 500.0), digits=st.integers(0, 3))
def test_the_true_step_is_always_among_the_possible(step: float, start: float, digits: int) -> None:
    true = start + step * np.arange(25)
    lowest, highest = _possible_steps(
        np.array([round(float(z), digits) for z in true]), np.full(25, 0.5 * 10.0**-digits)
    )
    assert lowest - 1e-6 <= step <= highest + 1e-6


@given(step=st.floats(0.5, 5.0), jump=st.integers(1, 23))
def test_a_slice_that_is_missing_among_exact_positions_fits_no_step(step: float, jump: int) -> None:
    along = np.array([step * k for k in range(25) if k != jump])
    lowest, highest = _possible_steps(along, np.full(24, 0.0005))
    assert lowest > highest


@pytest.mark.parametrize(
    "more", [{"SpacingBetweenSlices": "1"}, {"SliceThickness": "1"}], ids=["spacing", "thickness"]
)
def test_a_missing_slice_at_whole_millimetres_is_missing(
    tmp_path: Path, make_series: Make, more: dict[str, Any]
) -> None:
    texts = [str(k) for k in (0, 1, 2, 3, 5, 6, 7, 8)]
    with pytest.raises(ScanError, match=r"1 slice missing"):
        read_scan(_placed(tmp_path, make_series, texts, **more))


def test_numbers_that_jump_tell_of_a_missing_slice(tmp_path: Path, make_series: Make) -> None:
    texts, numbers = ["0", "1", "2", "4", "5", "6"], [1, 2, 3, 5, 6, 7]
    with pytest.raises(ScanError, match=r"1 slice missing"):
        read_scan(_placed(tmp_path / "a", make_series, texts, numbers=numbers))
    scan = read_scan(_placed(tmp_path / "b", make_series, texts, numbers=list(range(6))))
    assert "rounded to 1 mm" in scan.notes[0]


def test_two_parts_of_different_spacing_are_named(tmp_path: Path, make_series: Make) -> None:
    texts = [f"{z:.3f}" for z in (0, 5, 10, 15, 17.5, 20, 22.5, 25)]
    with pytest.raises(ScanError, match=r"two parts.*4 slices every 5\.000 mm.*every 2\.500 mm"):
        read_scan(_placed(tmp_path, make_series, texts))


def test_one_of_two_parts_can_be_chosen(tmp_path: Path, make_series: Make) -> None:
    places = (0.0, 5.0, 10.0, 15.0, 17.5, 20.0, 22.5)

    def change(k: int, ds: Any) -> None:
        ds.ImagePositionPatient = [-10, -20, places[k]]
        ds.SliceThickness = "5" if k < 4 else "2.5"

    make_series(tmp_path, 7, change)
    with pytest.raises(ScanError, match=r"two parts.*`select=thickness=2\.5`"):
        read_scan(tmp_path)
    assert read_scan(tmp_path, Reading(select=("thickness=2.5",))).spacing[0] == 2.5
    assert read_scan(tmp_path, Reading(select=("thickness=5",))).shape[0] == 4


def test_positions_rounded_into_one_say_so(tmp_path: Path, make_series: Make) -> None:
    texts = ["0", "0", "1", "1", "2"]
    with pytest.raises(ScanError, match=r"same position.*rounded too coarsely"):
        read_scan(_placed(tmp_path, make_series, texts))
