"""What trainings leave: weights with their card and golden outputs, and the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mitsgan import __version__
from mitsgan.atomic import atomic_output
from mitsgan.errors import OutputError, ScanError
from mitsgan.jobs.outputs import check_file
from mitsgan.jobs.train.config_file import NAME, is_kept
from mitsgan.jobs.train.inputs import Entries
from mitsgan.jobs.train.settings import Training, TrainingFiles
from mitsgan.networks import Card, Model, Precision, load_weights
from mitsgan.networks.golden import golden_path, write_golden
from mitsgan.result import Result
from mitsgan.training.loop import LOSSES, checkpoint_of, last_losses

_PICTURES = ("losses.png", "samples.png")
"""What is drawn into the folder of a run."""


@dataclass(frozen=True, kw_only=True)
class TrainingResult(Result):
    """One training.

    Attributes:
        weights: what kind of network it is: attacker, protector, classifier or detector.
        output: the file of the weights; ``sha256`` is the checksum in its card.
        run: the folder of checkpoint, losses and pictures.
        losses: means over the last hundred steps.
        metrics: what was measured on other scans; empty where none were given.
        seconds: of the whole training.
    """

    KIND: ClassVar[str] = "training"

    version: str = __version__
    weights: str
    output: str
    sha256: str
    run: str
    losses: dict[str, float]
    metrics: dict[str, Any]
    seconds: float


def check_files(settings: TrainingFiles) -> None:
    """Check what would otherwise fail after the training.

    Raises:
        ScanError: a scan is not there.
        OutputError: the output cannot be written, or the run's folder holds another run, or none
            that is to be resumed.
    """
    for path in (*settings.scans, *settings.validate):
        if not path.exists():
            raise ScanError(f"{path} does not exist; name a DICOM folder or an image file")
    for path in (settings.output, golden_path(settings.output)):
        check_file(path, settings.overwrite, "output")
    folder = settings.folder
    begun = has_begun(settings)
    if begun and not settings.resume:
        raise OutputError(
            f"{folder} holds a training run; give `resume` to go on with it, or another `run`"
        )
    # One that was interrupted before its first checkpoint begins anew.
    if settings.resume and not begun and not (folder / NAME).exists():
        raise OutputError(f"{folder} holds no training run to resume; leave `resume` out")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"`run` {folder} is a file; name a folder")
    foreign = [name for name in (NAME, LOSSES, *_PICTURES) if (folder / name).exists()]
    if foreign and not begun and not is_kept(folder / NAME):
        raise OutputError(
            f"`run` {folder} holds a {foreign[0]} that is of no training, and a run would replace "
            "it; name another folder"
        )


def has_begun(settings: TrainingFiles) -> bool:
    """Whether the run's folder holds a checkpoint to go on from."""
    return checkpoint_of(settings.folder).exists()


def card_of(
    settings: Training,
    config: Mapping[str, object],
    data: Entries,
    metrics: Mapping[str, object],
    **more: object,
) -> dict[str, object]:
    """The card of weights, but for what their own `save` adds."""
    return {
        "config": dict(config),
        "licence": settings.licence,
        "data": data,
        "seed": settings.seed,
        "version": __version__,
        "metrics": dict(metrics),
        **more,
    }


def write_weights(
    settings: TrainingFiles,
    model: Model,
    card: Card,
    seconds: float,
    precision: Precision | None = None,
) -> TrainingResult:
    """Save a model with its golden outputs beside it: both, or neither."""
    path = settings.output
    companions = [golden_path(path).name]
    with atomic_output(path, overwrite=settings.overwrite, companions=companions) as temporary:
        model.save(temporary, card, precision=precision)
        write_golden(temporary, type(model))
    return TrainingResult(
        weights=model.KIND,
        output=str(path),
        sha256=str(load_weights(path, model.KIND)[1]["sha256"]),
        run=str(settings.folder),
        losses=last_losses(settings.folder),
        metrics=card["metrics"],
        seconds=round(seconds, 3),
    )
