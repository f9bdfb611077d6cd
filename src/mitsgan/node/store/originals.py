"""What is kept of originals, encrypted, and their seals: files by the protected series' UID.

They outlive the spool's series, for a reader may ask for an original years later.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mitsgan.jobs.restore.recipient import original_path
from mitsgan.jobs.seal import seal_path
from mitsgan.node.store.spool import read_header, sync_file, sync_folder


def kept_of(folder: Path, series: Path) -> tuple[Path | None, Path | None]:
    """What is kept of a protected series, and its seal; None for what is not there.

    Args:
        folder: where originals lie.
        series: a folder with the protected series.

    Raises:
        ObjectError: its first file cannot be read.
    """
    uid = _series_uid(series)
    original, seal = original_path(folder / uid), seal_path(folder / uid)
    return original if original.exists() else None, seal if seal.exists() else None


def keep(folder: Path, protected: Path) -> None:
    """Copy what lies beside a protected series to where originals are kept, onto the disk.

    Args:
        folder: where originals lie; made where it is missing.
        protected: a folder with the protected series.

    Raises:
        OSError: it cannot be written.
        ObjectError: the first file of the series cannot be read.
    """
    uid = _series_uid(protected)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in (original_path, seal_path):
        source, target = path(protected), path(folder / uid)
        if not source.exists():
            target.unlink(missing_ok=True)  # of an earlier one, to which it would not belong
            continue
        new = target.with_name(f"{target.name}.{os.getpid()}.new")
        shutil.copyfile(source, new)
        new.chmod(0o600)
        sync_file(new)
        new.rename(target)
    sync_folder(folder)


def _series_uid(folder: Path) -> str:
    """Of the series in a folder."""
    return read_header(min(folder.iterdir())).series_uid
