"""The judges are asked on a phantom; what they are worth is judged elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from judges import CANDIDATES, DENSE, RANDOM, Judges, main
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import NODULE_LPS, chest


@pytest.mark.slow
def test_asks_both_judges_where_the_answer_is_known(tmp_path: Path) -> None:
    series, output, listed = tmp_path / "series", tmp_path / "judges.json", tmp_path / "list.json"
    phantom_series(chest((48, 150, 150), (3.0, 2.3, 2.3), seed=4), series)
    listed.write_text(json.dumps([{"diameter_mm": 12, "world": list(NODULE_LPS)}]))
    options = ["--nodules", str(listed), "--count", "6", "--output", str(output)]
    assert main([str(series), *options]) == 0
    result = Judges.read(output)
    (one,) = result.scans
    assert not one.in_training
    groups = {group.cubes: group for group in one.groups}
    kinds = [group for name, group in groups.items() if name.startswith("nodules, ")]
    sizes = [group for name, group in groups.items() if name.startswith("nodules of ")]
    assert [group.classifier.n for group in kinds] == [6] * 4
    assert sum(group.lump.n for group in sizes) == 24
    assert sum(g.lump.count for g in sizes) == sum(g.lump.count for g in kinds) > 6
    assert groups["nodules, ground-glass"].lump.count <= groups["nodules, solid"].lump.count
    assert (groups[RANDOM].lump.n, groups[DENSE].lump.n) == (12, 12)
    assert not any(groups[name].nodules for name in (RANDOM, DENSE, CANDIDATES) if name in groups)
    bins = one.calibration.bins
    assert sum(one_bin.positives.n for one_bin in bins) == 48
    assert sum(one_bin.positives.count for one_bin in bins) == 24
    assert one.real is not None
    (nodule,) = one.real
    assert nodule.lps_mm == pytest.approx(NODULE_LPS, abs=0.01)
    assert nodule.called is (nodule.probability >= result.threshold)
    assert nodule.lump is (nodule.lump_mm3 >= 300)
    assert main([str(series), *options]) == 2, "the output is there"


def test_too_few_nodules_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--count", "1", "--output", str(tmp_path / "judges.json")]
    assert main([str(tmp_path), *options]) == 2
    assert "must be at least 2" in capsys.readouterr().err
