"""Objects while they are received, and which of them are whole after a crash."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom import dimse_messages
from pynetdicom.dsutils import create_file_meta

from mitsgan.node.store.incoming import IncomingFile, is_whole, receive_into
from mitsgan.node.store.spool import find_header, read_header


def meta(sop_uid: str = "1.2.3.45") -> FileMetaDataset:
    return create_file_meta(
        sop_class_uid=UID("1.2.840.10008.5.1.4.1.1.2"),
        sop_instance_uid=UID(sop_uid),
        transfer_syntax=UID("1.2.840.10008.1.2.1"),
    )


@pytest.fixture
def receiving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder into which pynetdicom's own parts put what they receive."""
    for name in ("NamedTemporaryFile", "write_file_meta_info"):
        monkeypatch.setattr(dimse_messages, name, getattr(dimse_messages, name))
    monkeypatch.setattr("pynetdicom._config.STORE_RECV_CHUNKED_DATASET", False)
    receive_into(tmp_path)
    return tmp_path


@pytest.mark.parametrize("sop_uid", ["1.2.3.45", "1.2.3.4"])
def test_the_file_meta_information_is_what_pydicom_would_write(
    receiving: Path, sop_uid: str
) -> None:
    module = cast(Any, dimse_messages)
    file = module.NamedTemporaryFile(delete=False, mode="wb", suffix=".dcm")
    module.write_file_meta_info(file, meta(sop_uid))
    file.close()
    expected = BytesIO()
    write_file_meta_info(cast(Any, expected), meta(sop_uid))
    assert Path(file.name).read_bytes() == expected.getvalue()


def incoming(folder: Path, *parts: bytes) -> IncomingFile:
    file = IncomingFile(folder)
    for part in parts:
        file.write(part)
    return file


def test_an_object_is_whole_once_it_was_received_to_its_end(tmp_path: Path) -> None:
    parts = bytes(128), b"DICM", b"meta", b"a" * 100_000, b"b" * 1000
    file = incoming(tmp_path, *parts)
    path = Path(file.name)
    assert not is_whole(path)
    file.finish()
    file.close()
    assert is_whole(path)
    assert path.read_bytes()[128:] == b"".join(parts)[128:]
    assert file.head.startswith(bytes(128) + b"DICMmeta" + b"a" * 50_000)


@pytest.mark.parametrize("keep", [0, 100, 128, 1000, 101_000])
def test_an_object_of_which_a_part_is_on_the_disk_is_not_whole(tmp_path: Path, keep: int) -> None:
    file = incoming(tmp_path, bytes(128), b"DICM", b"a" * 101_000)
    file.finish()
    file.close()
    path = Path(file.name)
    data = path.read_bytes()
    path.write_bytes(data[:keep])
    assert not is_whole(path)
    path.write_bytes(data[:keep] + bytes(len(data) - keep))  # blocks that were never written
    assert not is_whole(path)


def test_what_was_discarded_is_gone_but_not_what_was_moved(tmp_path: Path) -> None:
    file = incoming(tmp_path, b"x")
    file.discard()
    assert list(tmp_path.iterdir()) == []
    file = incoming(tmp_path, b"x")
    Path(file.name).rename(tmp_path / "kept")
    file.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_the_head_tells_what_the_file_tells(phantom: Path, tmp_path: Path) -> None:
    path = sorted(phantom.iterdir())[0]
    head = path.read_bytes()[:65536]
    header = read_header(path, "ImagesInAcquisition")
    assert header.expected == 16
    assert find_header(head, header.syntax, "ImagesInAcquisition") == header


def test_what_is_not_in_the_head_is_looked_for_in_the_file(phantom: Path) -> None:
    path = sorted(phantom.iterdir())[0]
    header = read_header(path)
    for head in (b"", path.read_bytes()[:200], path.read_bytes()[:600], b"x" * 1000):
        assert find_header(head, header.syntax) is None
    assert find_header(path.read_bytes(), "1.2.840.10008.1.2.1.99") is None  # deflated
    assert dcmread(path).SeriesInstanceUID == header.series_uid
