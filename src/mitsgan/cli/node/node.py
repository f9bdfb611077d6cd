"""`mitsgan node`: protection on the route between scanner and archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg, subcommand

from mitsgan.cli.node.check import NodeCheck
from mitsgan.cli.node.conformance import NodeConformance
from mitsgan.cli.node.letters import NodeExport, NodeQueue, NodeRetry, NodeShow
from mitsgan.cli.node.run import NodeRun


@dataclass(frozen=True)
class Node:
    """A DICOM service that protects the series passing through it. Needs: pip install
    'mitsgan[node]'."""

    what: Annotated[
        Annotated[NodeRun, subcommand("run")]
        | Annotated[NodeCheck, subcommand("check")]
        | Annotated[NodeQueue, subcommand("queue")]
        | Annotated[NodeShow, subcommand("show")]
        | Annotated[NodeRetry, subcommand("retry")]
        | Annotated[NodeExport, subcommand("export")]
        | Annotated[NodeConformance, subcommand("conformance")],
        arg(name=""),
    ]
    """Check before going live, then run; the others look after what is on its way."""

    def run(self) -> int:
        """Do it; the exit code."""
        return self.what.run()
