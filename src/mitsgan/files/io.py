"""Reading and writing scans, the format told by what the path is."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from mitsgan.atomic import atomic_output, check_targets
from mitsgan.errors import OutputError, ScanError
from mitsgan.files.derivation import Derivation
from mitsgan.files.dicom.files import Progress
from mitsgan.files.dicom.read import read_dicom
from mitsgan.files.dicom.write.series import DICOM_SUFFIXES, check_dicom, is_single, write_dicom
from mitsgan.files.itk import ITK_SUFFIXES, companions, read_itk, write_itk
from mitsgan.files.nifti_source import NIFTI_SUFFIXES, PAIR_SUFFIXES
from mitsgan.files.readback import check_readback
from mitsgan.reading import Reading
from mitsgan.scan.canonical import canonical, geometry_notes, in_file_order
from mitsgan.scan.plausible import check_plausible
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import Simulated, burnt

IMAGE_SUFFIXES = (*NIFTI_SUFFIXES, *ITK_SUFFIXES)
"""Endings of images that are written."""

_LONGEST_ENDING = 5
"""Longer ones are parts of the names of folders."""


def read_scan(
    path: Path,
    reading: Reading | None = None,
    *,
    series: str | None = None,
    new_uids: bool = False,
    progress: Progress | None = None,
) -> Scan:
    """Read a CT scan, in canonical order (`mitsgan.scan.canonical`).

    Args:
        path: a folder with a DICOM series, a DICOM file, a DICOMDIR, a ``.zip`` of DICOM, or an
            image: ``.nii``, ``.nii.gz``, ``.mha``, ``.mhd``, ``.nrrd``, ``.nhdr``.
        reading: which of several scans, and what its values mean.
        series: short for a ``reading`` that names only its series.
        new_uids: write DICOM under UIDs that are all new, where an anonymiser emptied the old ones.
        progress: called with (done, total) steps.

    Raises:
        ScanError: nothing there, or it is not one whole CT scan in HU; says what to do.
    """
    if not path.exists():
        raise ScanError(f"{path} does not exist; name a DICOM folder or an image file")
    reading = reading or Reading(series=series)
    if path.is_dir() or not is_readable_image(path):
        scan = read_dicom(path, reading, progress, new_uids=new_uids)
    elif reading.series is not None or reading.select:
        raise ScanError(f"{path} is an image of one scan; leave `series` and `select` out")
    else:
        before = _stamps(path)
        scan = _reader(path)(path, reading.hu_offset)
        if _stamps(path) != before:
            raise ScanError(f"{path} changed while it was read; read it again when it is whole")
        if progress is not None:
            progress(1, 1)
    if not reading.assume_hu:
        check_plausible(scan, str(path))
    return _noted(canonical(scan), reading)


def _stamps(path: Path) -> dict[str, tuple[int, int, int]]:
    """What changes when somebody writes to an image, or to the file of its voxels beside it."""
    stamps = {}
    for file in path.parent.glob(f"{glob.escape(path.stem)}*"):
        with suppress(FileNotFoundError):
            status = file.stat()
            stamps[file.name] = status.st_size, status.st_mtime_ns, status.st_ino
    return stamps


def write_scan(
    scan: Scan,
    path: Path,
    *,
    derivation: Derivation,
    largest_hu: float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write a scan, whole or not at all, in the format that the path's ending says.

    What was written is read back by other means, and compared, before it is moved into place. The
    axes get the order of the file that it was read from. No ending that is known means a folder
    of DICOM, which only a scan from DICOM can become. What an attacker was simulated on is never
    DICOM, and carries SIMULATED in every axial slice.

    Args:
        scan: the scan, its ``source`` as it was read.
        path: the output; missing folders above it are made.
        derivation: what was done to the voxels, for the header.
        largest_hu: how far a voxel may be from the source on disk; None where there is no limit.
        overwrite: whether an existing output may be replaced.
        progress: called with (done, total) steps.

    Raises:
        OutputError: it exists, is or holds the source, cannot be written, the disk is full, or it
            does not read back as it should.
        ScanError: the values do not fit what the file can hold.
    """
    with writing(
        scan,
        path,
        derivation=derivation,
        largest_hu=largest_hu,
        overwrite=overwrite,
        progress=progress,
    ):
        pass


@contextmanager
def writing(
    scan: Scan,
    path: Path,
    *,
    derivation: Derivation,
    largest_hu: float | None = None,
    overwrite: bool = False,
    beside: Sequence[str] = (),
    progress: Progress | None = None,
) -> Iterator[Path]:
    """As `write_scan`, with a look at what was written before it is moved into place.

    Args:
        scan, path, derivation, largest_hu, overwrite, progress: see `write_scan`.
        beside: names of files that the block writes beside the output, such as its seal. All come
            into place together, or none does.

    Yields:
        Where the output lies, whole and checked, until the block ends.

    Raises:
        OutputError, ScanError: see `write_scan`.
    """
    check_output(path, overwrite, source=source_path(scan))
    if isinstance(scan.source, Simulated):
        check_derivable(scan, path)
        scan = burnt(scan)
    scan = in_file_order(scan)
    folder = not is_image(path) and not is_single(path)
    together = (*companions(path), *beside)
    with atomic_output(path, overwrite=overwrite, folder=folder, companions=together) as temporary:
        if not is_image(path):
            write_dicom(scan, temporary, derivation=derivation, progress=_half(progress, 0))
        elif _is_nifti(path):
            from mitsgan.files.nifti import write_nifti

            write_nifti(scan, temporary, derivation)
        else:
            write_itk(scan, temporary, derivation)
        check_readback(scan, temporary, largest_hu, _half(progress, 1))
        yield temporary


def check_output(path: Path, overwrite: bool = False, *, source: Path | None = None) -> None:
    """Raise `OutputError` where `write_scan` would refuse ``path``: before a long run, not after.

    Args:
        path: the output to be.
        overwrite: whether an existing one may be replaced.
        source: the input that the scan is, or will be, read from.
    """
    folder = not is_image(path) and not is_single(path)
    check_targets(path, companions(path), overwrite, folder=folder, source=source)
    if is_image(path):
        return
    ending = path.suffix[1:].lower()
    if ending and ending[0].isalpha() and len(ending) <= _LONGEST_ENDING and not path.is_dir():
        known = ", ".join((*IMAGE_SUFFIXES, *DICOM_SUFFIXES))
        if not path.name.lower().endswith(DICOM_SUFFIXES):
            raise OutputError(
                f"{path} ends in .{ending}, which no format is written as; give it one of {known}, "
                f"or no ending for a folder of DICOM"
            )
    if source is not None and source.is_file() and is_readable_image(source):
        raise OutputError(
            f"{path} would be DICOM, but {source} is not: patient, study and scanner are unknown; "
            f"give the output an ending: {', '.join(IMAGE_SUFFIXES)}"
        )


def check_derivable(scan: Scan, path: Path) -> None:
    """Raise where a scan that was read could not be written as ``path``: before the work.

    Args:
        scan: as it was read.
        path: the output.

    Raises:
        ScanError, OutputError: see `write_scan`.
    """
    if is_image(path):
        return
    if isinstance(scan.source, Simulated):
        raise OutputError(
            f"{path} would be DICOM, but an attacker was simulated on this scan: it exists in "
            f"memory only; give the output an ending: {', '.join(IMAGE_SUFFIXES)}"
        )
    check_dicom(scan, path)


def is_image(path: Path) -> bool:
    """Whether the path names an image file to write, by its ending; all else is DICOM."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def is_readable_image(path: Path) -> bool:
    """Whether the path names an image file to read, by its ending; all else is DICOM."""
    return path.name.lower().endswith((*IMAGE_SUFFIXES, *PAIR_SUFFIXES))


def have_one_format(one: Path, other: Path) -> bool:
    """Whether values of one are stored as those of the other, if that was written from it."""
    return _is_nifti(one) == _is_nifti(other) and is_readable_image(one) == is_readable_image(other)


def source_path(scan: Scan) -> Path | None:
    """The file or folder that a scan was read from, or None."""
    return None if scan.source is None else scan.source.path


def _half(progress: Progress | None, number: int) -> Progress | None:
    """Progress of the first or second of two passes."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, 2 * total)


def _noted(scan: Scan, reading: Reading) -> Scan:
    """The scan with what is to be told of its grid and its values."""
    notes = [*scan.notes, *geometry_notes(scan.geometry)]
    if reading.hu_offset:
        notes.append(
            f"{reading.hu_offset:+g} HU were added to all values; in a file of the same format "
            f"they are written as they were stored"
        )
    return replace(scan, notes=tuple(notes))


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((*NIFTI_SUFFIXES, *PAIR_SUFFIXES))


def _reader(path: Path) -> Callable[[Path, float], Scan]:
    """What reads an image; nibabel is loaded where it is needed alone."""
    if not _is_nifti(path):
        return read_itk
    from mitsgan.files.nifti import read_nifti

    return read_nifti
