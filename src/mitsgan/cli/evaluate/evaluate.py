"""`mitsgan evaluate`: what a protection costs, and what it is worth next to its controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Suppress, UseAppendAction, arg

from mitsgan.cli.places import PlaceOption
from mitsgan.jobs.evaluate.settings import EvaluateFiles
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown

_Places = UseAppendAction[tuple[PlaceOption, ...]]


@dataclass(frozen=True, kw_only=True)
@shown(
    "original",
    "protected",
    short="output",
    protected="[PROTECTED]",
    nodules="X,Y,Z",
    attackers="NAME",
    protector="NAME",
)
class Evaluate(Command, EvaluateFiles):
    """Compare a scan and its protected version: budget, metrics, figures of diagnosis, tampering.

    Tampering is simulated on both scans, in memory. Every number is defined in docs/metrics.md.

    Exit codes: 0 measured, 1 measured, and the budget was not kept; 2 an error, told in one
    message; 70 a bug, with its traceback.
    """

    diagnostics: Suppress[bool] = True
    nodules: Annotated[_Places, arg(name="nodule")] = ()
    places: Annotated[_Places, arg(name="position")] = ()

    def work(self, console: Console) -> int:
        """Measure; the exit code."""
        from mitsgan.evaluate.verdict import budget_sentence
        from mitsgan.jobs.evaluate.evaluation import evaluate_files

        evaluation = evaluate_files(self, progress=console)
        if evaluation.budget_check is not None:
            console.say(budget_sentence(evaluation.budget_check))
        console.show(evaluation.report())
        for path in (self.output, self.html, self.picture if evaluation.disruption else None):
            if path is not None:
                console.say(f"written: {path}")
        if self.picture is not None and not evaluation.disruption:
            console.say(f"not drawn: {self.picture}: no tampering was measured")
        check = evaluation.budget_check
        return 0 if check is None or (check.kept and not check.padding_moved) else 1
