"""`mitsgan weights`: weights that others publish."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.jobs.weights.settings import ExportWeights, FetchWeightsSettings, ImportWeights
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("what", what="lpips")
class WeightsFetch(Command, FetchWeightsSettings):
    """Fetch weights that evaluation needs and that are not shipped, into torch's cache."""

    def work(self, console: Console) -> int:
        """Fetch; the exit code."""
        from mitsgan.jobs.weights.fetch import fetch_weights

        result = fetch_weights(self, progress=console)
        state = "was there" if result.present else f"fetched from {result.origin}"
        console.note(f"licence: {result.licence}")
        console.say(f"{result.output}: {state}; evaluate and benchmark fill LPIPS from now on")
        return 0


@dataclass(frozen=True, kw_only=True)
class WeightsList(Command):
    """Show the weights that ship with the package, and which others are there."""

    def work(self, console: Console) -> int:
        """Show; the exit code."""
        from mitsgan.evaluate.report.terminal import print_tables
        from mitsgan.jobs.weights.listing import list_weights

        print_tables([list_weights()])
        return 0


@dataclass(frozen=True, kw_only=True)
@shown("weights", short="output", weights="NAME|FILE", output="FOLDER")
class WeightsExport(Command, ExportWeights):
    """Write weights as a folder with configuration and model card, as Hugging Face has it."""

    def work(self, console: Console) -> int:
        """Export; the exit code."""
        from mitsgan.jobs.weights.folder import export_weights

        folder = export_weights(self)
        console.say(f"{folder}: its README.md says how to use it; it can be uploaded as it is")
        return 0


@dataclass(frozen=True, kw_only=True)
@shown("folder", short="output", folder="FOLDER", output="FILE.safetensors")
class WeightsImport(Command, ImportWeights):
    """Check a folder of weights, and write them as one file; nothing is unpickled or fetched."""

    def work(self, console: Console) -> int:
        """Import; the exit code."""
        from mitsgan.jobs.weights.folder import import_weights

        card = import_weights(self)
        console.say(f"{self.output}: {card['kind']}, SHA-256 {card['sha256'][:12]}, checked")
        return 0
