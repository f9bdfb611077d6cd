"""`mitsgan train attacker`: a surrogate of CT-GAN, to train and measure protection with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from mitsgan.cli.train_options import DeviceTraining

if TYPE_CHECKING:
    from mitsgan.jobs.train import Run
    from mitsgan.training.fabric import Worker


@dataclass(frozen=True, kw_only=True)
class TrainAttacker(DeviceTraining):
    """Train an attacker of the CT-GAN kind on the lungs of scans; it works in memory only."""

    scans: Annotated[Positional[tuple[Path, ...]], arg(metavar="SCAN...")]
    """Chest CTs to train on: DICOM folders, images, or cubes (.npz) of `mitsgan data cubes`."""
    action: Literal["inject", "remove"]
    """What it is to do."""
    init: Annotated[Path | None, arg(metavar="FILE")] = None
    """Go on from this attacker's weights, of its architecture and width, instead of from none."""
    protect: bool = False
    """Train on protected versions of the scans as well, as an attacker would who knows of them."""
    protector: Annotated[Path | None, arg(metavar="FILE")] = None
    """The protector of --protect; by default the one that ships."""
    max_hu: Annotated[float, arg(metavar="HU")] = 10.0
    """The budget of --protect."""
    validate: Annotated[tuple[Path, ...], arg(metavar="SCAN...")] = ()
    """Scans, or cubes, of other patients, to measure the attacker on."""
    classifier: Annotated[Path | None, arg(metavar="FILE")] = None
    """A nodule classifier to judge with on --validate; by default the one that ships."""
    held_out: bool = False
    """Say in the card that no protector may be trained against it: it is to measure transfer."""
    architecture: Literal["ct-gan", "residual"] = "ct-gan"
    """Of the inpainting network: the published U-Net, or a residual one with attention."""
    width: Annotated[int, arg(metavar="N")] = 10
    """Base filters of both networks; 100 as published."""
    steps: Annotated[int, arg(metavar="N")] = 2600
    """Optimiser steps."""
    batch: Annotated[int, arg(metavar="N")] = 16
    """Cubes a step."""
    l1_weight: Annotated[float, arg(metavar="X")] = 100.0
    """Weight of the mean absolute error."""
    adversarial_weight: Annotated[float, arg(metavar="X")] = 10.0
    """Weight of the adversarial term; 1 as published."""
    generator_rate: Annotated[float, arg(metavar="X")] = 4e-4
    """Adam's learning rate of the generator; falls to zero."""
    discriminator_rate: Annotated[float, arg(metavar="X")] = 1e-4
    """Adam's learning rate of the discriminator; falls to zero."""
    sharpness: Annotated[tuple[float, ...], arg(metavar="X...")] = (0.0,)
    """Amounts of unsharp masking; each scan serves once with each, as sharper kernels would."""
    precision: Literal["float32", "float16", "int8"] = "float16"
    """How the kernels are stored; int8 makes a quarter of the size of float32."""

    def run(self) -> int:
        """Train; the exit code."""
        from mitsgan.cli.options import UsageError, at_least
        from mitsgan.jobs.train import Run, is_cubes, train_on

        run = Run.checked(self)
        at_least("--seed", self.seed, 0)
        at_least("--width", self.width, 1)
        if self.architecture == "residual" and self.width % 8:
            raise UsageError(
                f"--width {self.width}: the residual network needs a multiple of 8, such as 16"
            )
        if self.protector is not None and not self.protect:
            raise UsageError("--protector belongs to --protect; give both, or leave it out")
        if self.protect and any(is_cubes(path) for path in self.scans):
            raise UsageError("--protect works on whole scans; name no files of cubes")
        at_least("--steps", self.steps, 1)
        at_least("--batch", self.batch, 2)
        if not self.sharpness:
            raise UsageError("--sharpness: give at least one amount; 0 leaves scans as they are")
        return train_on(self, run, partial(self._train, run))

    def _train(self, run: Run, worker: Worker) -> int:
        """Train as one of the processes; the first of them goes on to the end."""
        from dataclasses import asdict, replace

        from mitsgan.cli.console import Console
        from mitsgan.cli.train_config import keep
        from mitsgan.jobs.entries import weights_entry
        from mitsgan.jobs.fine_tune import begin_with, protected_versions, protectors
        from mitsgan.jobs.train import read_sources, whole_scans, write_weights
        from mitsgan.networks import as_stored, load_weights, shipped
        from mitsgan.networks.classifier import NoduleClassifier
        from mitsgan.perturb import Budget
        from mitsgan.training.attacker import PURPOSE, AttackerConfig, train_attacker
        from mitsgan.training.judge import judge_attacker
        from mitsgan.training.loop import last_losses
        from mitsgan.training.pictures import loss_curve, sample_sheet
        from mitsgan.training.validate import attacker_metrics

        config = AttackerConfig(
            action=self.action,
            architecture=self.architecture,
            width=self.width,
            steps=self.steps,
            batch=self.batch,
            l1_weight=self.l1_weight,
            adversarial_weight=self.adversarial_weight,
            generator_rate=self.generator_rate,
            discriminator_rate=self.discriminator_rate,
            sharpness=self.sharpness,
            seed=self.seed,
        )
        start, origin = None, None
        if self.init is not None:
            start, config, origin = begin_with(self.init, config)
        layers = protectors(self.protector, self.seed) if self.protect else []
        judge = self.classifier or shipped("classifier")
        classifier = NoduleClassifier.load(judge) if self.validate else None
        console = Console(quiet=self.quiet or worker.rank > 0)
        scans, data = read_sources(self.scans, console)
        seen = scans
        if layers:
            with console.phase("protect", "protecting the scans"):
                seen = [*scans, *protected_versions(scans, layers, Budget(self.max_hu))]
        unseen, validated = read_sources(self.validate, console, apart_from=scans)
        if worker.rank == 0:
            keep(self, run.folder)
        with console.training(self.steps) as progress:
            attacker = train_attacker(
                seen,
                config,
                run.folder,
                resume=self.resume,
                progress=progress,
                worker=worker,
                start=start,
            )
        if worker.rank:
            return 0
        stored = as_stored(attacker.network.state_dict(), self.precision)
        attacker.network.load_state_dict(stored)  # what is measured is what is written
        attacker = replace(attacker, name=self.output.stem)
        with console.phase("pictures", f"drawing into {run.folder}"):
            loss_curve(run.folder, run.folder / "losses.png")
            if shown := whole_scans(unseen) or whole_scans(scans):
                sample_sheet(attacker, shown, run.folder / "samples.png")
        metrics: dict[str, object] = {}
        if classifier is not None:
            with console.phase("validate", "measuring on unseen scans"):
                metrics = {
                    **attacker_metrics(attacker, unseen),
                    "scans": validated,
                }
                if judged := whole_scans(unseen):
                    metrics["classifier"] = {
                        **judge_attacker(attacker, classifier, judged),
                        "sha256": load_weights(judge, "classifier")[1]["sha256"],
                    }
        card = run.card(asdict(config), self.licence, data, self.seed, metrics)
        card |= {
            "purpose": PURPOSE,
            "held_out": self.held_out,
            "losses": last_losses(run.folder),
        }
        if origin is not None:
            card["init"] = origin
        if layers:
            used = weights_entry(layers[0].card, self.protector, "mitsgan")
            seeds = [layer.seed for layer in layers]
            card["protected"] = {**used, "seeds": seeds, "max_hu": self.max_hu}
        write_weights(self.output, attacker, card, self.overwrite, self.precision)
        console.say(f"{self.output}: trained in {console.elapsed:.0f} s; the run: {run.folder}")
        return 0
