"""The one way in: train what the settings say."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mitsgan.errors import DeviceError, OutputError
from mitsgan.jobs.device import choose_device
from mitsgan.jobs.train.config_file import check_resumed
from mitsgan.jobs.train.settings import (
    AttackerTraining,
    ClassifierTraining,
    DetectorTraining,
    Devices,
    DiffusionTraining,
    OnDevice,
    Training,
)
from mitsgan.progress import Progress, silent

if TYPE_CHECKING:
    from mitsgan.jobs.train.outputs import TrainingResult
    from mitsgan.training.fabric import Worker


def train(settings: Training, *, progress: Progress = silent) -> TrainingResult:
    """Train on scans, measure on others, and write the weights, whole or not at all.

    Args:
        settings: what is trained, on what, and where it goes.
        progress: told how far it is; in the phase "training" its notes are the losses.

    Raises:
        MitsganError: something is wrong with the settings or the files they name, which is told
            before the training; a card of bad weights, a patient on both sides of the split.
    """
    from mitsgan.jobs.train.attackers import trained_against
    from mitsgan.jobs.train.outputs import check_files
    from mitsgan.training.fabric import launch

    check_files(settings)
    if not isinstance(settings, AttackerTraining | DiffusionTraining | ClassifierTraining):
        trained_against(settings.attackers)
    check_resumed(settings)
    devices, name = 1, "cpu"
    if isinstance(settings, OnDevice):
        name = settings.device
    if isinstance(settings, Devices):
        devices = settings.devices
    device = choose_device(name)
    if device.type == "cuda" and devices > 1:
        import torch

        if devices > (count := torch.cuda.device_count()):
            raise DeviceError(f"`devices` {devices}: this machine has {count} GPU(s)")
    result = launch(partial(_work, settings), devices, device, progress)
    if result is None:
        raise AssertionError("the first of the processes gives a result")
    return result


def _work(settings: Training, worker: Worker) -> TrainingResult | None:
    """What every process does; what a disk refuses is told as an error that they can pass on."""
    try:
        return _trained(settings, worker)
    except OSError as error:
        raise OutputError(
            f"{error.filename or settings.folder}: {error.strerror or error}; a run that has a "
            f"checkpoint in {settings.folder} goes on with `resume`"
        ) from error


def _trained(settings: Training, worker: Worker) -> TrainingResult | None:
    """What is trained, and how."""
    if isinstance(settings, AttackerTraining | DiffusionTraining):
        from mitsgan.jobs.train import attacker

        return attacker.work(settings, worker)
    if isinstance(settings, ClassifierTraining):
        from mitsgan.jobs.train import classifier

        return classifier.work(settings, worker)
    if isinstance(settings, DetectorTraining):
        from mitsgan.jobs.train import detector

        return detector.work(settings, worker)
    from mitsgan.jobs.train import protector

    return protector.work(settings, worker)
