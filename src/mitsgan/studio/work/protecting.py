"""Protect a scan in memory and say what that changed, or save it through the job of the command."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import SettingsError
from mitsgan.evaluate.metrics.fidelity import fidelity
from mitsgan.jobs.protect.file import load_protection, protect_file
from mitsgan.jobs.protect.protection import protect
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.progress import Phases, Progress
from mitsgan.scan.scan import Scan
from mitsgan.studio.requests import Protect
from mitsgan.studio.series import Series
from mitsgan.studio.session import Session

_MOST_BINS = 41


def protect_series(
    session: Session, series: Series, wanted: Protect, progress: Progress
) -> dict[str, Any]:
    """Protect in memory: another series, how much it differs, and the histogram of that.

    Raises:
        SettingsError: a mark without a key, or a scan that an attacker touched.
        MitsganError: see `mitsgan.jobs.protect.protection.protect`.
    """
    _check(session, series, wanted)
    session.shelf.check_room(series.bytes)
    protected = protect(
        series.scan,
        max_hu=wanted.max_hu,
        noise_fraction=wanted.noise_fraction,
        protector=wanted.protector,
        seed=wanted.seed,
        key=session.settings.key if wanted.mark else None,
        progress=progress,
    )
    with Phases(progress).phase("compare", "comparing with the original"):
        measured = fidelity(series.scan, protected.scan)
        edges, counts = change_histogram(series.scan, protected.scan, wanted.max_hu)
    name = f"{series.name}, {_told(wanted)}"
    made = Series(name, "protected", protected.scan, None, series.id, wanted.max_hu, "asked for")
    session.shelf.add(made)
    return {
        "series": made.card(),
        "largest_hu": protected.largest_hu,
        "rms_hu": protected.rms_hu,
        "psnr_db": measured.psnr_db if np.isfinite(measured.psnr_db or 0) else None,
        "ssim": measured.ssim,
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "notes": protected.notes,
    }


def save_protected(
    session: Session, series: Series, wanted: Protect, progress: Progress
) -> dict[str, Any]:
    """Protect from file to file, as the command does, under the name that was given.

    Raises:
        SettingsError: the scan is in memory alone.
        OutputError: it cannot be written there.
        MitsganError: see `mitsgan.jobs.protect.file.protect_file`.
    """
    _check(session, series, wanted)
    if series.path is None:
        raise SettingsError("this scan is in memory alone; protect the one that it was made of")
    settings = ProtectFile(
        scan=series.path,
        out=session.folders.saving(wanted.name),
        max_hu=wanted.max_hu,
        noise_fraction=wanted.noise_fraction,
        protector=wanted.protector,
        seed=wanted.seed,
        key=session.settings.key if wanted.mark else None,
    )
    result = protect_file(settings, protection=load_protection(settings), progress=progress)
    return {"written": result.output, "largest_hu": result.change.largest}


def change_histogram(
    original: Scan, protected: Scan, max_hu: float
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """How many voxels, padding left out, moved by how many HU, from minus to plus the budget."""
    width = max(1, math.ceil(2 * max_hu / (_MOST_BINS - 1)))  # HU are whole ones in most files
    reach = math.ceil(max_hu / width)
    edges = np.arange(-reach, reach + 2, dtype=np.float64) * width - width / 2
    counts = np.zeros(2 * reach + 1, np.int64)
    for z in range(original.shape[0]):
        moved = protected.hu(z, z + 1) - original.hu(z, z + 1)
        counts += np.histogram(moved[~original.is_padding(z, z + 1)], edges)[0]
    return edges, counts


def _told(wanted: Protect) -> str:
    """By what a protection differs from others of the same scan."""
    parts = [wanted.protector, f"{wanted.max_hu:g} HU"]
    if wanted.noise_fraction is not None:
        parts.append(f"{wanted.noise_fraction:g} of the noise")
    if wanted.seed:
        parts.append(f"seed {wanted.seed}")
    return ", ".join([*parts, *(["marked"] if wanted.mark else [])])


def _check(session: Session, series: Series, wanted: Protect) -> None:
    if series.simulated:
        raise SettingsError("what an attacker made is not protected; protect a scan")
    if wanted.mark and session.settings.key is None:
        raise SettingsError("the studio was started without a `key`; give one to mark scans")
