"""An image file: what is kept of it, and the file made again.

Uncompressed files, and those that are in gzip as a whole, come back byte for byte once unpacked.
Where only the voxels are compressed, the header and the voxels do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import counted
from mitsgan.files.io import IMAGE_SUFFIXES
from mitsgan.files.surroundings import Surroundings, put_together, stored_values, take_apart
from mitsgan.progress import Steps
from mitsgan.restore.digest import bytes_digest
from mitsgan.restore.errors import RestoreError
from mitsgan.restore.payload import OriginalImage
from mitsgan.restore.residual import added, difference

_NIFTI = ".nii"


@dataclass
class KeptImage:
    """What is kept of an image, known once `changes` has run."""

    source: Path
    written: Path

    def __post_init__(self) -> None:
        self._values = stored_values(self.source)
        self._protected: list[str] = []
        self._surroundings = take_apart(self.source, self._values)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of all slices together."""
        z, y, x = self._values.shape
        return z, y, x

    @property
    def itemsize(self) -> int:
        """Bytes of a voxel."""
        return int(self._values.dtype.itemsize)

    @property
    def headers(self) -> list[bytes]:
        """What stands around the voxels."""
        return [self._surroundings.header, self._surroundings.before, self._surroundings.after]

    @property
    def image(self) -> OriginalImage:
        """The image, described."""
        parts = self._surroundings
        return OriginalImage(
            ending=ending_of(self.source),
            data_name=parts.data_name,
            big=parts.big,
            packing=parts.packing,
            wrapped=parts.wrapped,
            protected=tuple(self._protected),
        )

    def changes(self, progress: Steps | None = None) -> Iterator[NDArray[Any]]:
        """The difference of each slice."""
        protected = stored_values(self.written)
        for z, (original, plane) in enumerate(zip(self._values, protected, strict=True)):
            self._protected.append(_digest(plane))
            yield difference(original, plane)
            if progress is not None:
                progress(z + 1, len(protected))


def check_image(source: Path, out: Path) -> None:
    """Raise `RestoreError` where an image could not be kept: it is a pair, or another format.

    Args:
        source: the image.
        out: where the protected scan is to be.
    """
    kinds = [_NIFTI in ending_of(path) for path in (source, out)]
    if not ending_of(source) or kinds[0] != kinds[1] or not ending_of(out):
        raise RestoreError(
            f"a restorable scan keeps its format, but {source} would become {out}: protect it as "
            f"{ending_of(source) or 'one file, such as .nii.gz,'} first, and convert that"
        )


def check_in_one_piece(source: Path) -> None:
    """Raise `ScanError` where the voxels of an image are text, or in many files.

    Those of NIfTI never are; what is no image is left alone.
    """
    ending = ending_of(source)
    if ending and _NIFTI not in ending:
        take_apart(source, stored_values(source))


def restore_image(
    path: Path,
    out: Path,
    image: OriginalImage,
    headers: tuple[bytes, ...],
    changes: Iterator[NDArray[Any]],
    shape: tuple[int, int, int],
    progress: Steps | None = None,
) -> None:
    """Write the original.

    Args:
        path: the protected image.
        out: the file to be; one with voxels in a file of their own gets that beside it.
        image, headers: what was kept.
        changes: the difference of each slice, which is unpacked as it is asked for.
        shape: of all of them together.
        progress: called with slices done and slices in all.

    Raises:
        RestoreError: its voxels are not those that were protected.
        ScanError: it cannot be read.
    """
    protected = stored_values(path)
    digests = [_digest(plane) for plane in protected]
    if digests != list(image.protected) or protected.shape != shape:
        different = sum(a != b for a, b in zip(digests, image.protected, strict=False))
        what = f"{different} of {counted(len(digests), 'slice')}"
        if len(digests) != len(image.protected):
            what = f"it has {counted(len(digests), 'slice')}, not {len(image.protected)}"
        raise RestoreError(
            f"the voxels of {path} are not those that were protected ({what}): it was changed "
            f"since, or is another image; give it as it was written"
        )
    original = np.empty_like(protected)
    for z, plane in enumerate(protected):
        original[z] = added(plane, next(changes))
        if progress is not None:
            progress(z + 1, len(protected))
    header, before, after = headers
    parts = Surroundings(
        before, after, header, image.data_name, image.big, image.packing, image.wrapped
    )
    put_together(parts, original, out)


def ending_of(path: Path) -> str:
    """The ending that says which format an image has; empty for what is none that is written."""
    name = path.name.lower()
    endings = sorted(IMAGE_SUFFIXES, key=len, reverse=True)
    return next((ending for ending in endings if name.endswith(ending)), "")


def _digest(plane: NDArray[Any]) -> str:
    little = np.ascontiguousarray(plane, plane.dtype.newbyteorder("<"))
    return bytes_digest([little.reshape(-1).view(np.uint8).data])
