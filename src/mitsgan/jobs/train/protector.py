"""Train MITS-GAN, or a baseline to compare with, as one of the processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypeAlias

from mitsgan.attack import TrainedAttacker
from mitsgan.jobs.train.attackers import trained_against
from mitsgan.jobs.train.config_file import keep
from mitsgan.jobs.train.fine_tune import protector_to_begin_with
from mitsgan.jobs.train.inputs import made_of, read_scans
from mitsgan.jobs.train.outputs import TrainingResult, card_of, write_weights
from mitsgan.jobs.train.settings import PaperTraining, ProtectorTraining, TafimTraining, config_of
from mitsgan.jobs.train.validation import check_positions, forms_of, validate
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.progress import Phases
from mitsgan.protect import MitsGan
from mitsgan.protect.baselines.paper import MitsGanPaper
from mitsgan.protect.baselines.tafim import Tafim
from mitsgan.protect.registry import identify
from mitsgan.scan import Scan
from mitsgan.training.config import PaperConfig, ProtectorConfig, TafimConfig
from mitsgan.training.fabric import Worker
from mitsgan.training.loop import Run, last_losses, read_losses
from mitsgan.training.paper import train_paper
from mitsgan.training.pictures import loss_curve
from mitsgan.training.protector import train_protector
from mitsgan.training.tafim import train_tafim

Settings: TypeAlias = ProtectorTraining | PaperTraining | TafimTraining
Trained: TypeAlias = MitsGan | MitsGanPaper | Tafim


def work(settings: Settings, worker: Worker) -> TrainingResult | None:
    """Train; the first of the processes goes on to the end, the others give None."""
    phases = Phases(worker.progress)
    against = trained_against(settings.attackers)
    attackers = [TrainedAttacker.load(path, worker.device) for path in settings.attackers]
    scans, data = read_scans(settings.scans, phases)
    unseen, entries = read_scans(settings.validate, phases, apart_from=scans)
    check_positions(unseen, settings.validate, settings.seed)
    if worker.rank == 0:
        keep(settings)
    run = Run(settings.folder, settings.resume, worker, made_of(settings, scans))
    protector, config, more = _trained(settings, scans, attackers, run)
    if worker.rank:
        return None
    folder, is_baseline = settings.folder, not isinstance(protector, MitsGan)
    loss_curve(folder, folder / "losses.png")
    metrics = validate(
        protector,
        [TrainedAttacker.load(path) for path in settings.attackers],  # on the CPU
        unseen,
        entries,
        forms_of(settings.max_hu, native=is_baseline),
        settings.seed,
        folder / "samples.png",
        phases,
    )
    if is_baseline:
        more["losses"] = last_losses(folder)
        more["steps"] = len(read_losses(folder))
    card = card_of(settings, config, data, metrics, attackers=against, **more)
    return write_weights(settings, protector, card, phases.elapsed)


def _trained(
    settings: Settings, scans: Sequence[Scan], attackers: Sequence[TrainedAttacker], run: Run
) -> tuple[Trained, Mapping[str, object], dict[str, object]]:
    """The protector, how it was trained, and what else its card says."""
    if isinstance(settings, ProtectorTraining):
        return _trained_protector(settings, scans, attackers, run)
    baseline: MitsGanPaper | Tafim
    if isinstance(settings, PaperTraining):
        paper = config_of(settings, PaperConfig)
        baseline = MitsGanPaper(train_paper(scans, attackers, paper, run), paper.seed)
        return baseline, {"architecture": identify(baseline).name, **asdict(paper)}, {}
    tafim = config_of(settings, TafimConfig)
    baseline = Tafim(train_tafim(scans, attackers, tafim, run))
    return baseline, {"architecture": identify(baseline).name, **asdict(tafim)}, {}


def _trained_protector(
    settings: ProtectorTraining,
    scans: Sequence[Scan],
    attackers: Sequence[TrainedAttacker],
    run: Run,
) -> tuple[MitsGan, Mapping[str, object], dict[str, object]]:
    """As `_trained`."""
    config, start = config_of(settings, ProtectorConfig), None
    more: dict[str, object] = {}
    if settings.init is not None:
        begun, config, more["init"] = protector_to_begin_with(settings.init, config)
        start = begun.network
    judges = []
    if "judged" in (config.inject_goal, config.remove_goal):
        paths = settings.judges or (None,)  # None: the one that ships
        judges = [NoduleClassifier.load(path, run.worker.device) for path in paths]
        more["judges"] = [judge.card["sha256"] for judge in judges]
    network = train_protector(scans, attackers, config, run, classifiers=judges, start=start)
    return MitsGan(network, config.seed), asdict(config), more
