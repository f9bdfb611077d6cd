"""Find the series of an archive by their headers, folder by folder, what is unchanged not again."""

from __future__ import annotations

import csv
import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mitsgan.archive.task import storable
from mitsgan.errors import DataError, ScanError, is_text
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.find.entries import Entry, is_archive, unlisted_reason, walk
from mitsgan.files.dicom.find.headers import check_whole
from mitsgan.files.dicom.find.parse import read_header
from mitsgan.files.dicom.find.sift import no_slice
from mitsgan.files.io import is_readable_image
from mitsgan.progress import Steps
from mitsgan.typed import parse_json, to_json

_COMPRESSED = (".gz", ".nrrd", ".mha")
"""Such images may be compressed, often to about a byte for a voxel of two."""

_RENAME = "the name of {} is not UTF-8, which a ledger and its reports are; rename it"

_AT_ONCE = 16
"""Folders that a process is given at once."""


@dataclass(frozen=True)
class SeriesFiles:
    """A series, or a part of one, in one folder.

    Attributes:
        source: the folder, or the image file.
        series: *Series Instance UID*, "" of an image.
        stamp: of its files: another one, and a file was changed.
        files: how many.
        megabytes: of them.
        voxels: of all slices; of an image a guess from its size.
        reason: why it cannot be read, "" where nothing speaks against it.
    """

    source: str
    series: str
    stamp: str
    files: int
    megabytes: float
    voxels: int
    reason: str = ""


@dataclass(frozen=True)
class Folder:
    """What lies in a folder, not below it.

    Attributes:
        path: the folder.
        stamp: of all its files.
        series: CT series and images.
        others: what is no CT, and how many files of it.
    """

    path: str
    stamp: str
    series: tuple[SeriesFiles, ...]
    others: dict[str, int]


def find_series(
    source: Path, known: Mapping[str, tuple[str, str]], jobs: int, step: Steps
) -> list[Folder]:
    """What lies in all folders below a source; a folder that is as an earlier plan saw it is not
    read again.

    Args:
        source: a folder, or a .csv that lists folders and files.
        known: stamp and content of folders, see `Ledger.folders`.
        jobs: processes that read headers.
        step: told how far it is.

    Raises:
        DataError: the source is not there, or the .csv is none.
    """
    folders: list[Folder] = []
    fresh: list[tuple[Path, list[str], str]] = []

    def unlisted(path: Path, error: OSError) -> None:
        folders.append(_lost(path, unlisted_reason(path, error)))

    for path, names in _walk(source, unlisted):
        if not is_text(path):
            folders.append(_lost(path, _RENAME.format(path)))
            continue
        stamp = _stamp(path, names)
        earlier = known.get(str(path))
        if earlier is not None and earlier[0] == stamp:
            folders.append(parse_json(earlier[1], Folder, str(path)))
        else:
            fresh.append((path, names, stamp))
    step(0, len(fresh), f"{len(folders)} folders are as they were")
    for done, folder in enumerate(_looked_into(fresh, jobs), 1):
        folders.append(folder)
        step(done, len(fresh))
    return sorted(folders, key=lambda folder: folder.path)


def _lost(path: Path, reason: str) -> Folder:
    """A folder of which nothing is known but why."""
    name = storable(path)
    return Folder(name, "", (SeriesFiles(name, "", "", 0, 0.0, 0, storable(reason)),), {})


def content(folder: Folder) -> str:
    """A folder as `Ledger.keep_folders` takes it."""
    return to_json(folder)


def whole_series(folders: Iterable[Folder]) -> list[SeriesFiles]:
    """All series; one that lies in several folders is read from the folder above them."""
    parts: dict[str, list[SeriesFiles]] = defaultdict(list)
    whole = []
    for folder in folders:
        for part in folder.series:
            if part.series:
                parts[part.series].append(part)
            else:
                whole.append(part)
    whole += [_joined(of_series) for of_series in parts.values()]
    return sorted(whole, key=lambda one: (one.source, one.series))


def _joined(parts: Sequence[SeriesFiles]) -> SeriesFiles:
    if len(parts) == 1:
        return parts[0]
    stamps = "".join(sorted(part.stamp for part in parts))
    return SeriesFiles(
        source=os.path.commonpath([part.source for part in parts]),
        series=parts[0].series,
        stamp=hashlib.sha256(stamps.encode()).hexdigest(),
        files=sum(part.files for part in parts),
        megabytes=sum(part.megabytes for part in parts),
        voxels=sum(part.voxels for part in parts),
        reason="; ".join(part.reason for part in parts if part.reason),
    )


