"""Files that the page may open: below folders that were named at the start, and nothing else."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mitsgan.errors import OutputError, ScanError
from mitsgan.files.dicom.find.entries import walk
from mitsgan.files.io import is_readable_image
from mitsgan.files.itk import ITK_SUFFIXES, data_file_name
from mitsgan.files.nifti_source import PAIR_SUFFIXES

_MOST_LISTED = 500
_NO_SCANS = (
    ".json",
    ".p7m",
    ".pem",
    ".crt",
    ".cer",
    ".pub",
    ".key",
    ".html",
    ".md",
    ".txt",
    ".csv",
    ".toml",
    ".png",
)
_COMPRESSED = (".gz", ".nrrd", ".mha", ".zip")


class Folders:
    """Folders and scans that were named.

    Args:
        roots: folders; the page speaks of each by its number.
        out: where it may save; None: nowhere.
        scans: that were named as such: whatever they are made of may be read.
    """

    def __init__(
        self, roots: Sequence[Path], out: Path | None = None, scans: Sequence[Path] = ()
    ) -> None:
        self._scans = frozenset(scan.resolve() for scan in scans)
        self.roots = tuple(dict.fromkeys(root.resolve() for root in (*roots, *scans)))
        self.out = None if out is None else out.resolve()

    def resolve(self, root: int, below: str) -> Path:
        """The file of a name below a root.

        Raises:
            ScanError: it is not there, or lies elsewhere, be it by a link.
        """
        if not 0 <= root < len(self.roots) or "\0" in below:
            raise ScanError("this folder was not named when the studio was started")
        path = (self.roots[root] / below).resolve()
        if not path.is_relative_to(self.roots[root]) or not path.exists():
            raise ScanError(
                f"{below or '.'} is not there, or not below a folder that was named when the "
                "studio was started"
            )
        return path

    def to_open(self, root: int, below: str) -> Path:
        """The scan of a name below a root, of which all that is read lies below the root, too.

        Raises:
            ScanError: a part of it is not there, or lies elsewhere: by a link, or because the
                header of an image says so.
        """
        path = self.resolve(root, below)
        if path not in self._scans:
            for part in _parts(path):
                if not part.resolve().is_relative_to(self.roots[root]):
                    raise ScanError(
                        f"{below or '.'} is made of files that are not below a folder that was "
                        f"named when the studio was started, such as {part.name}; name the scan "
                        f"itself"
                    )
        return path

    def listing(self, root: int, below: str) -> dict[str, Any]:
        """What lies in a folder, but for what is hidden, or is no scan by its name."""
        folder = self.resolve(root, below)
        if not folder.is_dir():
            return {"folders": [], "files": [], "more": 0}
        paths = sorted(
            path
            for path in folder.iterdir()
            if not (path.name.startswith(".") or path.name.lower().endswith(_NO_SCANS))
        )
        shown = paths[:_MOST_LISTED]
        return {
            "folders": [path.name for path in shown if path.is_dir()],
            "files": [path.name for path in shown if path.is_file()],
            "more": len(paths) - len(shown),
        }

    def saving(self, name: str) -> Path:
        """The path of a new file or folder in which the page may save.

        Raises:
            OutputError: saving was not allowed, the name is no plain one, or there is one already.
        """
        if self.out is None:
            raise OutputError("the studio was started without a folder to save in; give `output`")
        plain = name.strip()
        odd = set(plain) & set('/\\:*?"<>|') or not plain.isprintable()
        if not plain or plain.startswith(".") or odd:
            raise OutputError(f"{name!r} is no plain name of a file; use letters and digits")
        path = self.out / plain
        try:
            taken = path.exists()
        except OSError as error:  # longer than a name may be
            raise OutputError(
                f"{plain[:40]}... is no name of a file here ({error.strerror}); give a shorter one"
            ) from None
        if taken:
            raise OutputError(f"{plain} exists in {self.out}, and is not replaced; name another")
        return path


def _parts(path: Path) -> Iterator[Path]:
    """The files that a scan is read from."""
    if path.is_dir():
        for folder, names in walk(path, lambda *_: None):  # whoever reads it says what is wrong
            yield from (folder / name for name in names)
        return
    yield path
    ending = path.name.lower()
    if ending.endswith(ITK_SUFFIXES):
        name = data_file_name(path)
        several = name.startswith("LIST") or "%" in name
        yield Path(path.anchor) if several else path.parent / name
    elif ending.endswith(PAIR_SUFFIXES):
        yield from path.parent.glob(f"{glob.escape(path.name.split('.')[0])}.*")


def forecast_bytes(path: Path) -> int:
    """About what the voxels of a scan will take in memory, from names and sizes of its files.

    Two bytes for each voxel: of files that are compressed, twice their size.
    """
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    size = path.stat().st_size
    compressed = path.name.lower().endswith(_COMPRESSED)
    return 2 * size if compressed and (is_readable_image(path) or path.suffix == ".zip") else size
