"""`mitsgan demo`: the main job on a synthetic chest, nobody's data needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Demo:
    """Show on a synthetic chest what protection does: DICOM series, a page, its numbers."""

    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """The folder to write: original, protected, report.html and report.json."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of the chest, the perturbation, and the positions that are attacked."""
    weights: Annotated[Path | None, arg(metavar="FILE")] = None
    """A protector of your own; by default the one that ships with mitsgan."""
    injector: Annotated[Path | None, arg(metavar="FILE")] = None
    """An attacker that injects; by default the one that ships."""
    remover: Annotated[Path | None, arg(metavar="FILE")] = None
    """An attacker that removes; by default the one that ships."""
    overwrite: bool = False
    """Replace an earlier demonstration."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""

    def _command(self) -> str:
        """What makes this demonstration again; files by name, not by where they lie."""
        given = {"weights": self.weights, "injector": self.injector, "remover": self.remover}
        options = (f" --{name} {path.name}" for name, path in given.items() if path is not None)
        return f"mitsgan demo OUT --seed {self.seed}{''.join(options)}"

    def run(self) -> int:
        """Make the demonstration; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.options import at_least
        from mitsgan.jobs.demo_folder import check_demo, demo_folder

        console = Console(quiet=self.quiet)
        check_demo(self.out, self.overwrite)
        at_least("--seed", self.seed, 0)
        from mitsgan.jobs.attackers import load_attackers
        from mitsgan.jobs.demo import make_demonstration
        from mitsgan.protect import MitsGan

        attackers, cards = load_attackers(self.injector, self.remover)
        layer = MitsGan.load(self.weights, seed=self.seed)
        with demo_folder(self.out, self.overwrite) as place:
            summary = make_demonstration(
                place, layer, self.weights, attackers, cards, console, self._command()
            )
        console.say(summary)
        console.say(f"original DICOM series:  {self.out / 'original'}")
        console.say(f"protected DICOM series: {self.out / 'protected'}")
        console.say(f"numbers:                {self.out / 'report.json'}")
        console.say(f"open this page:         {self.out / 'report.html'}")
        return 0
