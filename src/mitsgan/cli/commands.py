"""All commands, by name, as the command line offers them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Union

from tyro.conf import arg, subcommand

from mitsgan.cli.archive import (
    ArchivePlan,
    ArchiveReportFile,
    ArchiveRetry,
    ArchiveRun,
    ArchiveVerify,
)
from mitsgan.cli.attacker.import_ctgan import ImportAttacker
from mitsgan.cli.attacker.info import AttackerInfo
from mitsgan.cli.benchmark import Benchmark
from mitsgan.cli.candidates import Candidates
from mitsgan.cli.command import Command
from mitsgan.cli.data.check import DataCheck
from mitsgan.cli.data.cubes import DataCubes
from mitsgan.cli.data.fetch import DataFetch
from mitsgan.cli.demo import Demo
from mitsgan.cli.evaluate.evaluate import Evaluate
from mitsgan.cli.evaluate.mark import EvaluateMark
from mitsgan.cli.keygen import Keygen
from mitsgan.cli.node.check import NodeCheck
from mitsgan.cli.node.conformance import NodeConformance
from mitsgan.cli.node.letters import NodeExport, NodeQueue, NodeRetry, NodeShow
from mitsgan.cli.node.run import NodeRun
from mitsgan.cli.pages.report import Report
from mitsgan.cli.pages.studio import StudioCommand
from mitsgan.cli.protect import Protect
from mitsgan.cli.restore import Restore
from mitsgan.cli.seal import SealCommand
from mitsgan.cli.train.train import TRAININGS
from mitsgan.cli.verify import Verify
from mitsgan.cli.weights import WeightsExport, WeightsFetch, WeightsImport, WeightsList
from mitsgan.errors import ConfigurationError


def _one_of(commands: Mapping[str, type[Command | Group]], brief: bool) -> Any:
    """The type of which tyro makes a choice between commands, by name."""
    kinds = (
        Annotated[kind, subcommand(name, description=_summary(kind) if brief else None)]
        for name, kind in commands.items()
    )
    return Union[tuple(kinds)]  # noqa: UP007


def _summary(kind: type[Command | Group]) -> str:
    """What a command does, in its first sentence."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


class Group:
    """A command that only chooses another, as `mitsgan node` does."""

    command: Command


@dataclass(frozen=True)
class _Several:
    """A group of commands.

    Attributes:
        what: it is for.
        hint: which of the others to begin with.
        commands: the others, by name.
    """

    what: str
    hint: str
    commands: Mapping[str, type[Command]]

    def group(self, brief: bool) -> type[Group]:
        """As tyro reads it."""
        chosen: Any = Annotated[_one_of(self.commands, brief), arg(name="", help=self.hint)]
        fields, doc = [("command", chosen)], {"__doc__": self.what}
        return make_dataclass("_Group", fields, bases=(Group,), frozen=True, namespace=doc)


COMMANDS: Mapping[str, type[Command] | _Several] = {
    "protect": Protect,
    "verify": Verify,
    "keygen": Keygen,
    "seal": SealCommand,
    "restore": Restore,
    "evaluate": Evaluate,
    "evaluate-mark": EvaluateMark,
    "report": Report,
    "studio": StudioCommand,
    "benchmark": Benchmark,
    "train": _Several(
        "Train attackers on scans, a protector against them, a nodule classifier, or a baseline.",
        "Attackers first: a protector learns from how they fail. Split your scans by patient.",
        TRAININGS,
    ),
    "attacker": _Several(
        "Import a published CT-GAN model, or show what an attacker's card says.",
        "An imported attacker serves `mitsgan evaluate --injector` and `--remover`.",
        {"import": ImportAttacker, "info": AttackerInfo},
    ),
    "data": _Several(
        "Make training cubes of scans, fetch public scans to make them of, or check scans.",
        "Scans first, cubes of them next, then `mitsgan train attacker`. Split by patient.",
        {"cubes": DataCubes, "fetch": DataFetch, "check": DataCheck},
    ),
    "candidates": Candidates,
    "node": _Several(
        "A DICOM service that protects the series passing through it. Needs: pip install "
        "'mitsgan[node]'.",
        "Check before going live, then run; the others look after what is on its way.",
        {
            "run": NodeRun,
            "check": NodeCheck,
            "queue": NodeQueue,
            "show": NodeShow,
            "retry": NodeRetry,
            "export": NodeExport,
            "conformance": NodeConformance,
        },
    ),
    "archive": _Several(
        "Protect, seal or verify many thousand series, resumably.",
        "Plan, run, look at the report; then verify.",
        {
            "plan": ArchivePlan,
            "run": ArchiveRun,
            "report": ArchiveReportFile,
            "retry": ArchiveRetry,
            "verify": ArchiveVerify,
        },
    ),
    "weights": _Several(
        "Show the weights that ship, hand weights on as a folder, or fetch the network of LPIPS.",
        "Nothing else fetches weights: evaluation never does so by itself.",
        {
            "fetch": WeightsFetch,
            "list": WeightsList,
            "export": WeightsExport,
            "import": WeightsImport,
        },
    ),
    "demo": Demo,
}
"""What `mitsgan` can be told to do."""


def offered(brief: bool) -> Any:
    """All commands as tyro reads them; to list them, of each its first sentence alone."""
    commands = {
        name: entry.group(brief) if isinstance(entry, _Several) else entry
        for name, entry in COMMANDS.items()
    }
    return _one_of(commands, brief)


def lists(arguments: Sequence[str]) -> bool:
    """Whether arguments ask for the commands that there are, or for those of a group."""
    named = [argument for argument in arguments if argument not in ("-h", "--help")]
    return not named or (len(named) == 1 and isinstance(COMMANDS.get(named[0]), _Several))


def check_names(arguments: Sequence[str]) -> None:
    """Raise `ConfigurationError` where arguments name a command that there is not."""
    known: Mapping[str, object] = COMMANDS
    for word in arguments[:2]:
        if word not in known and not word.startswith("-"):
            near = get_close_matches(word, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigurationError(f"there is no command {word}; {hint}")
        entry = known.get(word)
        if not isinstance(entry, _Several):
            return
        known = entry.commands
