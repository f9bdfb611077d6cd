"""`mitsgan train tafim`: TAFIM for CT, a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class TrainTafim:
    """Train TAFIM, which draws every attack to one constant density; see docs/baselines.md."""

    scans: Annotated[Positional[tuple[Path, ...]], arg(metavar="SCAN...")]
    """Chest CTs to train on: DICOM folders or images."""
    attackers: Annotated[tuple[Path, ...], arg(metavar="FILE...")]
    """Weights of the attackers to protect against."""
    output: Annotated[Path, arg(metavar="FILE.safetensors")]
    """The weights to write."""
    run_folder: Annotated[Path | None, arg(name="run", metavar="FOLDER")] = None
    """Checkpoint, losses and pictures; by default beside the output, ending in .run."""
    config: Annotated[Path | None, arg(metavar="FILE.toml")] = None
    """Values for options that are not given here; see docs/training-config.md."""
    resume: bool = False
    """Go on with the run in that folder."""
    validate: Annotated[tuple[Path, ...], arg(metavar="SCAN...")] = ()
    """Scans of other patients, to measure the protector on, clipped to --max-hu."""
    max_hu: Annotated[float, arg(metavar="HU")] = 10.0
    """The budget that is measured with; training knows none."""
    licence: Annotated[str, arg(metavar="TEXT")] = "unstated"
    """Of the weights, for their card."""
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
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of weights and data."""
    overwrite: bool = False
    """Replace the output of an earlier run."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""

    def run(self) -> int:
        """Train; the exit code."""
        from mitsgan.cli.options import at_least
        from mitsgan.cli.train_baseline import BaselineRun

        for option, value, least in (
            ("--width", self.width, 1),
            ("--steps", self.steps, 1),
            ("--seed", self.seed, 0),
        ):
            at_least(option, value, least)
        run = BaselineRun.checked(self)

        from mitsgan.protect.tafim import Tafim
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
        return run.finish(Tafim(net, {}), config, data)
