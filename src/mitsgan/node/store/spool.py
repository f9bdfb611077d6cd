"""Objects on disk: durable before they are acknowledged, and found again after any crash."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.multival import MultiValue

from mitsgan.errors import MitsganError
from mitsgan.quiet import UNREADABLE

_UID = re.compile(r"^[0-9]+(\.[0-9]+)*$")
_CHUNK = 1 << 20


class ObjectError(MitsganError):
    """An object that cannot be taken: it is no DICOM, or does not say what it is."""


@dataclass(frozen=True)
class Header:
    """What the node needs of an object; nothing of it names a patient.

    ``expected`` is how many objects its series has, where a route looks for that.
    """

    sop_uid: str
    class_uid: str
    syntax: str
    series_uid: str
    study_uid: str
    expected: int | None = None


def read_header(path: Path, expected: str = "") -> Header:
    """Read what an object says it is; its pixels are not touched.

    Args:
        path: a DICOM file.
        expected: keyword of the attribute that tells how many objects the series has.

    Raises:
        ObjectError: it cannot be read, or a UID is missing or is none.
    """
    tags = ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
    try:
        meta = read_file_meta_info(path)
        dataset = dcmread(
            path, stop_before_pixels=True, specific_tags=[*tags, *([expected] if expected else [])]
        )
        values = [str(dataset.get(tag, "")) for tag in tags]
        syntax = str(meta.TransferSyntaxUID)
        count = _number(dataset.get(expected)) if expected else None
    except UNREADABLE as error:
        raise ObjectError(f"the object cannot be read: {error}") from error
    for tag, value in zip(tags, values, strict=True):
        if not is_uid(value):
            raise ObjectError(f"{tag} is missing, or is no UID")
    class_uid, sop_uid, study_uid, series_uid = values
    return Header(sop_uid, class_uid, syntax, series_uid, study_uid, count)


def is_uid(text: str) -> bool:
    """Whether a text is a UID (PS3.5 9.1), which then also is safe as the name of a file."""
    return len(text) <= 64 and _UID.match(text) is not None


@dataclass(frozen=True)
class Spool:
    """The folders of a node.

    `incoming` holds what is being received, `series` a folder for each series in the ledger,
    `work` what a worker is making; `received` and `protected` lie in a series' folder.
    """

    root: Path

    def prepare(self) -> None:
        """Make the folders, readable by their owner alone."""
        for folder in (self.root, self.incoming, self.work, self.root / "series"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def incoming(self) -> Path:
        """Objects that are being received; nothing in it was acknowledged."""
        return self.root / "incoming"

    @property
    def work(self) -> Path:
        """What workers are making; nothing in it is needed after a crash."""
        return self.root / "work"

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.root / "ledger.sqlite"

    def folder(self, series: int) -> Path:
        """The folder of a series, by its number in the ledger."""
        return self.root / "series" / str(series)

    def received(self, series: int) -> Path:
        """Objects as they were received."""
        return self.folder(series) / "received"

    def protected(self, series: int) -> Path:
        """Objects as they are sent, of a series that was protected."""
        return self.folder(series) / "protected"

    def seal(self, series: int) -> Path:
        """The seal of a series that was protected."""
        return self.folder(series) / "protected.seal.json"

    def place(self, file: Path, series: int, sop_uid: str) -> Path:
        """Move an object that is on the disk to its series; durable once this returns.

        Its content must have been synchronised before.
        """
        folder = self.received(series)
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            sync_folder(folder.parent)
            sync_folder(folder.parent.parent)
        target = folder / f"{sop_uid}.dcm"
        file.rename(target)
        sync_folder(folder)
        return target

    def numbers(self) -> Iterator[int]:
        """Series that have a folder."""
        for folder in (self.root / "series").iterdir():
            if folder.name.isdecimal():
                yield int(folder.name)

    def remove(self, series: int) -> None:
        """Delete the files of a series."""
        shutil.rmtree(self.folder(series), ignore_errors=True)

    def clear(self) -> None:
        """Delete what a crash left behind: half-received objects and half-done work."""
        for folder in (self.incoming, self.work):
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()

    def free_mb(self) -> float:
        """Free space, for those who are not root."""
        status = os.statvfs(self.root)
        return status.f_bavail * status.f_frsize / 1e6


def available_memory_mb() -> float:
    """Memory that programs could still get; infinite where the system does not tell."""
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return float("inf")
    match = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return int(match[1]) / 1e3 if match else float("inf")


def data_digest(path: Path) -> str:
    """SHA-256 of an object without its preamble and file meta information."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(_data_start(path))
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _data_start(path: Path) -> int:
    """Where the data set begins, after a file meta information that says its own length."""
    length = int(read_file_meta_info(path).FileMetaInformationGroupLength)
    return 128 + 4 + 12 + length


def _number(value: object) -> int | None:
    """A number of objects; None for what is none."""
    if isinstance(value, MultiValue) or value is None:
        return None
    try:
        return int(str(value))
    except ValueError:
        return None


def sync_file(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    sync_file(path)


def link_files(files: Iterator[Path] | list[Path], folder: Path) -> None:
    """Give files a second name each in a new folder, without a copy."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        target = folder / file.name
        if not target.exists():
            os.link(file, target)
