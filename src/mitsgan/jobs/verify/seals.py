"""The seals of a folder tree, and which of them is whose."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.errors import MitsganError, SettingsError, counted
from mitsgan.jobs.seal import seal_path
from mitsgan.jobs.tree import TreeScan

if TYPE_CHECKING:
    from mitsgan.seal.format import Seal

_SEAL_ENDING = ".seal.json"


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
        self._asked_for: set[Path] = set()
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
        self._asked_for |= {*fitting, *beside} or set(named)
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

    @property
    def without_scan(self) -> list[Path]:
        """Which seals are of none of the scans that were asked about.

        Whoever takes a whole scan away leaves nothing else that tells of it.
        """
        every = {file for files in self._by_name.values() for file in files}
        return sorted(every - self._asked_for)


def scan_of(seal: Path) -> Path:
    """Where the scan of a seal lies that is beside it."""
    return seal.with_name(seal.name.removesuffix(_SEAL_ENDING))


def without_scan_text(count: int) -> str:
    """How many seals are of no scan, in words."""
    return f"{counted(count, 'seal')} of no scan that is here"


def _sealed_series(seal: Seal) -> set[str]:
    return seal.values("SeriesInstanceUID") - {""}
