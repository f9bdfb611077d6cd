"""Files that commands write beside scans; see `mitsgan.jobs.outputs`."""

from __future__ import annotations

from pathlib import Path

from mitsgan.cli.options import setting
from mitsgan.jobs import outputs
from mitsgan.jobs.outputs import json_text, scan_name, write_json

__all__ = ["check_file", "json_text", "scan_name", "write_json"]


def check_file(
    path: Path,
    overwrite: bool,
    option: str,
    *,
    source: Path | None = None,
    beside: Path | None = None,
) -> None:
    """As `mitsgan.jobs.outputs.check_file`, with the option's name."""
    outputs.check_file(path, overwrite, setting(option), source=source, beside=beside)
