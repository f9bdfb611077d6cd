"""`mitsgan report`: what a run found, for readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Report:
    """Make of a run one page that needs no network, or its tables as Markdown, CSV or JSON."""

    run_folder: Annotated[Positional[Path], arg(metavar="RUN")]
    """What `mitsgan benchmark` wrote: its folder, or the summary.json in it, which has no pictures;
    or the JSON of `mitsgan evaluate`."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="FILE")]
    """The file to write."""
    format: Literal["html", "md", "csv", "json"] | None = None
    """By default what the output's name ends with, else html. csv holds one line per cell."""
    overwrite: bool = False
    """Replace the output of an earlier run."""
    quiet: bool = False
    """Say nothing; errors are still told."""

    def run(self) -> int:
        """Make the report; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.files import check_file
        from mitsgan.evaluate.report.reading import summary_path

        console = Console(quiet=self.quiet)
        source = summary_path(self.run_folder)
        check_file(self.output, self.overwrite, "--output", source=source)

        from mitsgan.atomic import atomic_output
        from mitsgan.evaluate import report

        summary = report.read_summary(self.run_folder)
        suffix = self.output.suffix.lower().removeprefix(".")
        texts = {
            "md": report.markdown_report,
            "csv": report.csv_report,
            "json": report.json_report,
        }
        kind = self.format or suffix
        if kind in texts:
            text = texts[kind](summary)
        else:
            with console.phase("draw", f"drawing {self.output}"):
                text = report.html_report(summary, report.read_galleries(self.run_folder))
        with atomic_output(self.output, overwrite=self.overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")
        console.say(f"written: {self.output}, {len(text.encode()) / 1e6:.1f} MB")
        return 0
