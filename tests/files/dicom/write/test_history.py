"""What was done to a scan before stays told in what is derived from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from tests.files.dicom.multiframe import item, merge

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


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_texts_that_the_character_set_does_not_have_keep_their_bytes(
    tmp_path: Path, make_series: Callable[..., Path], derivation: Derivation, merged: bool
) -> None:
    """As of a scanner that writes Latin 1 and declares UTF-8: "Thörax", "geglättet"."""

    def change(k: int, ds: FileDataset) -> None:
        ds.SpecificCharacterSet = "ISO_IR 100"
        ds.SeriesDescription, ds.PatientName = "Thörax", "Müller"
        ds.DerivationDescription = "geglättet"
        ds.ProcedureCodeSequence = [item(CodeValue="1", CodeMeaning="Pür")]

    source = make_series(tmp_path / "in", change=change)
    if merged:
        source = merge(source, tmp_path / "merged").parent
    for file in source.iterdir():
        file.write_bytes(file.read_bytes().replace(b"ISO_IR 100", b"ISO_IR 192"))
    write_scan(read_scan(source), tmp_path / "out", derivation=derivation)
    for file in (tmp_path / "out").iterdir():
        written = file.read_bytes()
        for text in (b"Th\xf6rax (protected)", b"M\xfcller", b"gegl\xe4ttet", b"P\xfcr"):
            assert text in written
        assert b"\xef\xbf\xbd" not in written
        if not merged:
            assert b"gegl\xe4ttet; protected, at most 10 HU" in written