def _walk(
    source: Path, unlisted: Callable[[Path, OSError], None]
) -> Iterator[tuple[Path, list[str]]]:
    """Folders with the names of their files, hidden ones left out; arguments as of `walk`."""
    if source.is_dir():
        yield from ((folder, names) for folder, names in walk(source, unlisted) if names)
    elif source.suffix.lower() == ".csv" and source.is_file():
        for path in _listed(source):
            if path.is_dir():
                yield from _walk(path, unlisted)
            else:
                yield path.parent, [path.name]
    else:
        raise DataError(f"{source} is neither a folder nor a .csv file; name what holds the scans")


def _listed(table: Path) -> list[Path]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if "path" not in (rows.fieldnames or ()):
            raise DataError(f"{table} has no column path; its first line names the columns")
        paths = [table.parent / row["path"] for row in rows if row["path"]]
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise DataError(f"{table} lists {missing[0]}, which is not there ({len(missing)} in all)")
    return list(dict.fromkeys(paths))


def _looked_into(folders: Sequence[tuple[Path, list[str], str]], jobs: int) -> Iterator[Folder]:
    if jobs == 1 or len(folders) <= _AT_ONCE:
        yield from map(look_into, folders)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(look_into, folders, chunksize=_AT_ONCE)


def look_into(folder: tuple[Path, list[str], str]) -> Folder:
    """Read the headers of a folder's files; its path, their names, and its stamp."""
    path, names, stamp = folder
    slices: dict[str, list[tuple[Path, int]]] = defaultdict(list)
    others: dict[str, int] = defaultdict(int)
    series = []
    for name in names:
        file = path / name
        if is_readable_image(file):
            series.append(_alone(file, "" if is_text(file) else _RENAME.format(file)))
            continue
        try:
            header = read_header(Entry(file, Path(name)))
            if header is not None:
                check_whole(header)
        except ScanError as error:
            series.append(_alone(file, str(error)))
            continue
        kind = _no_dicom(file) if header is None else no_slice(header)
        if header is None or kind is not None:
            others[kind or ""] += 1
            continue
        dataset = header.header
        sizes = [dcm.integer(dataset, tag) or 0 for tag in (dcm.ROWS, dcm.COLUMNS)]
        frames = dcm.integer(dataset, dcm.NUMBER_OF_FRAMES) or 1
        slices[header.series].append((file, sizes[0] * sizes[1] * frames))
    for uid, of_series in sorted(slices.items()):
        files = [file for file, _ in of_series]
        series.append(
            SeriesFiles(
                source=str(path),
                series=uid,
                stamp=_stamp(path, [file.name for file in files]),
                files=len(files),
                megabytes=sum(_size_and_time(file)[0] for file in files) / 1e6,
                voxels=sum(voxels for _, voxels in of_series),
            )
        )
    return Folder(str(path), stamp, tuple(series), dict(others))


def _no_dicom(file: Path) -> str:
    """What a file is that is none of DICOM; an archive may hold some, which is not looked for."""
    return "zip archive (unpack it to have what is in it)" if is_archive(file) else "no DICOM"


def _alone(file: Path, reason: str = "") -> SeriesFiles:
    """An image, or a file that is damaged; the voxels of an image are told by its size."""
    size, _ = _size_and_time(file)
    stamp = _stamp(file.parent, [file.name])
    voxels = 0
    if not reason:
        voxels = size if file.name.lower().endswith(_COMPRESSED) else size // 2
    return SeriesFiles(storable(file), "", stamp, 1, size / 1e6, voxels, storable(reason))


def _stamp(folder: Path, names: Sequence[str]) -> str:
    """Of names, sizes and times of files."""
    whole = hashlib.sha256()
    for name in names:
        size, changed = _size_and_time(folder / name)
        whole.update(f"{name}\0{size}\0{changed}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _size_and_time(file: Path) -> tuple[int, int]:
    """Bytes, and nanoseconds; zeros of what is not there: a link to nothing, a file just gone."""
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns
