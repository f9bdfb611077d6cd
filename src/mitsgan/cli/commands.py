"""All commands, by name, as the command line offers them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from importlib import import_module
from typing import Annotated, Any, Union

from tyro.conf import arg, subcommand

from mitsgan.errors import ConfigurationError
from mitsgan.terminal.command import Command


def load(where: str) -> type[Command]:
    """The command ``module:class``."""
    module, _, name = where.partition(":")
    command: type[Command] = getattr(import_module(module), name)
    return command


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
        commands: where the others are, by name.
    """

    what: str
    hint: str
    commands: Mapping[str, str]

    def group(self, brief: bool) -> type[Group]:
        """As tyro reads it."""
        kinds = {name: load(where) for name, where in self.commands.items()}
        chosen: Any = Annotated[_one_of(kinds, brief), arg(name="", help=self.hint)]
        fields, doc = [("command", chosen)], {"__doc__": self.what}
        return make_dataclass("_Group", fields, bases=(Group,), frozen=True, namespace=doc)


COMMANDS: Mapping[str, str | _Several] = {
    "protect": "mitsgan.cli.protect:Protect",
    "verify": "mitsgan.cli.verify:Verify",
    "keygen": "mitsgan.cli.keygen:Keygen",
    "seal": "mitsgan.cli.seal:SealCommand",
    "restore": "mitsgan.cli.restore:Restore",
    "evaluate": "mitsgan.cli.evaluate.evaluate:Evaluate",
    "evaluate-mark": "mitsgan.cli.evaluate.mark:EvaluateMark",
    "report": "mitsgan.cli.pages.report:Report",
    "studio": "mitsgan.cli.pages.studio:StudioCommand",
    "benchmark": "mitsgan.cli.benchmark:Benchmark",
    "train": _Several(
        "Train attackers on scans, a protector against them, a nodule classifier, or a baseline.",
        "Attackers first: a protector learns from how they fail. Split your scans by patient.",
        {
            "attacker": "mitsgan.cli.train.train:TrainAttacker",
            "diffusion": "mitsgan.cli.train.train:TrainDiffusion",
            "protector": "mitsgan.cli.train.train:TrainProtector",
            "classifier": "mitsgan.cli.train.train:TrainClassifier",
            "mits-gan-paper": "mitsgan.cli.train.train:TrainPaper",
            "tafim": "mitsgan.cli.train.train:TrainTafim",
        },
    ),
    "attacker": _Several(
        "Import a published CT-GAN model, or show what an attacker's card says.",
        "An imported attacker serves `mitsgan evaluate --injector` and `--remover`.",
        {
            "import": "mitsgan.cli.attacker.import_ctgan:ImportAttacker",
            "info": "mitsgan.cli.attacker.info:AttackerInfo",
        },
    ),
    "data": _Several(
        "Make training cubes of scans, fetch public scans to make them of, or check scans.",
        "Scans first, cubes of them next, then `mitsgan train attacker`. Split by patient.",
        {
            "cubes": "mitsgan.cli.data.cubes:DataCubes",
            "fetch": "mitsgan.cli.data.fetch:DataFetch",
            "check": "mitsgan.cli.data.check:DataCheck",
        },
    ),
    "candidates": "mitsgan.cli.candidates:Candidates",
    "node": _Several(
        "A DICOM service that protects the series passing through it. Needs: pip install "
        "'mitsgan[node]'.",
        "Check before going live, then run; the others look after what is on its way.",
        {
            "run": "mitsgan.cli.node.run:NodeRun",
            "check": "mitsgan.cli.node.check:NodeCheck",
            "queue": "mitsgan.cli.node.letters:NodeQueue",
            "show": "mitsgan.cli.node.letters:NodeShow",
            "retry": "mitsgan.cli.node.letters:NodeRetry",
            "export": "mitsgan.cli.node.letters:NodeExport",
            "conformance": "mitsgan.cli.node.conformance:NodeConformance",
        },
    ),
    "archive": _Several(
        "Protect, seal or verify many thousand series, resumably.",
        "Plan, run, look at the report; then verify.",
        {
            "plan": "mitsgan.cli.archive:ArchivePlan",
            "run": "mitsgan.cli.archive:ArchiveRun",
            "report": "mitsgan.cli.archive:ArchiveReportFile",
            "retry": "mitsgan.cli.archive:ArchiveRetry",
            "verify": "mitsgan.cli.archive:ArchiveVerify",
        },
    ),
    "weights": _Several(
        "Show the weights that ship, hand weights on as a folder, or fetch the network of LPIPS.",
        "Nothing else fetches weights: evaluation never does so by itself.",
        {
            "fetch": "mitsgan.cli.weights:WeightsFetch",
            "list": "mitsgan.cli.weights:WeightsList",
            "export": "mitsgan.cli.weights:WeightsExport",
            "import": "mitsgan.cli.weights:WeightsImport",
        },
    ),
    "demo": "mitsgan.cli.demo:Demo",
}
"""What `mitsgan` can be told to do: where each command is, to be loaded when it is called."""


def named(arguments: Sequence[str]) -> tuple[type[Command], int] | None:
    """The command that arguments name, and how many of them do; None where they name none."""
    entry = COMMANDS.get(arguments[0]) if arguments else None
    if isinstance(entry, str):
        return load(entry), 1
    where = entry.commands.get(arguments[1]) if entry and len(arguments) > 1 else None
    return None if where is None else (load(where), 2)


def offered(brief: bool) -> Any:
    """All commands as tyro reads them; to list them, of each its first sentence alone."""
    commands = {
        name: entry.group(brief) if isinstance(entry, _Several) else load(entry)
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
            from difflib import get_close_matches

            near = get_close_matches(word, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ConfigurationError(f"there is no command {word}; {hint}")
        entry = known.get(word)
        if not isinstance(entry, _Several):
            return
        known = entry.commands
