"""Scans from files and back into files."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from mitsgan import __version__
from mitsgan.errors import OutputError
from mitsgan.files import Derivation, read_scan, write_scan
from mitsgan.files.identity import patient_key, series_key
from mitsgan.files.io import IMAGE_SUFFIXES, is_image
from mitsgan.jobs.outputs import scan_name
from mitsgan.jobs.protect.derivation import voxel_digest
from mitsgan.jobs.protect.protection import Protected
from mitsgan.progress import Phases, Progress, silent
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import Simulated
from mitsgan.training.data.split import Origin


def read(
    path: str | PathLike[str], *, series: str | None = None, progress: Progress = silent
) -> Scan:
    """Read a CT scan, its axes in canonical order (`mitsgan.scan.canonical`).

    Args:
        path: a folder with a DICOM series, a DICOM file, or an image: ``.nii``, ``.nii.gz``,
            ``.mha``, ``.mhd``, ``.nrrd``, ``.nhdr``.
        series: the *Series Instance UID* to read, where a folder holds several.
        progress: told how far it is.

    Raises:
        ScanError: nothing there, or it is not one whole CT scan in HU; says what to do.
    """
    with Phases(progress).phase("read", f"reading {path}") as step:
        return read_scan(Path(path), series=series, progress=step)


def write(
    scan: Scan | Protected,
    path: str | PathLike[str],
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> None:
    """Write a scan, whole or not at all, in the format that the path's ending says.

    DICOM is written of what `mitsgan.protect` gave, and of nothing else: its identity follows from
    its voxels, so that no two objects of one UID differ. A scan as such becomes an image. What
    `mitsgan.tamper` gave never becomes DICOM, and carries SIMULATED in the voxels of every slice.

    Args:
        scan: a protected scan, or any scan.
        path: an image by its ending, or else a folder of DICOM.
        overwrite: replace an output of an earlier run.
        progress: told how far it is.

    Raises:
        OutputError: it exists, cannot be written there, or must not become DICOM.
        ScanError: the values do not fit what the file can hold.
    """
    target = Path(path)
    if isinstance(scan, Protected):
        _check_unchanged(scan)
        voxels, derivation = scan.scan, scan.derivation
    else:
        voxels, derivation = scan, _plain(scan, target)
    with Phases(progress).phase("write", f"writing {target}") as step:
        write_scan(voxels, target, derivation=derivation, overwrite=overwrite, progress=step)


def origin_of(scan: Scan, path: Path) -> Origin:
    """Whose scan it is, in hashes, and what the user calls it."""
    return Origin(patient_key(scan), series_key(scan), scan_name(path))


def _check_unchanged(protected: Protected) -> None:
    """Raise where voxels are no longer those that the derivation speaks of."""
    if not protected.derivation.code.endswith(voxel_digest(protected.scan)):
        raise OutputError(
            "the voxels are no longer those that were protected, so what is written would share "
            "its UIDs with another scan; protect the changed scan instead"
        )


def _plain(scan: Scan, target: Path) -> Derivation:
    """What the file of a scan says that was not protected; never DICOM."""
    if isinstance(scan.source, Simulated):
        return Derivation(f"SIMULATED tampering (mitsgan {__version__})", "simulated", "SIMULATED")
    if not is_image(target):
        raise OutputError(
            f"{target} would be DICOM, which is written of a protected scan alone; protect it, or "
            f"give the output an ending: {', '.join(IMAGE_SUFFIXES)}"
        )
    return Derivation(f"Written by mitsgan {__version__}", "written", "written")
