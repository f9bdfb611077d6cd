"""`mitsgan train classifier`: says whether a cube of lung shows a nodule, to judge attacks with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from mitsgan.cli.train_options import DeviceTraining

if TYPE_CHECKING:
    from mitsgan.jobs.train import Run
    from mitsgan.training.fabric import Worker


@dataclass(frozen=True, kw_only=True)
class TrainClassifier(DeviceTraining):
    """Train the nodule classifier that attackers and protection are judged with."""

    width: Annotated[int, arg(metavar="N")] = 12
    """Channels of the first layer."""
    steps: Annotated[int, arg(metavar="N")] = 600
    """Optimiser steps."""
    batch: Annotated[int, arg(metavar="N")] = 32
    """Cubes a step, every second one with a nodule."""
    rate: Annotated[float, arg(metavar="X")] = 1e-3
    """AdamW's learning rate; falls to zero."""
    smallest_mm: Annotated[float, arg(metavar="MM")] = 6.0
    """Diameter of the smallest nodules."""
    largest_mm: Annotated[float, arg(metavar="MM")] = 20.0
    """Diameter of the largest nodules."""

    def run(self) -> int:
        """Train; the exit code."""
        from mitsgan.cli.options import at_least
        from mitsgan.jobs.train import Run, train_on

        run = Run.checked(self)
        at_least("--seed", self.seed, 0)
        at_least("--width", self.width, 1)
        at_least("--steps", self.steps, 1)
        at_least("--batch", self.batch, 2)
        at_least("--smallest-mm", self.smallest_mm, 4)
        at_least("--largest-mm", self.largest_mm, self.smallest_mm)
        return train_on(self, run, partial(self._train, run))

    def _train(self, run: Run, worker: Worker) -> int:
        """Train as one of the processes; the first of them goes on to the end."""
        from dataclasses import asdict

        from mitsgan.cli.console import Console
        from mitsgan.cli.train_config import keep
        from mitsgan.jobs.train import read_scans, write_weights
        from mitsgan.training.classifier import (
            ClassifierConfig,
            classifier_metrics,
            train_classifier,
        )
        from mitsgan.training.pictures import loss_curve

        config = ClassifierConfig(
            width=self.width,
            steps=self.steps,
            batch=self.batch,
            rate=self.rate,
            smallest_mm=self.smallest_mm,
            largest_mm=self.largest_mm,
            seed=self.seed,
        )
        console = Console(quiet=self.quiet or worker.rank > 0)
        scans, data = read_scans(self.scans, console)
        unseen, validated = read_scans(self.validate, console)
        if worker.rank == 0:
            keep(self, run.folder)
        with console.training(self.steps) as progress:
            classifier = train_classifier(
                scans, config, run.folder, resume=self.resume, progress=progress, worker=worker
            )
        if worker.rank:
            return 0
        loss_curve(run.folder, run.folder / "losses.png")
        metrics: dict[str, object] = {}
        if unseen:
            with console.phase("validate", "measuring on unseen scans"):
                metrics = {**classifier_metrics(classifier, unseen, config), "scans": validated}
        card = run.card(asdict(config), self.licence, data, self.seed, metrics)
        write_weights(self.output, classifier, card, self.overwrite)
        console.say(f"{self.output}: trained in {console.elapsed:.0f} s; the run: {run.folder}")
        return 0
