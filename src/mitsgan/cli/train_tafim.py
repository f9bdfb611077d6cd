"""`mitsgan train tafim`: TAFIM for CT, a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from mitsgan.cli.train_options import BaselineTraining


@dataclass(frozen=True, kw_only=True)
class TrainTafim(BaselineTraining):
    """Train TAFIM, which draws every attack to one constant density; see docs/baselines.md."""

    width: Annotated[int, arg(metavar="N")] = 64
    """Channels of the U-Net's first level; 64 as published."""
    steps: Annotated[int, arg(metavar="N")] = 5000
    """Optimiser steps, one attack each."""
    target_hu: Annotated[float, arg(metavar="HU")] = 0.0
    """What every attack is to paint."""
    perturbation_weight: Annotated[float, arg(metavar="X")] = 10.0
    """Weight of the mean squared perturbation."""
    rate: Annotated[float, arg(metavar="X")] = 1e-4
    """Adam's learning rate."""

    def run(self) -> int:
        """Train; the exit code."""
        from mitsgan.cli.options import at_least
        from mitsgan.jobs.train_baseline import BaselineRun

        for option, value, least in (
            ("--width", self.width, 1),
            ("--steps", self.steps, 1),
            ("--seed", self.seed, 0),
        ):
            at_least(option, value, least)
        run = BaselineRun.checked(self)

        from mitsgan.protect.baselines.tafim import Tafim
        from mitsgan.training.tafim import TafimConfig, train_tafim

        config = TafimConfig(
            width=self.width,
            steps=self.steps,
            target_hu=self.target_hu,
            perturbation_weight=self.perturbation_weight,
            rate=self.rate,
            seed=self.seed,
        )
        data = run.read()
        with run.console.training(self.steps) as progress:
            net = train_tafim(
                data.scans,
                data.attackers,
                config,
                run.place.folder,
                resume=self.resume,
                progress=progress,
            )
        return run.finish(Tafim(net), config, data)
