"""Train an attacker, of whichever kind, as one of the processes."""

from __future__ import annotations

from dataclasses import asdict, replace

from mitsgan.attack import Attacker, TrainedAttacker
from mitsgan.jobs.train.config_file import keep
from mitsgan.jobs.train.fine_tune import (
    begin_with,
    config_like,
    drawing_like,
    protected_versions,
    protectors,
)
from mitsgan.jobs.train.inputs import (
    Entries,
    Source,
    check_lungs,
    made_of,
    read_sources,
    whole_scans,
)
from mitsgan.jobs.train.outputs import TrainingResult, card_of, write_weights
from mitsgan.jobs.train.settings import AttackerTraining, DiffusionTraining, config_of
from mitsgan.networks import as_stored, load_weights, shipped
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.perturb import Budget
from mitsgan.progress import Phases
from mitsgan.protect.registry import identify
from mitsgan.training.attacker import PURPOSE, train_attacker
from mitsgan.training.config import AttackerConfig, DiffusionConfig
from mitsgan.training.data.cube_file import check_action
from mitsgan.training.diffusion import train_diffusion
from mitsgan.training.fabric import Worker
from mitsgan.training.judge import judge_attacker
from mitsgan.training.loop import Run, last_losses
from mitsgan.training.pictures import loss_curve, sample_sheet
from mitsgan.training.validate import attacker_metrics
from mitsgan.typed import to_tree


def work(settings: AttackerTraining | DiffusionTraining, worker: Worker) -> TrainingResult | None:
    """Train; the first of the processes goes on to the end, the others give None."""
    phases = Phases(worker.progress)
    start, more, held_out = None, {}, settings.held_out
    if settings.init is not None:
        start, more["init"] = begin_with(settings.init)
        held_out |= bool(start.card.get("held_out"))  # whoever learns of its child learns of it
    layers = protectors(settings.protector, settings.seed) if settings.protect else []
    scans, data = read_sources(settings.scans, phases)
    seen = scans
    if layers:
        with phases.phase("protect", "protecting the scans"):
            seen = [*scans, *protected_versions(scans, layers, Budget(settings.max_hu))]
        used = to_tree(identify(layers[0]).weights(settings.protector))
        seeds = [layer.seed for layer in layers]
        more["protected"] = {**used, "seeds": seeds, "max_hu": settings.max_hu}
    unseen, entries = read_sources(settings.validate, phases, apart_from=scans)
    check_action(unseen, settings.action)
    check_lungs(unseen, settings.validate)
    if settings.classifier is not None:
        load_weights(settings.classifier, "classifier")
    if worker.rank == 0:
        keep(settings)
    run = Run(settings.folder, settings.resume, worker, made_of(settings, scans))
    attacker, config = _trained(settings, seen, run, start)
    if worker.rank:
        return None
    stored = as_stored(attacker.network.state_dict(), settings.precision)
    attacker.network.load_state_dict(stored)  # what is measured is what is written
    attacker = replace(attacker, name=settings.output.stem)
    with phases.phase("pictures", f"drawing into {settings.folder}"):
        loss_curve(settings.folder, settings.folder / "losses.png")
        if shown := whole_scans(unseen) or whole_scans(scans):
            sample_sheet(attacker, shown, settings.folder / "samples.png")
    metrics = _metrics(settings, attacker, unseen, entries, phases)
    card = card_of(
        settings,
        config,
        data,
        metrics,
        purpose=PURPOSE,
        held_out=held_out,
        losses=last_losses(settings.folder),
        **more,
    )
    return write_weights(settings, attacker, card, phases.elapsed, settings.precision)


def _trained(
    settings: AttackerTraining | DiffusionTraining,
    sources: list[Source],
    run: Run,
    start: TrainedAttacker | None,
) -> tuple[TrainedAttacker, dict[str, object]]:
    """The attacker, and the configuration for its card."""
    if isinstance(settings, DiffusionTraining):
        drawing = config_of(settings, DiffusionConfig)
        if start is not None:
            drawing = drawing_like(start, drawing)
        attacker = train_diffusion(sources, drawing, run, start=start)
        return attacker, {"architecture": "diffusion", **asdict(drawing)}
    config = config_of(settings, AttackerConfig)
    if start is not None:
        config = config_like(start, config)
    return train_attacker(sources, config, run, start=start), asdict(config)


def _metrics(
    settings: AttackerTraining | DiffusionTraining,
    attacker: Attacker,
    unseen: list[Source],
    entries: Entries,
    phases: Phases,
) -> dict[str, object]:
    """What it paints in lung that it has not seen, and whether that convinces the classifier."""
    if not unseen:
        return {}
    judge = settings.classifier or shipped("classifier")
    with phases.phase("validate", "measuring on unseen scans"):
        metrics: dict[str, object] = {**attacker_metrics(attacker, unseen), "scans": entries}
        if judged := whole_scans(unseen):
            metrics["classifier"] = {
                **judge_attacker(attacker, NoduleClassifier.load(judge), judged),
                "sha256": load_weights(judge, "classifier")[1]["sha256"],
            }
    return metrics
