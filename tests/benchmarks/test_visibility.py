"""What readers may see: the display, and what is made of what an eye says."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mitsgan as mg
from display import ColorVideoVdp, Display, Picture, jnd_index, luminance
from mitsgan.errors import MissingExtraError
from mitsgan.evaluate.metrics.windows import HU, GreyWindow
from mitsgan.scan.scan import Scan
from visibility import as_ratio, main
from visibility_result import RATIOS, Visibility, Way

WINDOW = GreyWindow("test", -100.0, 100.0)


@dataclass(frozen=True)
class Photometer:
    """An eye that sees every difference: RMS, in parts of the display's range."""

    display: Display
    name: str = "photometer"

    def lost_jod(self, reference: Picture, shown: Picture) -> float:
        difference = (shown - reference) / self.display.brightest
        return float(np.sqrt(np.mean(difference**2)))


def test_greys_have_the_luminance_of_the_standard() -> None:
    """DICOM PS3.14, table B-1."""
    of_the_table = {1: 0.0500, 2: 0.0547, 3: 0.0594, 1023: 3993.4040}
    for index, expected in of_the_table.items():
        assert luminance(np.array([float(index)]))[0] == pytest.approx(expected, rel=1e-3)
    assert jnd_index(float(luminance(np.array([400.0]))[0])) == pytest.approx(400.0)


def test_a_slice_is_shown_from_the_darkest_to_the_brightest() -> None:
    display = Display()
    hu = np.array([[-2000.0, -100.0], [100.0, 2000.0]], np.float32)
    picture = display.picture(hu, WINDOW)
    assert picture.shape == (4, 4)
    assert picture[0, 0] == pytest.approx(display.darkest, rel=1e-3)
    assert picture[-1, -1] == pytest.approx(display.brightest, rel=1e-3)


def test_equal_steps_of_grey_are_equal_steps_of_visibility() -> None:
    hu = np.linspace(-100, 100, 5, dtype=np.float32)[None]
    shown = Display(magnification=1).picture(hu, WINDOW)[0]
    steps = np.diff([jnd_index(float(brightness)) for brightness in shown])
    np.testing.assert_allclose(steps, steps[0], rtol=1e-3)


def test_padding_that_is_no_number_is_black() -> None:
    shown = Display(magnification=1).picture(np.full((2, 2), np.nan, np.float32), HU)
    np.testing.assert_allclose(shown, Display().darkest, rtol=1e-3)


def test_an_eye_further_away_sees_more_pixels_in_a_degree() -> None:
    assert Display().pixels_per_degree == pytest.approx(55.4, abs=0.1)
    far = Display(distance_mm=2 * 667.0)
    assert far.pixels_per_degree == pytest.approx(2 * Display().pixels_per_degree)


def test_a_loss_is_told_as_a_ratio() -> None:
    losses = [ratio / 100 for ratio in RATIOS]
    assert as_ratio(0.05, losses) == pytest.approx(5.0)
    assert 5.0 < as_ratio(0.055, losses) < 6.0
    assert as_ratio(0.0, losses) == RATIOS[0]
    assert as_ratio(1.0, losses) == RATIOS[-1]


def test_a_ratio_that_loses_less_than_the_one_before_counts_as_that() -> None:
    losses = [0.01 * n for n in range(len(RATIOS))]
    losses[3], losses[4] = 0.035, 0.02
    assert RATIOS[2] < as_ratio(0.03, losses) < RATIOS[3]


def test_scans_are_looked_at(small_chest: Scan, tmp_path: Path) -> None:
    scan, output = tmp_path / "scan.nii.gz", tmp_path / "visibility.json"
    mg.write(small_chest, scan)
    ways = [Way("noise", 5.0), Way("noise", 40.0), Way("mits-gan", 40.0, marked=True)]
    picture = tmp_path / "picture.png"
    command = [str(scan), "--slices", "2", "--output", str(output), "--picture", str(picture)]
    assert main(command, Photometer, ways) == 0
    result = Visibility.read(output)
    assert (result.eye, [entry.name for entry in result.weights]) == ("photometer", ["mitsgan"])
    assert len(result.slices["scan.nii.gz"]) == 2
    assert [(one.way, one.window) for one in result.seen] == [
        (way, window) for way in ways for window in ("lung", "mediastinal")
    ]
    little, much = result.seen[0], result.seen[2]
    assert little.rmse_hu == pytest.approx(5, abs=0.5)
    for less, more in zip(little.lost_jod, much.lost_jod, strict=True):
        assert 0 < 4 * less < more
    assert all(a <= b for a, b in zip(little.as_jpeg2000, much.as_jpeg2000, strict=True))
    for compressed in result.compressed:
        assert compressed.lost_jod[0] < compressed.lost_jod[-1]
    assert [path.name for path in tmp_path.glob("*.partial")] == []
    drawn = np.asarray(Image.open(picture), np.float64)
    width = (drawn.shape[1] + 8) // 4
    original, ours, waves, codec = (drawn[:, n * width :][:, : width - 8] for n in range(4))
    for other in (ours, waves, codec):
        assert 0 < np.abs(other - original).mean() < 10
    assert main(command, Photometer, ways) == 2


def test_one_protector_alone(small_chest: Scan, tmp_path: Path) -> None:
    scan, output = tmp_path / "scan.nii.gz", tmp_path / "visibility.json"
    mg.write(small_chest, scan)
    command = [str(scan), "--slices", "1", "--protector", "noise", "--output", str(output)]
    assert main(command, Photometer) == 0
    assert {one.way for one in Visibility.read(output).seen} == {Way("noise")}


def test_no_slice_at_all_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [str(tmp_path), "--slices", "0", "--output", str(tmp_path / "v.json")]
    assert main(command, Photometer) == 2
    assert "--slices" in capsys.readouterr().err


def test_without_a_model_of_the_eye_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycvvdp", None)
    assert main([str(tmp_path), "--output", str(tmp_path / "v.json")]) == 2
    assert "pip install 'cvvdp" in capsys.readouterr().err


def test_the_model_sees_more_where_more_is_added() -> None:
    display, rng = Display(), np.random.default_rng(0)
    try:
        eye = ColorVideoVdp.at(display)
    except MissingExtraError as error:
        pytest.skip(str(error))
    flat = np.full((64, 64), -30.0, np.float32)
    noise = rng.normal(size=flat.shape).astype(np.float32)
    pictures = [display.picture(flat + by * noise, WINDOW) for by in (0, 2, 20)]
    nothing, little, much = (eye.lost_jod(pictures[0], picture) for picture in pictures)
    assert nothing == pytest.approx(0, abs=1e-3)
    assert nothing < little < much
