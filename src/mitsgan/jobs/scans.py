"""Scans from files and back into files."""

from __future__ import annotations

from pathlib import Path

from mitsgan import __version__
from mitsgan.errors import OutputError
from mitsgan.files import Derivation, check_derivable, read_scan, write_scan
from mitsgan.files.identity import patient_key, series_key
from mitsgan.files.io import IMAGE_SUFFIXES, is_image
from mitsgan.jobs.outputs import scan_name
from mitsgan.jobs.protect.derivation import voxel_digest
from mitsgan.jobs.protect.protected import Protected, scan_of
from mitsgan.jobs.shared import AnyPath
from mitsgan.progress import Phases, Progress, silent
from mitsgan.reading import Reading
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import Simulated
from mitsgan.training.data.split import Origin


def read(
    path: AnyPath,
    *,
    series: str | None = None,
    select: tuple[str, ...] = (),
    strict: bool = False,
    hu_offset: float = 0.0,
    assume_hu: bool = False,
    new_uids: bool = False,
    progress: Progress = silent,
) -> Scan:
    """Read a CT scan, its axes in canonical order (`mitsgan.scan.canonical`).

    Args:
        path: a folder with a DICOM series, a DICOM file, a DICOMDIR, a ``.zip`` of DICOM, or an
            image: ``.nii``, ``.nii.gz``, ``.mha``, ``.mhd``, ``.nrrd``, ``.nhdr``.
        series: the *Series Instance UID* to read, where a folder holds several.
        select: what tells the scan from others, such as ``kernel=B70f``, or any DICOM keyword.
        strict: refuse a folder in which anything but slices lies, instead of leaving it out.
        hu_offset: HU to add to all values, where the file lost its offset: often -1024.
        assume_hu: take the values for HU, whatever the header says and however they look.
        new_uids: write DICOM of it under UIDs that are all new, where an anonymiser emptied the
            old ones.
        progress: told how far it is.

    Raises:
        SettingsError: settings that make no sense.
        ScanError: nothing there, or it is not one whole CT scan in HU; says what to do.
    """
    reading = Reading(
        series=series, select=select, strict=strict, hu_offset=hu_offset, assume_hu=assume_hu
    )
    with Phases(progress).phase("read", f"reading {path}") as step:
        return read_scan(Path(path), reading, new_uids=new_uids, progress=step)


def write(
    scan: Scan | Protected,
    path: AnyPath,
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
        check_derivable(scan.scan, target)
        voxels, derivation, most = scan.scan, scan.derivation, scan.budget.max_hu
    else:
        voxels, derivation, most = scan_of(scan), _plain(scan, target), None
    with Phases(progress).phase("write", f"writing {target}") as step:
        write_scan(
            voxels,
            target,
            derivation=derivation,
            largest_hu=most,
            overwrite=overwrite,
            progress=step,
        )


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
