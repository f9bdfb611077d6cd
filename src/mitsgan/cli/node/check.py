"""`mitsgan node check`: what an engineer wants to know before going live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("config")
class NodeCheck(Command):
    """Look at keys, disk, clock and every peer, and protect and verify a phantom.

    The exit code is 0 where nothing is wrong, else 2.
    """

    config: Path
    """The configuration that the node is to run with."""
    no_phantom: bool = False
    """Leave the phantom out, which takes some seconds."""
    send: bool = False
    """Send the phantom to the destinations, too, where it stays."""

    def work(self, console: Console) -> int:
        """Check; the exit code."""
        from mitsgan.node.config import read_config
        from mitsgan.node.extra import require_node

        require_node()
        from mitsgan.cli.node.run import log_to_stderr
        from mitsgan.node.check import check

        log_to_stderr()
        wrong = 0
        config = read_config(self.config)
        for finding in check(config, phantom=not self.no_phantom, deliver=self.send):
            wrong += finding.state == "WRONG"
            text = f": {finding.text}" if finding.text else ""
            console.say(f"{finding.state:<5}  {finding.what}{text}")
        return 2 if wrong else 0
