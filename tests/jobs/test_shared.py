"""Settings that jobs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitsgan.errors import ScanError
from mitsgan.jobs.shared import ScanInput


def test_a_scan_that_is_not_there_is_told_before_it_is_read(tmp_path: Path) -> None:
    ScanInput(scan=tmp_path).check_scan()
    with pytest.raises(ScanError, match="none does not exist; name a DICOM folder or an image"):
        ScanInput(scan=tmp_path / "none").check_scan()
