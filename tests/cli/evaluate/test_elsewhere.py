"""`mitsgan evaluate` where nothing can be tampered with: an answer, and the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.cli.main import main
from mitsgan.scan.scan import Scan

HU = NDArray[np.float64]
SPACING_MM = (8.0, 3.8, 3.8)


def head(chest: HU) -> HU:
    """A skull full of soft tissue, in air."""
    z, y, x = np.ogrid[tuple(map(slice, chest.shape))]
    away = np.hypot(np.hypot((z - 12) / 9, (y - 48) / 30), (x - 48) / 26)
    smooth = np.select([away < 0.9, away < 1], [35.0, 900.0], -1000.0)
    return smooth + np.random.default_rng(0).normal(0, 4, chest.shape)


def abdomen(chest: HU) -> HU:
    """The chest, whose lung is of soft tissue."""
    return np.where((chest > -980) & (chest < -150), 40.0, chest)


def three_slices(chest: HU) -> HU:
    """Of the chest, which is too little for a cube of 32 mm."""
    return chest[10:13]


@pytest.mark.parametrize(
    "kind, reason",
    [(head, "found no lung"), (abdomen, "found no lung"), (three_slices, "too little of the lung")],
)
def test_no_tampering_is_told_with_its_reason(
    kind: Callable[[HU], HU],
    reason: str,
    phantom: Scan,
    attacker_options: list[str],
    protector_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scan = tmp_path / "scan.nii"
    hu = np.rint(kind(phantom.hu().astype(float))).astype(np.int16)
    dz, dy, dx = SPACING_MM
    affine = np.diag([-dx, -dy, dz, 1])
    image: Any = nib.Nifti1Image(hu.transpose(2, 1, 0), affine)  # type: ignore[no-untyped-call]
    nib.save(image, scan)
    numbers, page, picture = (tmp_path / name for name in ("a.json", "a.html", "a.png"))
    wanted = ["-o", str(numbers), "--html", str(page), "--picture", str(picture)]
    wanted += ["--positions", "3", "--pgd-steps", "2", *attacker_options, *protector_options]
    assert main(["evaluate", str(scan), *wanted]) == 0
    result, printed = json.loads(numbers.read_text()), capsys.readouterr().out
    (gap,) = (gap for gap in result["gaps"] if gap.startswith("simulated tampering: "))
    assert reason in gap
    assert "name positions yourself" in gap
    assert result["disruption"] == {} == result["attackers"]
    assert result["budget_check"]["kept"]
    assert f"not measured: {gap}" in printed
    assert f"not drawn: {picture}" in printed
    assert "Disruption" not in printed
    assert not picture.exists()
    assert gap in page.read_text()
