from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from mitsgan.errors import ConfigurationError
from mitsgan.files.dicom.find.uids import is_uid
from mitsgan.node.check import check
from mitsgan.node.config import Destination, NodeConfig, Route
from mitsgan.node.store.spool import (
    ObjectError,
    Spool,
    data_digest,
    link_files,
    read_header,
)
from mitsgan.quiet import quiet


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    return spool


def test_folders_are_their_owners_alone(spool: Spool) -> None:
    assert spool.root.stat().st_mode & 0o777 == 0o700


def test_an_object_is_moved_to_its_series(spool: Spool) -> None:
    path = spool.incoming / "x"
    path.write_bytes(b"data")
    assert spool.place(path, 7, "1.2.3").read_bytes() == b"data"
    assert not path.exists()
    assert list(spool.numbers()) == [7]


def test_what_a_crash_left_is_cleared_but_not_series(spool: Spool) -> None:
    (spool.incoming / "half").write_bytes(b"")
    (spool.work / "1-ab").mkdir()
    (spool.incoming / "x").write_bytes(b"data")
    kept = spool.place(spool.incoming / "x", 1, "1.2.3")
    spool.clear()
    assert list(spool.incoming.iterdir()) == list(spool.work.iterdir()) == []
    assert kept.exists()


def test_a_header_is_read(phantom: Path) -> None:
    path = sorted(phantom.iterdir())[0]
    dataset = dcmread(path)
    header = read_header(path, "Rows")
    assert header.sop_uid == dataset.SOPInstanceUID
    assert header.series_uid == dataset.SeriesInstanceUID
    assert header.expected == 64


@pytest.mark.parametrize("uid", ["", "../../etc", "1.2/3", "1" * 65, "1.2.", "a.b"])
def test_a_uid_that_is_none_names_no_file(uid: str, phantom: Path, tmp_path: Path) -> None:
    assert not is_uid(uid)
    dataset = dcmread(sorted(phantom.iterdir())[0])
    with quiet():
        dataset.SeriesInstanceUID = uid
        dataset.save_as(tmp_path / "x.dcm")
    with quiet(), pytest.raises(ObjectError, match="SeriesInstanceUID"):
        read_header(tmp_path / "x.dcm")


def test_the_header_of_a_deflated_object_is_read_and_no_more(
    phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes of it may stand for more than the memory holds."""
    ds = dcmread(min(phantom.iterdir()))
    ds.add_new(0x7FE00010, "OW", bytes(8 << 20))
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    ds.save_as(tmp_path / "bomb.dcm")
    given: list[int] = []

    def counted(data: BytesIO, *args: Any, **options: Any) -> Dataset:
        given.append(len(data.getvalue()))
        return read_dataset(data, *args, **options)

    monkeypatch.setattr("mitsgan.node.store.spool.read_dataset", counted)
    assert read_header(tmp_path / "bomb.dcm").sop_uid == ds.SOPInstanceUID
    assert given == [1 << 20]


def test_noise_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    for data in (b"", b"\0" * 200, b"\0" * 128 + b"DICM" + b"\xff" * 100):
        path.write_bytes(data)
        with quiet(), pytest.raises(ObjectError):
            read_header(path)


def test_the_digest_is_of_the_data_not_of_what_a_receiver_adds(
    phantom: Path, tmp_path: Path
) -> None:
    path = sorted(phantom.iterdir())[0]
    dataset = dcmread(path)
    dataset.file_meta.ImplementationVersionName = "OTHER"
    dataset.save_as(tmp_path / "same.dcm")
    assert data_digest(tmp_path / "same.dcm") == data_digest(path)
    dataset.PatientID = "other"
    dataset.save_as(tmp_path / "different.dcm")
    assert data_digest(tmp_path / "different.dcm") != data_digest(path)


def test_files_are_linked_not_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    link_files([tmp_path / "a"], tmp_path / "b")
    assert (tmp_path / "b" / "a").stat().st_ino == (tmp_path / "a").stat().st_ino


@pytest.mark.parametrize("name", ["incoming", "work"])
def test_a_folder_of_somebody_elses_is_no_spool(tmp_path: Path, name: str) -> None:
    """It was one, and what lay there was deleted."""
    (tmp_path / name).mkdir()
    mine = tmp_path / name / "thesis.txt"
    mine.write_text("all of it")
    with pytest.raises(ConfigurationError, match=f"{name} in it holds files of somebody else"):
        Spool(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    mine.unlink()
    Spool(tmp_path).prepare()
    (tmp_path / name / "left").touch()
    Spool(tmp_path).prepare()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of a peer that is not there
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_check_says_what_is_wrong_with_a_spool_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = NodeConfig(
        spool=tmp_path / "file",
        routes=(Route(name="ct", action="protect", destinations=("pacs",)),),
        destinations={"pacs": Destination(ae_title="PACS", address="127.0.0.1", port=1)},
    )
    wrong = {finding.what for finding in check(config) if finding.state == "WRONG"}
    assert wrong == {"spool", "pacs: C-ECHO"}
