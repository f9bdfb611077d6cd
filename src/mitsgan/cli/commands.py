"""All commands, by name, as the command line offers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import make_dataclass
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
from mitsgan.cli.verify.verify import Verify
from mitsgan.cli.weights import WeightsFetch, WeightsList


def _one_of(commands: Mapping[str, type[Command | Group]]) -> Any:
    """The type of which tyro makes a choice between commands, by name."""
    return Union[tuple(Annotated[kind, subcommand(name)] for name, kind in commands.items())]  # noqa: UP007


class Group:
    """A command that only chooses another, as `mitsgan node` does."""

    command: Command


def _group(what: str, hint: str, commands: Mapping[str, type[Command]]) -> type[Group]:
    """A group of commands.

    Args:
        what: it is for.
        hint: which of the others to begin with.
        commands: the others, by name.
    """
    chosen: Any = Annotated[_one_of(commands), arg(name="", help=hint)]
    fields, doc = [("command", chosen)], {"__doc__": what}
    return make_dataclass("_Group", fields, bases=(Group,), frozen=True, namespace=doc)


COMMANDS: Any = _one_of(
    {
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
        "train": _group(
            "Train attackers on scans, a protector against them, a nodule classifier, or a "
            "baseline.",
            "Attackers first: a protector learns from how they fail. Split your scans by patient.",
            TRAININGS,
        ),
        "attacker": _group(
            "Import a published CT-GAN model, or show what an attacker's card says.",
            "An imported attacker serves `mitsgan evaluate --injector` and `--remover`.",
            {"import": ImportAttacker, "info": AttackerInfo},
        ),
        "data": _group(
            "Make training cubes of scans, or fetch public scans to make them of.",
            "Scans first, cubes of them next, then `mitsgan train attacker`. Split by patient.",
            {"cubes": DataCubes, "fetch": DataFetch},
        ),
        "candidates": Candidates,
        "node": _group(
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
        "archive": _group(
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
        "weights": _group(
            "Show the weights that ship, or fetch such as others publish: the network of LPIPS.",
            "Nothing else fetches weights: evaluation never does so by itself.",
            {"fetch": WeightsFetch, "list": WeightsList},
        ),
        "demo": Demo,
    }
)
"""What `mitsgan` can be told to do, as tyro reads it."""
