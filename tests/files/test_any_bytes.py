"""Whatever bytes a file holds, reading it gives a scan or a message."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mitsgan.errors import MitsganError
from mitsgan.files import read_scan

STARTS = {
    "scan.nii": b"\x5c\x01\0\0",
    "scan.nii.gz": b"\x1f\x8b\x08",
    "scan.mha": b"ObjectType = Image\nNDims = 3\n",
    "scan.mhd": b"ObjectType = Image\nElementDataFile = ",
    "scan.nrrd": b"NRRD0004\ntype: short\ndimension: 3\n",
    "scan.nhdr": b"NRRD0004\ndata file: ",
    "scan.dcm": bytes(128) + b"DICM\x02\0\0\0UL\x04\0",
    "scan.zip": b"PK\x03\x04",
    "DICOMDIR": bytes(128) + b"DICM\x02\0\0\0UL\x04\0",
}


@pytest.mark.parametrize("name", STARTS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(data=st.binary(max_size=600))
def test_any_bytes(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    for start in (b"", STARTS[name]):
        path.write_bytes(start + data)
        said = name
        try:
            read_scan(path)
        except MitsganError as error:
            said = str(error)
        assert name in said
