"""`mitsgan node run`: the service itself."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from mitsgan.errors import plain
from mitsgan.terminal.command import Command
from mitsgan.terminal.console import Console
from mitsgan.terminal.shown import shown


@dataclass(frozen=True, kw_only=True)
@shown("config")
class NodeRun(Command):
    """Receive, protect and send until it is told to stop.

    SIGTERM or an interrupt ends it; SIGHUP reads the configuration anew. The log goes to stderr.
    """

    config: Path
    """What listens where, who may send, what is done, and where it goes; see docs/node.md."""

    def work(self, console: Console) -> int:
        """Run; the exit code."""
        from mitsgan.errors import MitsganError
        from mitsgan.node.config import read_config
        from mitsgan.node.extra import require_node

        require_node()
        from mitsgan.node.service import Node

        console.close()
        log_to_stderr(logging.WARNING if self.quiet else logging.INFO)
        log = logging.getLogger("mitsgan.node")
        node = Node(read_config(self.config))
        reload, over = threading.Event(), False

        def on_hangup(number: int, frame: FrameType | None) -> None:
            reload.set()

        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, on_hangup)
        try:
            node.start()
            while not over:
                if reload.wait(1.0):
                    reload.clear()
                    try:
                        node.reload(read_config(self.config))
                    except MitsganError as error:
                        log.error("kept the old configuration: %s", error)
        except KeyboardInterrupt:  # SIGTERM, too
            log.info("stops")
        finally:
            node.stop()
        return 0


class _Plain(logging.Formatter):
    """One line for a message, whatever a peer calls itself."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = plain(record.message)
        return super().formatMessage(record)


def log_to_stderr(level: int = logging.INFO) -> None:
    """Log to stderr; libraries, which would log what they receive, stay silent."""
    from mitsgan.node.processing.quiet import silence

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("mitsgan.node")
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    silence()
