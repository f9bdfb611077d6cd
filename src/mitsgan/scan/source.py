"""Where a scan came from, as far as rooms need to know that read and write no files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Source(Protocol):
    """What a reader leaves in `mitsgan.scan.Scan.source`.

    Each format adds what it needs to write the scan back; only its own reader and writer look
    at that.
    """

    @property
    def path(self) -> Path | None:
        """The file or folder that was read; None where the scan was made in memory."""
        ...

    @property
    def identity(self) -> str | None:
        """What tells the series from all others, and what a scan derived from it keeps.

        None where the format has nothing of the kind.

        Raises:
            IdentityError: the format has it, and this file lacks it.
        """
        ...
