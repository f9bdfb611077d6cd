"""`mitsgan evaluate`: what a protection costs, and what it is worth next to its controls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg


@dataclass(frozen=True)
class Evaluate:
    """Compare a scan and its protected version: budget, metrics, figures of diagnosis, tampering.

    Tampering is simulated on both scans, in memory. Every number is defined in docs/metrics.md.
    """

    original: Annotated[Positional[Path], arg(metavar="ORIGINAL")]
    """The scan before protection: a DICOM folder or an image."""
    protected: Annotated[Positional[Path | None], arg(metavar="[PROTECTED]")] = None
    """The same scan, protected; without it, the original is protected in memory first."""
    attack: bool = True
    """Tamper with both scans, and compare what comes of it."""
    nodule: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="X,Y,Z")] = ()
    """Where a nodule is known to be, LPS mm: its volume and density are compared."""
    lpips_weights: Annotated[Path | None, arg(metavar="FILE")] = None
    """AlexNet as torchvision stores it; by default the one in torch's cache, if it is there."""
    classifier: Annotated[Path | None, arg(metavar="FILE")] = None
    """The nodule classifier that says what is seen; by default the one that ships."""
    positions: Annotated[int, arg(metavar="N")] = 48
    """Random lung positions, attacked by every attacker."""
    position: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="X,Y,Z")] = ()
    """Where to attack instead, LPS mm; give it several times for several positions."""
    variant: Literal[
        "plain", "denoise-gaussian", "denoise-median", "denoise-nlm", "shifts", "low-frequency"
    ] = "plain"
    """How the attackers go about it; all but plain know that the scan is protected."""
    max_hu: Annotated[float, arg(metavar="HU")] = 10.0
    """The budget that is checked; also of controls, and of the protection in memory."""
    noise_fraction: Annotated[float | None, arg(metavar="PART")] = None
    """Of the budget too: the part of the scan's local noise that each voxel may move by."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of positions, controls and re-scan noise, and of the protection in memory."""
    pgd_steps: Annotated[int, arg(metavar="N")] = 40
    """Gradient steps of the control that knows position and attacker; 0 leaves it out."""
    weights: Annotated[Path | None, arg(metavar="FILE")] = None
    """A protector of your own; by default the one that ships with mitsgan."""
    attackers: Annotated[str, arg(metavar="NAME")] = "textured"
    """The pair to tamper with: textured, smooth, narrow, residual (no protector was trained
    against it), or one of your own."""
    injector: Annotated[Path | None, arg(metavar="FILE")] = None
    """An attacker that injects, instead of the one that ships."""
    remover: Annotated[Path | None, arg(metavar="FILE")] = None
    """An attacker that removes, instead of the one that ships."""
    output: Annotated[Path | None, arg(aliases=["-o"], metavar="FILE.json")] = None
    """Write all numbers, for machines."""
    picture: Annotated[Path | None, arg(metavar="FILE.png")] = None
    """Draw, for each action, the position with the median disruption."""
    overwrite: bool = False
    """Replace the files of an earlier run."""
    quiet: bool = False
    """No progress and no table; errors are still told."""

    def run(self) -> int:
        """Measure; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.files import check_file, scan_name, write_json
        from mitsgan.cli.options import UsageError, at_least
        from mitsgan.cli.places import parse_places
        from mitsgan.errors import ScanError
        from mitsgan.files import read_scan

        console = Console(quiet=self.quiet)
        for path in (self.original, self.protected):
            if path is not None and not path.exists():
                raise ScanError(f"{path} does not exist; name a DICOM folder or an image file")
        for path, option in ((self.output, "--output"), (self.picture, "--picture")):
            if path is not None:
                check_file(path, self.overwrite, option, source=self.original)
        if self.protected is not None and self.weights is not None:
            raise UsageError("--weights protects in memory; leave it out, or PROTECTED")
        if self.picture is not None and not self.attack:
            raise UsageError("--picture shows tampering; leave out --no-attack")
        if self.position and not self.attack:
            raise UsageError("--position says where to attack; leave out --no-attack")
        nodules = parse_places("--nodule", self.nodule)
        places = parse_places("--position", self.position)
        at_least("--positions", self.positions, 1)
        at_least("--seed", self.seed, 0)
        at_least("--pgd-steps", self.pgd_steps, 0)

        import numpy as np

        from mitsgan.evaluate import EvaluationConfig, evaluate
        from mitsgan.jobs.attackers import load_attackers
        from mitsgan.jobs.entries import weights_entry
        from mitsgan.jobs.lpips import load_lpips
        from mitsgan.networks import load_weights, shipped
        from mitsgan.networks.classifier import NoduleClassifier
        from mitsgan.perturb import Budget, apply_perturbations
        from mitsgan.protect import MitsGan

        budget = Budget(self.max_hu, self.noise_fraction)
        attackers, cards = load_attackers(self.injector, self.remover, self.attackers)
        lpips, no_lpips = load_lpips(self.lpips_weights)
        judge = self.classifier or shipped("classifier")
        classifier = NoduleClassifier.load(judge)
        second = self.protected or MitsGan.load(self.weights, seed=self.seed)
        with console.phase("read", f"reading {self.original}") as progress:
            original = read_scan(self.original, progress=progress)
        if isinstance(second, Path):
            used = None
            with console.phase("read protected", f"reading {second}") as progress:
                protected = read_scan(second, progress=progress)
            if np.array_equal(protected.stored, original.stored):
                raise UsageError(
                    f"{second} has the same voxels as {self.original}, so nothing protects it; "
                    "give a scan and its protected version"
                )
        else:
            used = weights_entry(second.card, self.weights, "mitsgan")
            with console.phase("protect", f"protecting {self.original}") as progress:
                protected = apply_perturbations(original, [second], budget, progress=progress).scan
        config = EvaluationConfig(
            self.max_hu,
            len(places) or self.positions,
            self.seed,
            self.pgd_steps,
            True,
            nodules,
            self.noise_fraction,
            places,
            self.variant,
        )
        tampering = attackers if self.attack else []
        with console.steps("evaluate", "measuring") as say:
            result = evaluate(
                original,
                protected,
                tampering,
                config,
                lpips=lpips,
                classifier=classifier,
                progress=say,
            )
        if no_lpips is not None:
            result["gaps"].append(no_lpips)
        result["scan"]["name"] = scan_name(self.original)
        result["protector"] = used
        judged = load_weights(judge, "classifier")[1]
        result["classifier"] = weights_entry(judged, self.classifier, "classifier")
        for action, used_by in result["attackers"].items():
            used_by["sha256"] = cards[action]["sha256"]
        if self.output is not None:
            write_json(self.output, result, overwrite=self.overwrite)
        picture = self.picture if result["disruption"] else None
        if picture is not None:
            from mitsgan.jobs.picture import write_overview

            with console.phase("picture", f"drawing {picture}"):
                write_overview(
                    picture, original, protected, attackers, result, overwrite=self.overwrite
                )
        if not self.quiet:
            from mitsgan.cli.table import print_result

            print_result(result)
        for path in (self.output, picture):
            if path is not None:
                console.say(f"written: {path}")
        return 0
