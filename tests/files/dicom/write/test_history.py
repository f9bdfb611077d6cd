"""What was done to a scan before stays told in what is derived from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset

from mitsgan.files import Derivation, read_scan, write_scan


def test_codes_of_a_sequence_without_a_length_are_kept(
    tmp_path: Path, make_series: Callable[..., Path], derivation: Derivation
) -> None:
    """pydicom reads such a sequence at once, and gives its items in place of its bytes."""

    def change(k: int, ds: FileDataset) -> None:
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113041", "DCM", "Align"
        ds.DerivationCodeSequence = [code]
        ds["DerivationCodeSequence"].is_undefined_length = True

    scan = read_scan(make_series(tmp_path / "in", change=change))
    write_scan(scan, tmp_path / "out", derivation=derivation)
    for file in (tmp_path / "out").iterdir():
        codes = [item.CodeValue for item in dcmread(file).DerivationCodeSequence]
        assert codes == ["113041", "113042"]
