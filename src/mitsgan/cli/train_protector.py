"""`mitsgan train protector`: MITS-GAN, trained through attackers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from mitsgan.cli.train_options import DeviceTraining

if TYPE_CHECKING:
    from mitsgan.jobs.train import Run
    from mitsgan.training.fabric import Worker


@dataclass(frozen=True, kw_only=True)
class TrainProtector(DeviceTraining):
    """Train MITS-GAN on scans, to spoil what attackers paint that were trained before."""

    attackers: Annotated[tuple[Path, ...], arg(metavar="FILE...")]
    """Weights of the attackers to protect against."""
    width: Annotated[tuple[int, int], arg(metavar="N")] = (32, 48)
    """Channels of the generator's two levels."""
    max_hu: Annotated[float, arg(metavar="HU")] = 10.0
    """The budget during training; others scale the same perturbation."""
    steps: Annotated[int, arg(metavar="N")] = 3200
    """Optimiser steps."""
    crops: Annotated[int, arg(metavar="N")] = 2
    """Crops a step."""
    attacks: Annotated[int, arg(metavar="N")] = 4
    """Positions per action and crop."""
    domain_weight: Annotated[float, arg(metavar="X")] = 0.05
    """Weight of the domain loss."""
    energy_weight: Annotated[float, arg(metavar="X")] = 0.4
    """Weight of the mean squared perturbation."""
    processed: Annotated[float, arg(metavar="X")] = 0.3
    """Share of attacks on a scan that was slightly blurred, or got more noise."""
    target_hu: Annotated[float | None, arg(metavar="HU")] = None
    """What attackers are to paint, in place of anatomy; by default anything they did not mean."""
    pixel_scales: Annotated[tuple[float, ...], arg(metavar="X...")] = (1.0,)
    """Every scan is trained on with its pixels that much larger."""
    sharpness: Annotated[tuple[float, ...], arg(metavar="X...")] = (0.0, 2.0, 4.0)
    """Amounts of unsharp masking; every scan is trained on with each."""
    rate: Annotated[float, arg(metavar="X")] = 1e-3
    """Adam's learning rate of the generator; falls to zero."""
    discriminator_rate: Annotated[float, arg(metavar="X")] = 2e-4
    """Adam's learning rate of the discriminator."""

    def run(self) -> int:
        """Train; the exit code."""
        from mitsgan.cli.options import UsageError, at_least
        from mitsgan.jobs.attackers import trained_against
        from mitsgan.jobs.train import Run, train_on

        run = Run.checked(self)
        against = trained_against(self.attackers)
        at_least("--seed", self.seed, 0)
        at_least("--width", min(self.width), 1)
        for option, value in (("--steps", self.steps), ("--crops", self.crops)):
            at_least(option, value, 1)
        at_least("--attacks", self.attacks, 1)
        if not self.sharpness:
            raise UsageError("--sharpness: give at least one amount; 0 leaves scans as they are")
        if not 0 <= self.processed <= 1:
            raise UsageError(f"--processed: a share from 0 to 1, found {self.processed:g}")
        if not self.pixel_scales or min(self.pixel_scales) < 1:
            raise UsageError("--pixel-scales: give at least one, none below 1; 1 changes nothing")

        from mitsgan.perturb import Budget

        Budget(self.max_hu)  # says what is wrong with it
        return train_on(self, run, partial(self._train, run, against))

    def _train(self, run: Run, against: list[dict[str, object]], worker: Worker) -> int:
        """Train as one of the processes; the first of them goes on to the end."""
        from dataclasses import asdict

        from mitsgan.attack import Attacker
        from mitsgan.cli.console import Console
        from mitsgan.cli.train_config import keep
        from mitsgan.jobs.train import read_scans, validated_disruption, write_weights
        from mitsgan.protect import MitsGan
        from mitsgan.training.pictures import loss_curve
        from mitsgan.training.protector import ProtectorConfig, train_protector

        config = ProtectorConfig(
            width=self.width,
            max_hu=self.max_hu,
            steps=self.steps,
            crops=self.crops,
            attacks=self.attacks,
            domain_weight=self.domain_weight,
            energy_weight=self.energy_weight,
            processed=self.processed,
            target_hu=self.target_hu,
            pixel_scales=self.pixel_scales,
            sharpness=self.sharpness,
            rate=self.rate,
            discriminator_rate=self.discriminator_rate,
            seed=self.seed,
        )
        console = Console(quiet=self.quiet or worker.rank > 0)
        attackers = [Attacker.load(path, worker.device) for path in self.attackers]
        scans, data = read_scans(self.scans, console)
        unseen, validated = read_scans(self.validate, console, apart_from=scans)
        if worker.rank == 0:
            keep(self, run.folder)
        with console.training(self.steps) as progress:
            generator = train_protector(
                scans,
                attackers,
                config,
                run.folder,
                resume=self.resume,
                progress=progress,
                worker=worker,
            )
        if worker.rank:
            return 0
        loss_curve(run.folder, run.folder / "losses.png")
        protector = MitsGan(generator, self.seed)
        metrics: dict[str, object] = {}
        if unseen:
            picture = run.folder / "samples.png"
            attackers = [Attacker.load(path) for path in self.attackers]  # on the CPU
            with console.phase("validate", "measuring on unseen scans"):
                metrics = validated_disruption(
                    protector, attackers, unseen, validated, self.max_hu, picture
                )
        card = run.card(asdict(config), self.licence, data, self.seed, metrics)
        card["attackers"] = against
        write_weights(self.output, protector, card, self.overwrite)
        console.say(f"{self.output}: trained in {console.elapsed:.0f} s; the run: {run.folder}")
        return 0
