"""Objects on disk: durable before they are acknowledged, and found again after any crash."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_file_meta_info, read_partial
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from mitsgan.errors import ConfigurationError, MitsganError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.find.uids import is_uid
from mitsgan.quiet import UNREADABLE
from mitsgan.typed import read_json, to_json

_CHUNK = 1 << 20
_AT_ONCE = 8
_HEAD = 1 << 20
"""Bytes of a deflated object that are looked at: a few may stand for as many as one likes."""


class ObjectError(MitsganError):
    """An object that cannot be taken: it is no DICOM, or does not say what it is."""


@dataclass(frozen=True)
class Header:
    """What the node needs of an object; nothing of it names a patient.

    ``expected`` is how many objects its series has, where a route looks for that. An overview
    (``localizer``) and a ``page`` in colour are no slices of a scan.
    """

    sop_uid: str
    class_uid: str
    syntax: str
    series_uid: str
    study_uid: str
    expected: int | None = None
    localizer: bool = False
    page: bool = False


_TAGS = [
    Tag(name) for name in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
]


def read_header(path: Path, expected: str = "") -> Header:
    """Read what an object says it is; its pixels are not touched.

    Args:
        path: a DICOM file.
        expected: keyword of the attribute that tells how many objects the series has.

    Raises:
        ObjectError: it cannot be read, or a UID is missing or is none.
    """
    wanted, stop_when = _wanted(expected)
    try:
        with path.open("rb") as file:
            syntax = str(read_file_meta_info(path).TransferSyntaxUID)
            if syntax == DeflatedExplicitVRLittleEndian:
                file.seek(data_start(file.read(144)))
                start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(_HEAD), _HEAD)
                dataset: Dataset = read_dataset(BytesIO(start), False, True, stop_when=stop_when)
            else:
                dataset = read_partial(file, stop_when=stop_when, specific_tags=wanted)
        return _header(dataset, syntax, expected)
    except UNREADABLE as error:
        raise ObjectError(f"the object cannot be read: {error}") from error


def find_header(head: bytes, syntax: str, expected: str = "") -> Header | None:
    """The same from the first bytes of a file; None where it is not in them.

    Quicker, for an object that was just received.

    Args:
        head: how a DICOM file begins.
        syntax: its transfer syntax.
        expected: as of `read_header`.
    """
    if syntax == DeflatedExplicitVRLittleEndian:
        return None
    wanted, stop_when = _wanted(expected)
    uid = UID(syntax)
    try:
        dataset = read_dataset(
            BytesIO(head[data_start(head) :]),
            uid.is_implicit_VR,
            uid.is_little_endian,
            stop_when=stop_when,
            specific_tags=wanted,
        )
        return _header(dataset, syntax, expected)
    except (*UNREADABLE, ObjectError):
        return None


def _wanted(
    expected: str,
) -> tuple[list[BaseTag | int], Callable[[BaseTag, str | None, int], bool]]:
    """Tags to read, and when to stop."""
    further = [Tag(expected)] if expected else []
    wanted: list[BaseTag | int] = [*_TAGS, dcm.IMAGE_TYPE, dcm.SAMPLES_PER_PIXEL, *further]
    last = max(wanted)
    return wanted, lambda tag, vr, length: tag > last


def _header(dataset: Dataset, syntax: str, expected: str) -> Header:
    values = [str(dataset[tag].value) if tag in dataset else "" for tag in _TAGS]
    for tag, value in zip(_TAGS, values, strict=True):
        if not is_uid(value):
            raise ObjectError(f"{keyword_for_tag(tag)} is missing, or is no UID")
    class_uid, sop_uid, study_uid, series_uid = values
    count = _number(dataset.get(expected)) if expected else None
    localizer = "LOCALIZER" in dcm.values(dataset, dcm.IMAGE_TYPE)
    page = dcm.integer(dataset, dcm.SAMPLES_PER_PIXEL) == 3
    return Header(sop_uid, class_uid, syntax, series_uid, study_uid, count, localizer, page)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a series came from: it lies beside its objects, for a ledger may be lost."""

    route: str
    calling: str
    address: str


@dataclass(frozen=True)
class Spool:
    """The folders of a node.

    `incoming` holds what is being received, `series` a folder for each series in the ledger,
    `work` what a worker is making; `received`, `protected` and `restored` lie in a series' folder.
    """

    root: Path

    def prepare(self) -> None:
        """Make the folders, readable by their owner alone.

        Raises:
            ConfigurationError: some are somebody else's, and would be cleared.
        """
        for folder in (self.incoming, self.work):
            if not (self.root / "series").is_dir() and folder.is_dir() and any(folder.iterdir()):
                raise ConfigurationError(
                    f"`spool` {self.root}: {folder.name} in it holds files of somebody else, which "
                    f"a node would delete; name a folder of the node's own"
                )
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

    def restored(self, series: int) -> Path:
        """Objects as they are sent, of a series whose original was given back."""
        return self.folder(series) / "restored"

    def seal(self, series: int) -> Path:
        """The seal of a series that was protected."""
        return self.folder(series) / "protected.seal.json"

    @property
    def originals(self) -> Path:
        """What is kept of originals, encrypted, unless the configuration names another folder."""
        return self.root / "originals"

    def origin(self, series: int) -> Origin | None:
        """Where a series came from; None where its folder does not tell."""
        try:
            return read_json(self._origin(series), Origin)
        except MitsganError:
            return None

    def _origin(self, series: int) -> Path:
        return self.folder(series) / "origin.json"

    def place(self, file: Path, series: int, sop_uid: str, origin: Origin | None = None) -> Path:
        """Move an object to its series; durable once it and its new folder are synchronised.

        Args:
            file: the object.
            series: its number.
            sop_uid: of the object.
            origin: where the series came from.
        """
        folder = self.received(series)
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if origin is not None:
                self._origin(series).write_text(to_json(origin))
                sync_file(self._origin(series))
            sync_folder(folder.parent)
            sync_folder(folder.parent.parent)
        return file.rename(folder / f"{sop_uid}.dcm")

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


class Memory:
    """How much memory programs could still get; looked at once in a while, for it takes time."""

    def __init__(self, seconds: float = 0.25) -> None:
        self._seconds, self._until, self._mb = seconds, 0.0, 0.0

    def available_mb(self) -> float:
        """As of now, or some moments ago; infinite where the system does not tell."""
        now = time.monotonic()
        if now >= self._until:
            self._mb, self._until = _available_mb(), now + self._seconds
        return self._mb


def _available_mb() -> float:
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
        file.seek(data_start(file.read(144)))
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def data_start(head: bytes) -> int:
    """Where the data set begins, after a file meta information that says its own length.

    Raises:
        ValueError: the bytes are not how such a file begins.
    """
    if len(head) < 144 or head[128:136] != b"DICM\2\0\0\0":
        raise ValueError("the file meta information does not say its length")
    return 144 + int.from_bytes(head[140:144], "little")


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


def sync_files(paths: Iterable[Path]) -> None:
    """The same for many: side by side, so that the disk and its journal write them together."""
    with ThreadPoolExecutor(_AT_ONCE, "sync") as pool:
        for _ in pool.map(sync_file, paths):
            pass


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
