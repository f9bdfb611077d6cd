"""Open scans."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mitsgan.files import read_scan
from mitsgan.files.history import stated_budget_hu
from mitsgan.jobs.outputs import scan_name
from mitsgan.progress import Phases, Progress
from mitsgan.scan.scan import Scan
from mitsgan.studio.folders import forecast_bytes
from mitsgan.studio.planes import largest_change, same_grid
from mitsgan.studio.series import Role, Scale, Series
from mitsgan.studio.session import Session
from mitsgan.studio.tasks import Task


def open_scan(
    session: Session, path: Path, progress: Progress, role: Role = "scan"
) -> dict[str, Any]:
    """Read a scan and put it on the shelf; its card.

    Raises:
        ScanError: it cannot be read, or there is no room for it.
    """
    session.shelf.check_room(forecast_bytes(path))
    with Phases(progress).phase("read", f"reading {path.name}") as step:
        scan = read_scan(path, progress=step)
    alike = [s for s in session.shelf.all() if s.role == "scan" and same_grid(s.scan, scan)]
    original = alike[0] if alike and role == "protected" else None
    series = Series(
        scan_name(path),
        role,
        scan,
        path.resolve(),
        None if original is None else original.id,
        *_scale(scan, original),
    )
    session.shelf.add(series)
    return series.card()


def _scale(scan: Scan, original: Series | None) -> tuple[float | None, Scale]:
    """The budget that the file of a scan states, or else how far it is from its original."""
    stated = stated_budget_hu(scan)
    if stated is not None:
        return stated, "stated"
    if original is None:
        return None, "unknown"
    largest = math.ceil(largest_change(original.scan, scan))
    return (largest, "measured") if largest else (None, "unknown")


def open_first(session: Session) -> None:
    """Queue the scans that were named when the studio was started."""
    named: tuple[tuple[Path | None, Role], ...] = (
        (session.settings.scan, "scan"),
        (session.settings.protected, "protected"),
    )
    for path, role in named:
        if path is not None:
            session.named.append(queue(session, path, role))


def queue(session: Session, path: Path, role: Role = "scan") -> Task:
    """Have a scan opened."""
    return session.worker.start(
        f"opening {scan_name(path)} (about {forecast_bytes(path) / 1e9:.2f} GB)",
        lambda progress: {"series": open_scan(session, path, progress, role)},
    )
