"""The seal's part of a verification, and what mark and seal say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan import __version__

if TYPE_CHECKING:
    from mitsgan.seal.report import SealReport

SCHEMA = 1
"""Of the result of a seal alone; a new number where a reader of the old one would go wrong."""

EXIT_CODES: Mapping[str, int] = {"intact": 0, "tampered": 1, "unknown": 3}
_WORST = ("tampered", "unknown", "intact")


def check_seal(
    scan: Path,
    seal: Path,
    trust: Path | None,
    progress: Callable[[int, int], None] | None = None,
) -> SealReport:
    """Compare a scan with its seal; ``trust`` is a PEM file with keys or certificates."""
    # All that signatures need takes longer to import than a mark to verify.
    from mitsgan.seal.seal import verify_seal
    from mitsgan.seal.trust import Trust

    return verify_seal(scan, seal, Trust.load(trust) if trust else None, progress=progress)


def combined(
    source: Path,
    marked: tuple[Mapping[str, object], str] | None,
    sealed: SealReport | None,
    untold: str | None,
    seconds: Mapping[str, float],
) -> tuple[dict[str, object], str]:
    """The result in numbers and in words; the worse verdict is that of the scan.

    Args:
        source: as the user gave it.
        marked: what the mark tells, in both forms, if it was looked for.
        sealed: what the seal tells, if there is one.
        untold: why the mark could not be looked for.
        seconds: of each phase.
    """
    content: dict[str, object] = dict(marked[0]) if marked is not None else {}
    said = [marked[1]] if marked is not None else []
    if sealed is None:
        return content, _headed(source, content, said)
    if marked is None:
        content = {
            "schema": SCHEMA,
            "kind": "verification",
            "version": __version__,
            "source": str(source),
            "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
        }
    else:
        content["mark_verdict"] = content["verdict"]
    content["verdict"] = worse(str(content.get("verdict", sealed.verdict)), sealed.verdict)
    content["seal"] = sealed.as_json()
    said += sealed.lines()
    if untold is not None:
        content["mark_not_verified"] = untold
        said.append(f"the mark was not looked for: {untold}")
    return content, _headed(source, content, said)


def _headed(source: Path, content: Mapping[str, object], said: Sequence[str]) -> str:
    """What counts first, then what each layer tells."""
    return "\n".join((f"{source}: {str(content['verdict']).upper()}", *said))


def worse(one: str, other: str) -> str:
    """Of two verdicts the one that counts: tampered before unknown before intact."""
    return next(verdict for verdict in _WORST if verdict in (one, other))
