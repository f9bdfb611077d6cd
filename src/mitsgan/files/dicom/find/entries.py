"""Where slices may lie: a file, a folder, a zip archive, or what a DICOMDIR lists.

Source: DICOM PS3.3 annex F (basic directory information object), PS3.10 section 8 (file sets).
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from pydicom import dcmread

from mitsgan.errors import ScanError
from mitsgan.quiet import UNREADABLE, quiet

DIRECTORY = "DICOMDIR"
READABLE = "DICOM (a folder, a file, a DICOMDIR, a .zip), .nii, .nii.gz, .mha, .mhd, .nrrd or .nhdr"
"""What can be read, for messages."""

_CHUNK = 1 << 20

Stamp = tuple[int, int, int]
"""Size, time of change and number of a file."""


@dataclass(frozen=True)
class Entry:
    """One file, wherever it lies.

    Attributes:
        path: for messages: below the folder or the archive that was named.
        name: below what was named; the result gets the same.
        archive: that holds it, or None.
    """

    path: Path
    name: Path
    archive: Archive | None = None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The file, for reading and seeking."""
        if self.archive is None:
            with self.path.open("rb") as file:
                yield file
            return
        with self.archive.open(self.name) as member:
            yield cast(BinaryIO, member)

    @property
    def size(self) -> int:
        """Bytes in it."""
        if self.archive is None:
            return self.path.stat().st_size
        return self.archive.size(self.name)

    @property
    def stamp(self) -> Stamp:
        """What changes when somebody writes to the file."""
        status = (self.path if self.archive is None else self.archive.path).stat()
        return status.st_size, status.st_mtime_ns, status.st_ino


@dataclass(frozen=True)
class Archive:
    """A zip archive, opened once."""

    path: Path

    @cached_property
    def _zip(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path)

    @cached_property
    def _members(self) -> dict[Path, zipfile.ZipInfo]:
        """Its files by their places below it: names are written in several ways, as ``./a.dcm``."""
        members: dict[Path, zipfile.ZipInfo] = {}
        for member in sorted(self._zip.infolist(), key=lambda member: member.filename):
            parts = PurePosixPath(member.filename.replace("\\", "/")).parts
            if member.is_dir() or not parts or _is_hidden(parts):
                continue
            self._check(member, parts)
            first = members.setdefault(Path(*parts), member)
            if (first.CRC, first.file_size) != (member.CRC, member.file_size):
                raise ScanError(
                    f"{self.path} holds two files called {Path(*parts)}, of which only one "
                    "could be unpacked: make the archive anew, with each file in it once"
                )
        return members

    def _check(self, member: zipfile.ZipInfo, parts: tuple[str, ...]) -> None:
        if ".." in parts or parts[0].startswith("/") or ":" in parts[0]:
            raise ScanError(
                f"{self.path} holds {member.filename!r}, a name that leads out of its folder: "
                "it was made to do harm, or is damaged"
            )
        if member.flag_bits & 1:
            raise ScanError(
                f"{self.path} is encrypted; unpack it with its password, and name the folder"
            )

    def entries(self) -> list[Entry]:
        """Its files, in a stable order; hidden ones are other programs' business.

        Raises:
            ScanError: it cannot be read, is encrypted, its names lead out of a folder, or two
                different files have one name.
        """
        try:
            names = list(self._members)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise ScanError(
                f"{self.path} cannot be read as a zip archive ({error}): fetch it again. What can "
                f"be read: {READABLE}"
            ) from error
        return [Entry(self.path / name, name, self) for name in names]

    def open(self, name: Path) -> IO[bytes]:
        """One of its files."""
        try:
            return self._zip.open(self._members[name])
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, KeyError) as error:
            raise OSError(f"{error}") from error

    def size(self, name: Path) -> int:
        """Bytes in one of its files, unpacked."""
        return self._members[name].file_size


def entries_at(path: Path) -> list[Entry]:
    """All files that a path means: itself, or those in the folder, the archive, the directory.

    Raises:
        ScanError: an archive or a directory that cannot be read, or that lists what is not there.
    """
    if path.is_dir():
        return _below(path)
    if is_directory_file(path):
        return _listed(path)
    if is_archive(path):
        return Archive(path).entries()
    if path.is_fifo() or path.is_socket():
        raise ScanError(f"{path} is a pipe or a socket, which cannot be read twice; name a file")
    return [Entry(path, Path(path.name))]


def content_digest(entry: Entry) -> str:
    """SHA-256 of all its bytes, in hexadecimal.

    Raises:
        ScanError: it cannot be read to its end.
    """
    whole = hashlib.sha256()
    try:
        with entry.open() as file:
            while chunk := file.read(_CHUNK):
                whole.update(chunk)
    except UNREADABLE as error:
        raise ScanError(f"{entry.path} cannot be read ({error}): fetch it again") from error
    return whole.hexdigest()


def is_collection(path: Path) -> bool:
    """Whether a path means several files: a folder, a DICOMDIR, a zip archive."""
    return path.is_dir() or is_directory_file(path) or is_archive(path)


