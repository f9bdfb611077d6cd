"""What somebody can take away who runs the protector again."""

from pathlib import Path

import pytest

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from recomputed import PROTECTORS, Recomputed, left, main


@pytest.fixture(scope="module")
def fine_chest() -> Scan:
    return chest((12, 256, 256), (5.0, 1.2, 1.2), seed=1)


def test_the_seed_of_the_network_hides_nothing(fine_chest: Scan) -> None:
    found = left("chest", fine_chest, "mits-gan")
    assert found.added_hu > 3
    assert found.seed_known_hu < 0.2 * found.added_hu
    assert found.seed_unknown_hu < 0.2 * found.added_hu


def test_the_seed_of_a_field_hides_it(fine_chest: Scan) -> None:
    found = left("chest", fine_chest, "bias-field")
    assert found.seed_known_hu < 0.2 * found.added_hu
    assert found.seed_unknown_hu > found.added_hu


def test_the_command_writes_a_row_for_each_scan_and_protector(tmp_path: Path) -> None:
    series = tmp_path / "series"
    phantom_series(chest((12, 64, 64), (6.0, 5.6, 5.6), seed=2), series)
    output = tmp_path / "recomputed.json"
    assert main([str(series), "--output", str(output)]) == 0
    rows = Recomputed.read(output).rows
    assert [row.protector for row in rows] == list(PROTECTORS)
    assert {row.scan for row in rows} == {series.name}
    assert main([str(series), "--output", str(output)]) == 2
