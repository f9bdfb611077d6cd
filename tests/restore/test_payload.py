"""What is encrypted is read whole or not at all: not a byte too many, no other version."""

from __future__ import annotations

import lzma
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from mitsgan.restore.errors import RestoreError
from mitsgan.restore.payload import FORMAT, VERSION, Description, Payload
from mitsgan.restore.within import Promise

DESCRIPTION = Description(
    format=FORMAT,
    version=VERSION,
    original="0" * 64,
    shape=(1, 2, 3),
    itemsize=2,
    files=(),
    image=None,
    headers=(3, 0, 2),
    slabs=(4,),
)
PAYLOAD = Payload(DESCRIPTION, (b"abc", b"", b"de"), (b"slab",))


def test_it_comes_back() -> None:
    assert Payload.from_bytes(PAYLOAD.to_bytes(), "x") == PAYLOAD


@pytest.mark.parametrize(
    "payload",
    [
        replace(PAYLOAD, slabs=(b"slab+",)),
        replace(PAYLOAD, slabs=(b"sla",)),
        replace(PAYLOAD, headers=(b"abc", b"", b"de+")),
        replace(PAYLOAD, headers=(b"abc", b"", b"d")),
    ],
    ids=["slab too long", "slab too short", "header too long", "header too short"],
)
def test_bytes_too_many_or_too_few_are_damage(payload: Payload) -> None:
    with pytest.raises(RestoreError, match="does not hold an original as mitsgan keeps it"):
        Payload.from_bytes(payload.to_bytes(), "x")


def test_headers_that_are_no_xz_are_damage() -> None:
    data = PAYLOAD.to_bytes().replace(lzma.compress(b"abcde"), b"?" * len(lzma.compress(b"abcde")))
    with pytest.raises(RestoreError, match="does not hold an original as mitsgan keeps it"):
        Payload.from_bytes(data, "x")


@pytest.mark.parametrize("change", [{"version": VERSION + 1}, {"format": "another"}])
def test_another_version_is_named(change: dict[str, object]) -> None:
    other = replace(PAYLOAD, description=replace(DESCRIPTION, **change))  # type: ignore[arg-type]
    with pytest.raises(RestoreError, match="use the version of mitsgan that made it"):
        Payload.from_bytes(other.to_bytes(), "x")


@pytest.mark.parametrize("creator", [None, "MITSGAN ORIGINAL 1", "ANOTHER"])
def test_what_another_program_kept_within_a_file_promises_nothing(creator: str | None) -> None:
    content = Dataset()
    if creator is not None:
        content.add_new(0x04010010, "LO", creator)
    with pytest.raises(RestoreError, match="another program, or an earlier version, kept it"):
        Promise.of(content, Path("a.dcm"))
