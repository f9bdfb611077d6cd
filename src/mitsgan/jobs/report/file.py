"""Make of what a run found one page, or its tables as text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mitsgan.errors import SettingsError
from mitsgan.jobs.shared import Overwriting
from mitsgan.progress import Phases, Progress, silent

Format = Literal["html", "md", "csv", "json"]

_FORMATS = {".html": "html", ".htm": "html", ".md": "md", ".csv": "csv", ".json": "json"}
"""What a name that ends so stands for."""


@dataclass(frozen=True, kw_only=True)
class ReportFile(Overwriting):
    """What is reported, and where to."""

    run_folder: Path
    """What a run left: a benchmark's folder, its summary.json, or the JSON that a command wrote."""
    output: Path
    """The file to write."""
    format: Format | None = None
    """By default what the output's name ends with. csv holds one line per cell."""

    def __post_init__(self) -> None:
        super().__post_init__()
        ending = self.output.suffix.lower()
        if self.format is None and ending not in _FORMATS:
            raise SettingsError(
                f"`output` {self.output}: a report is named *.html, *.md, *.csv or *.json; name it "
                f"so, or say with `format` which of these it is to be"
            )


def report_file(settings: ReportFile, *, progress: Progress = silent) -> int:
    """Write a report; how many bytes it has.

    Args:
        settings: what is to be done.
        progress: told how far it is.

    Raises:
        ResultError: there is no run, or it is damaged.
        OutputError: the output cannot be written there.
    """
    from mitsgan.evaluate.report.reading import read_galleries, read_report, result_path
    from mitsgan.evaluate.report.text import csv_report, json_report, markdown_report
    from mitsgan.jobs.outputs import check_file, write_text
    from mitsgan.jobs.report.kinds import OTHERS

    phases = Phases(progress)
    source = result_path(settings.run_folder)
    check_file(settings.output, settings.overwrite, "output", source=source)
    report = read_report(settings.run_folder, OTHERS)
    texts = {"md": markdown_report, "csv": csv_report, "json": json_report}
    kind = settings.format or _FORMATS[settings.output.suffix.lower()]
    if kind in texts:
        text = texts[kind](report)
    else:
        from mitsgan.evaluate.report.html.page import html_report

        galleries = read_galleries(settings.run_folder)
        with phases.phase("draw", f"drawing {settings.output}"):
            text = html_report(report, galleries)
    return write_text(settings.output, text, overwrite=settings.overwrite)
