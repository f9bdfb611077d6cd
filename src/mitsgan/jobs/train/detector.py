"""Train the tampering detector, as one of the processes."""

from __future__ import annotations

from dataclasses import asdict, replace

from mitsgan.attack import TrainedAttacker
from mitsgan.jobs.train.attackers import trained_against
from mitsgan.jobs.train.config_file import keep
from mitsgan.jobs.train.inputs import check_lungs, made_of, read_scans
from mitsgan.jobs.train.outputs import TrainingResult, card_of, write_weights
from mitsgan.jobs.train.settings import DetectorTraining, config_of
from mitsgan.progress import Phases
from mitsgan.training.config import DetectorConfig
from mitsgan.training.detector import detector_metrics, train_detector
from mitsgan.training.fabric import Worker
from mitsgan.training.loop import Run
from mitsgan.training.pictures import loss_curve


def work(settings: DetectorTraining, worker: Worker) -> TrainingResult | None:
    """Train; the first of the processes goes on to the end, the others give None."""
    phases, config = Phases(worker.progress), config_of(settings, DetectorConfig)
    known = trained_against(settings.attackers)
    attackers = [replace(TrainedAttacker.load(path), name=path.stem) for path in settings.attackers]
    scans, data = read_scans(settings.scans, phases)
    unseen, entries = read_scans(settings.validate, phases, apart_from=scans)
    check_lungs(unseen, settings.validate)
    if worker.rank == 0:
        keep(settings)
    run = Run(settings.folder, settings.resume, worker, made_of(settings, scans))
    detector = train_detector(scans, attackers, config, run)
    if worker.rank:
        return None
    loss_curve(settings.folder, settings.folder / "losses.png")
    metrics: dict[str, object] = {}
    if unseen:
        with phases.phase("validate", "measuring on unseen scans"):
            metrics = {**detector_metrics(detector, attackers, unseen), "scans": entries}
    card = card_of(settings, asdict(config), data, metrics, attackers=known)
    return write_weights(settings, detector, card, phases.elapsed)
