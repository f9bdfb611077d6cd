"""`mitsgan node conformance`: the DICOM conformance statement."""

from __future__ import annotations

from dataclasses import dataclass

from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console


@dataclass(frozen=True, kw_only=True)
class NodeConformance(Command):
    """Print the DICOM conformance statement of this version, in Markdown."""

    def work(self, console: Console) -> int:
        """Print; the exit code."""
        from mitsgan.node.extra import require_node

        require_node()
        from mitsgan.node.conformance import statement

        console.say(statement().rstrip("\n"))
        return 0
