"""`mitsgan protect`: a scan in, a protected scan out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class Protect:
    """Protect a CT scan: a DICOM series or an image in, the same with a perturbation out."""

    scan: Annotated[Positional[Path], arg(metavar="SCAN")]
    """A folder with a DICOM series, a DICOM file, or a .nii, .nii.gz, .mha, .mhd, .nrrd image."""
    out: Annotated[Positional[Path], arg(metavar="OUT")]
    """The folder or, by its ending, the image file to write: whole, or not at all."""
    max_hu: Annotated[float, arg(metavar="HU")] = 10.0
    """The budget: no stored voxel moves further. Padding stays as it is."""
    noise_fraction: Annotated[float | None, arg(metavar="PART")] = None
    """No voxel moves by more than this part of the scan's own noise around it, e.g. 0.5 with
    --max-hu 30; noise is measured on the scan."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Another seed gives another perturbation; the same one, the same result."""
    device: Annotated[str, arg(metavar="auto|cpu|cuda[:N]")] = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    series: Annotated[str | None, arg(metavar="UID")] = None
    """The Series Instance UID to read, where the folder holds several."""
    protector: Annotated[str, arg(metavar="NAME")] = "mits-gan"
    """Another one, to compare with: mits-gan-paper, tafim, pgd (optimised from random numbers for
    as long as --refine says), or the controls noise and offset."""
    refine: Annotated[float | None, arg(metavar="SECONDS")] = None
    """Go on to optimise the perturbation for this scan, for so long."""
    refine_steps: Annotated[int | None, arg(metavar="N")] = None
    """The same by gradient steps of 8 positions, so that the result repeats."""
    candidates: bool = False
    """Spend that time around the places that look like nodules, against removal."""
    attackers: tuple[Literal["textured", "smooth", "narrow", "residual"], ...] = ("textured",)
    """The shipped pairs to optimise against."""
    weights: Annotated[Path | None, arg(metavar="FILE")] = None
    """A protector of your own; by default the one that ships with mitsgan."""
    report: Annotated[Path | None, arg(metavar="FILE.json")] = None
    """Write the run in numbers, for machines."""
    key: Annotated[Path | None, arg(metavar="KEYFILE")] = None
    """Mark the scan with this key, within the budget, so that `mitsgan verify` finds tampering."""
    mark_hu: Annotated[float, arg(metavar="HU")] = 3.0
    """Strength of the mark, RMS over the body; no voxel gets more than half the budget of it."""
    identity: Annotated[str | None, arg(metavar="TEXT")] = None
    """A name for the series that its mark is bound to; by default the header tells it."""
    sign: Annotated[Path | None, arg(metavar="KEY.pem")] = None
    """Seal what was written with this private key; the seal is OUT.seal.json."""
    certificate: Annotated[Path | None, arg(metavar="CERT.pem")] = None
    """The certificate of that key, to be kept in the seal."""
    passphrase_file: Annotated[Path | None, arg(metavar="FILE")] = None
    """Holds the passphrase of that key; else MITSGAN_PASSPHRASE does, or it is asked for."""
    overwrite: bool = False
    """Replace the output, the report and the seal if they are those of an earlier run."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""

    def run(self) -> int:
        """Protect; the exit code."""
        from mitsgan.cli.console import Console

        console = Console(quiet=self.quiet)
        from mitsgan.cli.device import DeviceError, choose_device
        from mitsgan.cli.files import check_file, write_json
        from mitsgan.cli.options import UsageError, at_least
        from mitsgan.errors import OutputError, ScanError
        from mitsgan.files import check_output, read_scan, write_scan

        # What can fail without the scan fails first: names, then settings, then what takes a while.
        if not self.scan.exists():
            raise ScanError(f"{self.scan} does not exist; name a DICOM folder or an image file")
        if self.out.exists() and not self.overwrite and not self.out.samefile(self.scan):
            raise OutputError(
                f"output {self.out} exists; choose another, or replace it with --overwrite"
            )
        check_output(self.out, self.overwrite, source=self.scan)
        if self.report is not None:
            check_file(self.report, self.overwrite, "--report", source=self.scan, beside=self.out)
        at_least("--seed", self.seed, 0)
        from mitsgan.jobs.seal import prepare_beside

        sealing = prepare_beside(
            self.out, self.sign, self.certificate, self.passphrase_file, self.overwrite
        )
        from mitsgan.jobs.protect import derivation, read_key, report, stack
        from mitsgan.jobs.refine import for_scan, load_start, read_refinement
        from mitsgan.perturb import Budget, apply_perturbations

        if self.key is not None and self.noise_fraction is not None:
            raise UsageError(
                "--noise-fraction leaves a mark too little room where the scan is quiet, and "
                "verify would take that for tampering; give --key or --noise-fraction, not both"
            )
        key = read_key(self.key, self.mark_hu != Protect.mark_hu or self.identity is not None)

        budget = Budget(self.max_hu, self.noise_fraction)
        device = choose_device(self.device)
        refinement = read_refinement(
            self.protector,
            self.refine,
            self.refine_steps,
            self.candidates,
            self.attackers,
            self.seed,
        )
        layer, who = load_start(self.protector, self.weights, self.seed, device)
        console.seconds["start"] = console.elapsed

        with console.phase("read", f"reading {self.scan}") as progress:
            scan = read_scan(self.scan, series=self.series, progress=progress)
        import torch

        try:
            layer = for_scan(refinement, layer, scan, budget, device, console)
            layers, mark = stack(layer, scan, key, self.mark_hu, self.identity)
            with console.phase("protect", f"protecting {self.scan}") as progress:
                protected = apply_perturbations(scan, layers, budget, progress=progress)
        except torch.OutOfMemoryError as error:
            raise DeviceError(
                f"the memory of {device} is full; give --device cpu, or free the GPU"
            ) from error
        with console.phase("write", f"writing {self.out}") as progress:
            write_scan(
                protected.scan,
                self.out,
                derivation=derivation(who, budget, protected.scan, mark, refinement),
                overwrite=self.overwrite,
                progress=progress,
            )
        if sealing is not None:
            with console.phase("seal", f"sealing {self.out}") as progress:
                sealing.seal(self.out, progress=progress)
        seconds = console.elapsed
        if self.report is not None:
            content = report(
                *(self.scan, self.out, who, budget, protected, console.seconds, self.weights),
                *(mark, refinement),
            )
            write_json(self.report, content, overwrite=self.overwrite)
        done = "protected and marked" if mark is not None else "protected"
        console.say(
            f"{self.out}: {scan.shape[0]} slices {done} in {seconds:.1f} s; "
            f"largest change {protected.largest_hu:g} HU (budget {budget}), "
            f"RMS {protected.rms_hu:.2f} HU"
        )
        return 0
