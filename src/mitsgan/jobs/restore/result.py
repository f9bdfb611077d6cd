"""What restoring a scan came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from mitsgan import __version__
from mitsgan.result import Result


@dataclass(frozen=True, kw_only=True)
class Restoration(Result):
    """An original that was given back.

    Attributes:
        source: the protected scan.
        output: the original.
        slices: how many it has.
        original: its digest, which the result was compared with.
        sealed: whether a seal vouches for that digest.
        signer: who sealed it, if somebody did: the certificate's subject, or the fingerprint.
        trusted: why the signer is trusted, or None.
        notes: what is to be known of it, a sentence each.
        seconds: of each phase.
    """

    KIND: ClassVar[str] = "restoration"

    version: str = __version__
    source: str
    output: str
    slices: int
    original: str
    sealed: bool
    signer: str | None
    trusted: str | None
    notes: tuple[str, ...]
    seconds: dict[str, float]
