"""`mitsgan data`: what attackers are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg, subcommand

from mitsgan.cli.data.cubes import DataCubes
from mitsgan.cli.data.fetch import DataFetch


@dataclass(frozen=True)
class Data:
    """Make training cubes of scans, or fetch public scans to make them of."""

    what: Annotated[
        Annotated[DataCubes, subcommand("cubes")] | Annotated[DataFetch, subcommand("fetch")],
        arg(name=""),
    ]
    """Scans first, cubes of them next, then `mitsgan train attacker`. Split by patient."""

    def run(self) -> int:
        """Make or fetch; the exit code."""
        return self.what.run()
