"""A verification as a page for whoever has to judge it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mitsgan.errors import ScanError
from mitsgan.evaluate.report.html.figures import PlaceFigures
from mitsgan.evaluate.report.html.page import html_report
from mitsgan.jobs.outputs import scan_name, write_text
from mitsgan.jobs.verify.pictures import verification_pictures
from mitsgan.jobs.verify.report import verification_report
from mitsgan.jobs.verify.result import Verification
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.progress import Phases
from mitsgan.scan.scan import Scan


def write_page(
    path: Path,
    settings: VerifyFile,
    result: Verification,
    read: Callable[[Phases], Scan],
    phases: Phases,
) -> None:
    """Write the page.

    Args:
        path: of the page.
        settings: that the scan was verified by.
        result: of that.
        read: the scan, for pictures; what cannot be read has none, and the page says so.
        phases: told how far it is.

    Raises:
        OutputError: it cannot be written.
    """
    pictures: tuple[PlaceFigures, ...] = ()
    gaps: tuple[str, ...] = ()
    try:
        pictures = verification_pictures(result, read(phases), settings.seal, phases)
    except ScanError as error:
        gaps = (f"Pictures: {error}",)
    report = verification_report(result, scan_name(settings.scan), settings.command(), gaps)
    write_text(path, html_report(report, places=pictures), overwrite=settings.overwrite)