def is_directory_file(path: Path) -> bool:
    """Whether it is a DICOMDIR, by its name."""
    return path.name.upper() == DIRECTORY and path.is_file()


def is_archive(path: Path) -> bool:
    """Whether it is a zip archive, by its ending and its first bytes."""
    if path.suffix.lower() != ".zip" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def walk(
    folder: Path, unlisted: Callable[[Path, OSError], None]
) -> Iterator[tuple[Path, list[str]]]:
    """Folders from here on, each with the names of its files, in a stable order.

    What is hidden is other programs' business. Pipes, sockets and devices are no files: whoever
    opens a pipe waits for ever. A link to nothing is given, for a slice may have been there. A
    link to a folder is followed, after all others, but to one that was given or leads back here.

    Args:
        folder: where to begin.
        unlisted: told of folders whose content cannot be listed, and why: slices may be in there.
    """
    seen: set[Path] = set()
    links: list[tuple[Path, Path]] = []
    start = folder.resolve()
    yield from _walk(folder, start, unlisted, seen, links)
    while links:
        link, holder = links.pop(0)
        target = link.resolve()
        if target not in (holder, *holder.parents, *start.parents):
            yield from _walk(link, target, unlisted, seen, links)


def _walk(
    folder: Path,
    real: Path,
    unlisted: Callable[[Path, OSError], None],
    seen: set[Path],
    links: list[tuple[Path, Path]],
) -> Iterator[tuple[Path, list[str]]]:
    """As `walk`, links to folders not followed, but entered with the real folder they lie in.

    Args:
        folder: where to begin.
        real: the same without links in it.
        unlisted: see `walk`.
        seen: real folders that were given; grows.
        links: links to folders that were met; grows.
    """
    if real in seen:
        return
    seen.add(real)
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        unlisted(folder, error)
        return
    entries = [entry for entry in entries if not entry.name.startswith(".")]
    yield folder, [entry.name for entry in entries if not entry.is_dir() and _may_be_file(entry)]
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name, real / entry.name, unlisted, seen, links)
        elif entry.is_dir():
            links.append((folder / entry.name, real))


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    return entry.is_file() or not Path(entry.path).exists()


def unlisted_reason(folder: Path, error: OSError) -> str:
    """Why nothing is known of what lies in a folder, and what to do."""
    return (
        f"{folder} cannot be listed ({error.strerror or error}), so slices in it would go missing; "
        "let this user read it, or move it away if it holds none"
    )


def _below(folder: Path) -> list[Entry]:
    """All files below.

    Raises:
        ScanError: a folder cannot be listed.
    """

    def refuse(unlisted: Path, error: OSError) -> None:
        raise ScanError(unlisted_reason(unlisted, error)) from error

    paths = (root / name for root, names in walk(folder, refuse) for name in names)
    return [Entry(path, path.relative_to(folder)) for path in paths]


def _listed(path: Path) -> list[Entry]:
    """The files that a DICOMDIR lists."""
    try:
        with quiet():
            records = dcmread(path, specific_tags=["DirectoryRecordSequence"])
            names = [
                [str(part) for part in _parts(record.get("ReferencedFileID"))]
                for record in records.get("DirectoryRecordSequence") or []
            ]
    except UNREADABLE as error:
        raise ScanError(
            f"{path} cannot be read as a DICOM directory ({error}); name the folder that holds the "
            "slices"
        ) from error
    entries, lost = [], []
    listings: dict[Path, dict[str, Path]] = {}
    for parts in (parts for parts in names if parts):
        file = _resolve(path.parent, parts, listings)
        if file is None:
            lost.append("/".join(parts))
        else:
            entries.append(Entry(file, file.relative_to(path.parent)))
    entries = list(dict.fromkeys(entries))  # a file that is listed twice is one slice
    if lost:
        raise ScanError(
            f"{path} lists {len(lost)} file(s) that are not there, such as {lost[0]}: copy the "
            "whole disc, or name the folder that holds the slices"
        )
    return sorted(entries, key=lambda entry: entry.name.as_posix())


def _parts(value: object) -> list[object]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]


def _resolve(folder: Path, parts: list[str], listings: dict[Path, dict[str, Path]]) -> Path | None:
    """A listed file below a folder; discs and their copies differ in upper and lower case.

    Args:
        folder: where the DICOMDIR lies.
        parts: of the name that it lists.
        listings: of each folder that was listed, what is in it by its name in lower case; grows.
    """
    if any(part in ("", ".", "..") or "/" in part or "\\" in part for part in parts):
        return None
    path = folder
    for part in parts:
        step: Path | None = path / part
        if not (path / part).exists():
            if path not in listings:
                listings[path] = {p.name.lower(): p for p in reversed(_children(path))}
            step = listings[path].get(part.lower())
        if step is None:
            return None
        path = step
    return path if path.is_file() else None


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return "__MACOSX" in parts or any(part.startswith(".") and part != ".." for part in parts)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
