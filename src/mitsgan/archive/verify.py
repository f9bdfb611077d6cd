"""Verify what a ledger's runs protected or sealed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.plan import plan_verification
from mitsgan.archive.report import archive_report
from mitsgan.archive.run import Ran, run_archive
from mitsgan.archive.settings import VerificationSettings
from mitsgan.progress import Progress, silent


def verify_archive(
    settings: VerificationSettings, *, progress: Progress = silent
) -> tuple[Ran, Mapping[str, int]]:
    """Verify everything that was protected or sealed; verdicts stand in the ledger's report.

    Returns:
        What the run came to, and how many series have each verdict.

    Raises:
        SettingsError: nothing of the ledger was marked or sealed.
        DataError: the ledger cannot be read.
    """
    with closing(Ledger(settings.ledger)) as ledger:
        plan_verification(ledger, settings.trust)
    ran = run_archive(settings, progress=progress)
    return ran, archive_report(settings.ledger).verdicts
