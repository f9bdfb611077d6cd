"""`mitsgan train classifier`: says whether a cube of lung shows a nodule, to judge attacks with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from mitsgan.cli.training import Run
    from mitsgan.training.fabric import Worker


@dataclass(frozen=True)
class TrainClassifier:
    """Train the nodule classifier that attackers and protection are judged with."""

    scans: Annotated[Positional[tuple[Path, ...]], arg(metavar="SCAN...")]
    """Chest CTs to train on: DICOM folders or images."""
    output: Annotated[Path, arg(metavar="FILE.safetensors")]
    """The weights to write."""
    run_folder: Annotated[Path | None, arg(name="run", metavar="FOLDER")] = None
    """Checkpoint and losses; by default beside the output, ending in .run."""
    config: Annotated[Path | None, arg(metavar="FILE.toml")] = None
    """Values for options that are not given here; see docs/training-config.md."""
    resume: bool = False
    """Go on with the run in that folder."""
    validate: Annotated[tuple[Path, ...], arg(metavar="SCAN...")] = ()
    """Scans of other patients, to measure the classifier on."""
    licence: Annotated[str, arg(metavar="TEXT")] = "unstated"
    """Of the weights, for their card."""
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
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of weights and data."""
    devices: Annotated[int, arg(metavar="N")] = 1
    """Processes that train together, one a GPU or several on the CPU; needs lightning-fabric."""
    device: Annotated[str, arg(metavar="cpu|cuda[:N]")] = "cpu"
    """Where to compute."""
    overwrite: bool = False
    """Replace the output of an earlier run."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""

    def run(self) -> int:
        """Train; the exit code."""
        from mitsgan.cli.options import at_least
        from mitsgan.cli.training import Run, train_on

        run = Run.checked(
            self.scans, self.validate, self.output, self.run_folder, self.resume, self.overwrite
        )
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
        from mitsgan.cli.training import read_scans, write_weights
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
        write_weights(
            self.output, "classifier", lambda path: classifier.save(path, card), self.overwrite
        )
        console.say(f"{self.output}: trained in {console.elapsed:.0f} s; the run: {run.folder}")
        return 0
