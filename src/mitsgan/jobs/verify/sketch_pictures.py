"""What a sketch says was sealed, and what a scan shows in the same cells: as scans to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mitsgan.progress import Phases, Progress, silent
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import SealError, read_seal
from mitsgan.seal.signature import verify
from mitsgan.seal.sketch.cells import CellGrid
from mitsgan.seal.sketch.encoding import SketchError, from_fields
from mitsgan.seal.sketch.observe import observe


def sketch_pictures(
    seal_path: Path, scan: Scan, *, progress: Progress = silent
) -> tuple[Scan, Scan]:
    """Two scans on the grid of the sketch's cells: means when sealed, and means of the scan.

    Where the scan shows nothing of a cell, it is air. Whether the signer is trusted, verifying
    tells; that the seal was not changed since, is checked here, too.

    Args:
        seal_path: the seal.
        scan: to be looked at, on any grid.
        progress: told how far it is.

    Raises:
        SealError: the seal cannot be read, was changed, or has no sketch.
    """
    seal = read_seal(seal_path)
    if not verify(seal.public_key, seal.algorithm, seal.signature, seal.signed):
        raise SealError(f"{seal_path} was changed or damaged: its signature is wrong")
    if seal.sketch is None:
        raise SealError(f"{seal_path} has no sketch; it tells what changed, not what was there")
    try:
        sketch = from_fields(seal.sketch)
    except SketchError as error:
        raise SealError(f"the sketch in {seal_path} {error}; fetch the seal again") from error
    with Phases(progress).phase("sketch", "measuring the cells of the sketch"):
        seen = observe([canonical(scan)], sketch.grid)
    shown = np.where(seen.coverage > 0, seen.means, np.float32(sketch.means.min()))
    return _as_scan(sketch.means, sketch.grid), _as_scan(shown, sketch.grid)


def _as_scan(means: NDArray[np.float32], grid: CellGrid) -> Scan:
    return Scan.of_image(np.rint(means).astype(np.int16), grid.cell_geometry, None)
