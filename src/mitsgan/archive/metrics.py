"""The state of an archive as Prometheus' textfile collector reads it."""

from __future__ import annotations

from pathlib import Path

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.task import FAILURES, STATES
from mitsgan.atomic import atomic_output


def write_metrics(ledger: Ledger, path: Path) -> None:
    """Write counts of series by state and by failure, and the rate; whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    counts = ledger.counts()
    failed = [task.failure for task in ledger.tasks("failed")]
    lines = [
        "# HELP mitsgan_archive_series Series of the ledger, by state.",
        "# TYPE mitsgan_archive_series gauge",
        *(f'mitsgan_archive_series{{state="{state}"}} {counts.get(state, 0)}' for state in STATES),
        "# HELP mitsgan_archive_failures Series that were given up, by kind of failure.",
        "# TYPE mitsgan_archive_failures gauge",
        *(f'mitsgan_archive_failures{{kind="{kind}"}} {failed.count(kind)}' for kind in FAILURES),
    ]
    rate = ledger.rate()
    if rate is not None:
        lines += [
            "# HELP mitsgan_archive_seconds_per_megavoxel Work for a million voxels.",
            "# TYPE mitsgan_archive_seconds_per_megavoxel gauge",
            f"mitsgan_archive_seconds_per_megavoxel {rate:.4f}",
        ]
    with atomic_output(path, overwrite=True, anything=True) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
