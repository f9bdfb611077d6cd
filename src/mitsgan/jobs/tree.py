"""The scans of a folder tree, each of which a job can take on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitsgan.errors import MitsganError, ScanError
from mitsgan.files.dicom.find.entries import Entry, is_archive, walk
from mitsgan.files.dicom.find.parse import read_header
from mitsgan.files.dicom.find.sift import DICOM_SUFFIXES, no_slice
from mitsgan.files.io import is_readable_image


@dataclass(frozen=True)
class TreeScan:
    """A scan in a tree.

    Attributes:
        path: the folder that holds its slices, or the file.
        series: its *Series Instance UID*; empty where there is none to choose by.
        name: for people: the path below the tree, and a number where a folder holds several.
    """

    path: Path
    series: str
    name: str


def find_scans(tree: Path) -> list[TreeScan]:
    """The scans of a tree: of each folder the CT series in it, and each image and archive.

    What lies beside them, such as reports and pictures, is left out. A folder of damaged DICOM
    files is a scan, too, and so is one that cannot be listed: whoever reads it will be told.

    Raises:
        ScanError: the tree is no folder, or there is no scan in it.
    """
    if not tree.is_dir():
        raise ScanError(f"{tree} is no folder; `recursive` looks for scans in a folder tree")
    scans: list[TreeScan] = []

    def unlisted(folder: Path, _: OSError) -> None:
        scans.append(TreeScan(folder, "", folder.relative_to(tree).as_posix()))

    for root, names in walk(tree, unlisted):
        paths = [root / name for name in names]
        alone = [path for path in paths if is_readable_image(path) or is_archive(path)]
        # The series first: what is written of it is a folder, in which that of an image may lie.
        scans += _series(tree, root, [path for path in paths if path not in alone])
        scans += [TreeScan(path, "", path.relative_to(tree).as_posix()) for path in alone]
    if not scans:
        raise ScanError(f"{tree} holds no CT series and no image file; name another folder")
    return scans


def _series(tree: Path, folder: Path, paths: Sequence[Path]) -> Iterator[TreeScan]:
    """The CT series whose files lie in a folder itself."""
    uids: set[str] = set()
    is_damaged = False
    for path in paths:
        try:
            header = read_header(Entry(path, Path(path.name)))
        except MitsganError:
            is_damaged = True
            continue
        if header is None:
            is_damaged |= path.suffix.lower() in DICOM_SUFFIXES
        elif no_slice(header) is None:
            uids.add(header.series)
    name = folder.relative_to(tree).as_posix()
    if not uids and is_damaged:
        yield TreeScan(folder, "", name)
    if len(uids) > 1 and folder == tree:
        name = tree.resolve().name  # ". (1)" would be a hidden folder
    for number, series in enumerate(sorted(uids), start=1):
        several = f" ({number})" if len(uids) > 1 else ""
        yield TreeScan(folder, series, f"{name}{several}")
