"""What the work that is open will need: time, memory, and room on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.settings import How
from mitsgan.archive.task import Action
from mitsgan.archive.web.server import is_web
from mitsgan.jobs.evaluate.estimate import estimated_seconds

SECONDS_PER_MEGAVOXEL: Mapping[Action, float] = {
    "protect": 0.2,
    "seal": 0.04,
    "verify": 0.04,
    "restore": 0.1,
}
"""Work on one core for a million voxels, before the archive itself has shown another rate;
processor time on a chest CT of 133 slices (docs/archive.md)."""

_BASE_MB, _VOXEL_MB = 700.0, 8e-6
"""Memory of a worker: the program, and twice a voxel in float32; what `protect` is held to."""

_EVALUATE_VOXEL_MB = 32e-6
"""Of an evaluation, which holds several versions of a scan at once: 27 bytes measured on a chest CT
of 133 slices, and some room."""

_STORED_MB = 2e-6
"""A voxel on the disk, where nothing is compressed."""


def memory_mb(action: Action, voxels: int) -> float:
    """What a worker needs at most for a series."""
    return _BASE_MB + (_EVALUATE_VOXEL_MB if action == "evaluate" else _VOXEL_MB) * voxels


def seconds_left(ledger: Ledger, how: How) -> float:
    """Work that is left, on one core: by the rate so far, or a measured one."""
    left = [task.voxels for task in ledger.tasks("pending", "running")]
    rate = ledger.rate()
    if rate is None and how.action == "evaluate":
        return sum(estimated_seconds(how.evaluate, voxels) for voxels in left)
    return (rate or SECONDS_PER_MEGAVOXEL[how.action]) * sum(left) / 1e6


def in_words(hours: float) -> str:
    """So long: in seconds below two minutes, in minutes below two hours."""
    seconds = 3600 * hours
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if hours < 2 else f"{hours:.1f} hours"


def disk_mb(ledger: Ledger, how: How) -> float:
    """What is still to be written, were nothing compressed, and room for what is fetched."""
    left = [task for task in ledger.tasks("pending", "running") if task.action == how.action]
    fetched = max((task.voxels for task in left if is_web(task.source)), default=0)
    written = sum(task.voxels for task in left) if how.action in ("protect", "restore") else 0
    if how.action == "protect" and how.protect.restorable_form == "full":
        written *= 2
    return _STORED_MB * (written + fetched)


def free_mb(folder: Path) -> float:
    """Free on the disk of a folder that may not be there yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e6
