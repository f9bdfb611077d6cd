"""The options that every training has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a training reads, where it writes, and how it is called."""

    scans: Annotated[Positional[tuple[Path, ...]], arg(metavar="SCAN...")]
    """Chest CTs to train on: DICOM folders or images."""
    output: Annotated[Path, arg(metavar="FILE.safetensors")]
    """The weights to write."""
    run_folder: Annotated[Path | None, arg(name="run", metavar="FOLDER")] = None
    """Checkpoint, losses and pictures; by default beside the output, ending in .run."""
    config: Annotated[Path | None, arg(metavar="FILE.toml")] = None
    """Values for options that are not given here; see docs/training-config.md."""
    resume: bool = False
    """Go on with the run in that folder."""
    validate: Annotated[tuple[Path, ...], arg(metavar="SCAN...")] = ()
    """Scans of other patients, to measure on what was trained."""
    licence: Annotated[str, arg(metavar="TEXT")] = "unstated"
    """Of the weights, for their card."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of weights and data."""
    overwrite: bool = False
    """Replace the output of an earlier run."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""


@dataclass(frozen=True, kw_only=True)
class DeviceTraining(Training):
    """A training that runs on any device, on several at once too."""

    devices: Annotated[int, arg(metavar="N")] = 1
    """Processes that train together, one a GPU or several on the CPU; needs lightning-fabric."""
    device: Annotated[str, arg(metavar="cpu|cuda[:N]")] = "cpu"
    """Where to compute."""


@dataclass(frozen=True, kw_only=True)
class BaselineTraining(Training):
    """The training of a protector to compare with, which knows no budget."""

    attackers: Annotated[tuple[Path, ...], arg(metavar="FILE...")]
    """Weights of the attackers to protect against."""
    max_hu: Annotated[float, arg(metavar="HU")] = 10.0
    """The budget that --validate clips the protector to as well; training knows none."""
