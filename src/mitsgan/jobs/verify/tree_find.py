"""The scans of a folder tree, and the seal of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.errors import MitsganError, ScanError, SettingsError
from mitsgan.files.dicom.find.entries import Entry, is_archive, walk
from mitsgan.files.dicom.find.parse import read_header
from mitsgan.files.dicom.find.sift import DICOM_SUFFIXES, no_slice
from mitsgan.files.io import is_readable_image
from mitsgan.jobs.seal import seal_path

if TYPE_CHECKING:
    from mitsgan.seal.format import Seal

_SEAL_ENDING = ".seal.json"


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
    files is a scan, too: whoever reads it will be told.

    Raises:
        ScanError: the tree is no folder, or there is no scan in it.
    """
    if not tree.is_dir():
        raise ScanError(f"{tree} is no folder; `recursive` looks for scans in a folder tree")
    scans: list[TreeScan] = []
    for root, names in walk(tree):
        paths = [root / name for name in names]
        alone = [path for path in paths if is_readable_image(path) or is_archive(path)]
        scans += [TreeScan(path, "", path.relative_to(tree).as_posix()) for path in alone]
        scans += _series(tree, root, [path for path in paths if path not in alone])
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
    for number, series in enumerate(sorted(uids), start=1):
        several = f" ({number})" if len(uids) > 1 else ""
        yield TreeScan(folder, series, f"{name}{several}")


class Seals:
    """The seals at a path: one file, or all that end in ``.seal.json`` in a folder tree.

    Raises:
        SettingsError: nothing there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        files = sorted(path.rglob(f"*{_SEAL_ENDING}")) if path.is_dir() else [path]
        if not files or not files[0].is_file():
            raise SettingsError(f"`seal` {path} holds no file that ends in {_SEAL_ENDING}")
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_series: dict[str, list[Path]] = defaultdict(list)
        self.unreadable: dict[Path, str] = {}
        for file in files:
            self._by_name[file.name].append(file)
            self._read(file)

    def _read(self, file: Path) -> None:
        from mitsgan.seal.format import read_seal

        try:
            seal = read_seal(file)
        except MitsganError as error:
            self.unreadable[file] = str(error)
            return
        for series in _sealed_series(seal):
            self._by_series[series].append(file)

    def of(self, scan: TreeScan) -> Path | None:
        """The seal of a scan: that of its series; of several the one that is called as the scan is.

        Where none is of its series, as of an image or after an anonymiser, that one, too. A seal
        that cannot be read is given as well: whoever reads it will be told.

        Raises:
            SettingsError: several fit.
        """
        named = self._by_name.get(seal_path(scan.path.absolute()).name, [])
        fitting = self._by_series.get(scan.series, []) if scan.series else []
        beside = [file for file in named if file.parent.absolute() == scan.path.absolute().parent]
        for some in ([file for file in beside if file in fitting or not fitting], fitting, named):
            if len(some) == 1:
                return some[0]
            if len(some) > 1:
                fitting = [file for file in some if file in named] or some
                if len(fitting) == 1:
                    return fitting[0]
                listed = ", ".join(str(file) for file in fitting[:3])
                raise SettingsError(
                    f"{len(fitting)} seals fit {scan.name}: {listed}; verify it alone, with one"
                )
        return None


def _sealed_series(seal: Seal) -> set[str]:
    attributes: list[Mapping[str, str]] = [seal.expected(z) for z in range(len(seal.slices))]
    return {sealed["SeriesInstanceUID"] for sealed in attributes if "SeriesInstanceUID" in sealed}
