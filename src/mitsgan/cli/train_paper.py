"""`mitsgan train mits-gan-paper`: the released network with the released losses, a baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from mitsgan.cli.train_options import BaselineTraining


@dataclass(frozen=True, kw_only=True)
class TrainPaper(BaselineTraining):
    """Train MITS-GAN as it was released, to compare with; see docs/baselines.md."""

    scans: Annotated[Positional[tuple[Path, ...]], arg(metavar="SCAN...")]
    """CTs of 512 x 512 pixels to train on: DICOM folders or images."""
    attackers: Annotated[tuple[Path, ...], arg(metavar="FILE...")]
    """Weights of one injector and one remover."""
    width: Annotated[int, arg(metavar="N")] = 64
    """Channels of the generator; 64 as released."""
    epochs: Annotated[int, arg(metavar="N")] = 5
    """Passes over all groups of four slices."""
    manipulation_weight: Annotated[float, arg(metavar="X")] = 0.1
    """Weight of the difference between protected and tampered slices."""
    gradients_through_attack: bool = False
    """Let gradients flow through the attacker, as the release does not."""
    precision: Literal["bfloat16", "float32", "float64"] = "bfloat16"
    """What is multiplied in; the release computes in float64."""
    rate: Annotated[float, arg(metavar="X")] = 2e-4
    """Adam's learning rate of both networks."""

    def run(self) -> int:
        """Train; the exit code."""
        from mitsgan.cli.options import at_least
        from mitsgan.jobs.train_baseline import BaselineRun

        for option, value, least in (
            ("--width", self.width, 1),
            ("--epochs", self.epochs, 1),
            ("--seed", self.seed, 0),
        ):
            at_least(option, value, least)
        run = BaselineRun.checked(self)

        from mitsgan.protect.baselines.paper import MitsGanPaper
        from mitsgan.training.paper import PaperConfig, steps_in, train_paper

        config = PaperConfig(
            width=self.width,
            epochs=self.epochs,
            manipulation_weight=self.manipulation_weight,
            gradients_through_attack=self.gradients_through_attack,
            precision=self.precision,
            rate=self.rate,
            seed=self.seed,
        )
        data = run.read()
        with run.console.training(steps_in(data.scans, config)) as progress:
            generator = train_paper(
                data.scans,
                data.attackers,
                config,
                run.place.folder,
                resume=self.resume,
                progress=progress,
            )
        return run.finish(MitsGanPaper(generator, self.seed), config, data)
