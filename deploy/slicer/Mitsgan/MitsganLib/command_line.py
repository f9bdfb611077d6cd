"""Command lines of mitsgan, and how they run: in an environment of its own, not in Slicer's.

Nothing here imports Slicer, or mitsgan: Slicer's Python keeps the packages that it came with.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OF_SLICER = ("PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What Slicer sets for itself, and what would break another Python."""

VERDICTS = {0: "intact", 1: "tampered", 3: "unknown", 4: "processed"}
"""Exit codes of `mitsgan verify`; others are errors."""


@dataclass(frozen=True)
class Protection:
    """How a volume is protected.

    Attributes:
        program: the mitsgan command, of the environment that it was installed in.
        scan, out: the files.
        max_hu: how far a voxel may move, HU.
        seed: another one gives another perturbation.
        key: to mark the scan with, or None.
        identity: a name for the series, which the mark is bound to; an NRRD tells none.
    """

    program: str
    scan: Path
    out: Path
    max_hu: float = 10.0
    seed: int = 0
    key: Path | None = None
    identity: str | None = None

    def arguments(self) -> list[str]:
        """The command line.

        Raises:
            ValueError: a key without the name of a series.
        """
        line = [self.program, "protect", str(self.scan), str(self.out), "--overwrite"]
        line += ["--max-hu", f"{self.max_hu:g}", "--seed", str(self.seed)]
        return line + _marked(self.key, self.identity)


@dataclass(frozen=True)
class Verification:
    """How a volume is verified by its mark; see `Protection`.

    Attributes:
        map: the NIfTI file of the probability that voxels were repainted.
    """

    program: str
    scan: Path
    map: Path
    key: Path
    identity: str

    def arguments(self) -> list[str]:
        """The command line."""
        line = [self.program, "verify", str(self.scan), "--overwrite", "--map", str(self.map)]
        return line + _marked(self.key, self.identity)


class Run:
    """A command line that runs beside Slicer, which asks now and then how it is."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        """Start it.

        Args:
            arguments: the command line.
            environment: that of Slicer, or that before it.
            log: the file of what it prints; a pipe that nobody reads would stop it.

        Raises:
            OSError: there is no such program.
        """
        self._log = log
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                arguments,
                env={name: value for name, value in environment.items() if name not in OF_SLICER},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def said(self) -> str:
        """All that it has printed so far."""
        return self._log.read_text("utf-8", "replace")

    def stop(self) -> None:
        """End it; mitsgan leaves no half output behind."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()


def _marked(key: Path | None, identity: str | None) -> list[str]:
    if key is None:
        return []
    if not identity:
        raise ValueError("a mark is bound to a series: give its name, such as its UID")
    return ["--key", str(key), "--identity", identity]
