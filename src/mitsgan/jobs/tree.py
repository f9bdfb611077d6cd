"""The scans of a folder tree, each of which a job can take on its own."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitsgan.errors import MitsganError, ScanError
from mitsgan.files.dicom.find.entries import Entry, is_archive, walk
from mitsgan.files.dicom.find.parse import read_header
from mitsgan.files.dicom.find.sift import DICOM_SUFFIXES, no_slice
from mitsgan.files.io import is_readable_image

NO_ROOM = "this machine's memory is too small for it"
"""Why a scan of a tree failed, and no other for it."""


@dataclass(frozen=True)
class TreeScan:
    """A scan in a tree.

    Attributes:
        path: the folder that holds its slices, or the folders with them; or the file.
        series: its *Series Instance UID*; empty where there is none to choose by.
        name: for people: the path below the tree, and a number where a folder holds several.
    """

    path: Path
    series: str
    name: str


def find_scans(tree: Path) -> list[TreeScan]:
    """The scans of a tree: each CT series, wherever its slices lie, each image and each archive.

    What lies beside them, such as reports and pictures, is left out. A folder of damaged DICOM
    files is a scan, too, and so is one that cannot be listed: whoever reads it will be told.

    Raises:
        ScanError: the tree is no folder, or there is no scan in it.
    """
    if not tree.is_dir():
        raise ScanError(f"{tree} is no folder; `recursive` looks for scans in a folder tree")
    unlisted: list[Path] = []
    found = [
        _look_into(folder, [folder / name for name in names])
        for folder, names in walk(tree, lambda folder, _: unlisted.append(folder))
    ]
    above = _spread(found)
    scans = [TreeScan(folder, "", folder.relative_to(tree).as_posix()) for folder in unlisted]
    for one in found:
        own = [uid for uid in one.series if uid not in above]
        uids = sorted([*own, *(uid for uid, folder in above.items() if folder == one.path)])
        # The series first: what is written of it is a folder, in which that of an image may lie.
        scans += _of_folder(tree, one, uids)
        scans += [TreeScan(path, "", path.relative_to(tree).as_posix()) for path in one.alone]
    if not scans:
        raise ScanError(f"{tree} holds no CT series and no image file; name another folder")
    return scans


@dataclass(frozen=True)
class _Folder:
    """What lies in a folder itself.

    Attributes:
        path: the folder.
        alone: images and archives.
        series: the objects of each CT series, by their UIDs.
        is_damaged: whether something else might be a damaged slice.
    """

    path: Path
    alone: list[Path]
    series: dict[str, set[str]]
    is_damaged: bool


def _look_into(folder: Path, paths: Sequence[Path]) -> _Folder:
    alone = [path for path in paths if is_readable_image(path) or is_archive(path)]
    series: dict[str, set[str]] = defaultdict(set)
    is_damaged = False
    for path in (path for path in paths if path not in alone):
        try:
            header = read_header(Entry(path, Path(path.name)))
        except MitsganError:
            is_damaged = True
            continue
        if header is None:
            is_damaged |= path.suffix.lower() in DICOM_SUFFIXES
        elif no_slice(header) is None:
            series[header.series].add(header.instance)
    return _Folder(folder, alone, series, is_damaged)


def _spread(found: Sequence[_Folder]) -> dict[str, Path]:
    """The series that lie in several folders, as discs have them, each with the folder above all.

    Read folder by folder, they would become several series, each a part of the scan. A series of
    which an object lies in two folders is none of these: one folder is a copy of the other.
    """
    parts: dict[str, list[_Folder]] = defaultdict(list)
    for folder in found:
        for uid in folder.series:
            parts[uid].append(folder)
    above = {}
    for uid, folders in parts.items():
        objects = [folder.series[uid] for folder in folders]
        is_split = len(set().union(*objects)) == sum(map(len, objects))
        if uid and len(folders) > 1 and is_split:
            above[uid] = Path(os.path.commonpath([folder.path for folder in folders]))
    return above


def _of_folder(tree: Path, folder: _Folder, uids: Sequence[str]) -> Iterator[TreeScan]:
    """The CT series that are read from a folder."""
    name = folder.path.relative_to(tree).as_posix()
    if not folder.series and not uids and folder.is_damaged:
        yield TreeScan(folder.path, "", name)
    if len(uids) > 1 and folder.path == tree:
        name = tree.resolve().name  # ". (1)" would be a hidden folder
    for number, series in enumerate(uids, start=1):
        several = f" ({number})" if len(uids) > 1 else ""
        yield TreeScan(folder.path, series, f"{name}{several}")
