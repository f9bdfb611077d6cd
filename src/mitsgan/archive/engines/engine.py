"""What an engine is: it keeps workers at the series of a ledger, here or elsewhere."""

from __future__ import annotations

from typing import Protocol


class Engine(Protocol):
    """Workers over a ledger. What becomes of a series stands in the ledger, never in an engine."""

    memory_mb: float
    """What the largest series may need that it can do."""

    def look(self, seconds: float) -> int:
        """Keep workers at work, and enter which are lost.

        Args:
            seconds: to take for it at most, unless workers have to be started.

        Returns:
            How many series have lost their worker.

        Raises:
            EngineError: it does not work, and waiting would not help.
        """
