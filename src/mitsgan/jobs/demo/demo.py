"""The main job on a synthetic chest: both series, the evaluation, and a page about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.jobs.shared import Overwriting, OwnAttackers
from mitsgan.progress import Phases, Progress, silent
from mitsgan.settings import a_seed

if TYPE_CHECKING:
    from mitsgan.evaluate.result import Evaluation
    from mitsgan.jobs.evaluate.evaluation import Judges
    from mitsgan.jobs.evaluate.settings import EvaluateSettings
    from mitsgan.protect import Protector
    from mitsgan.result import WeightsEntry

SHAPE, SPACING = (80, 384, 384), (2.4, 0.94, 0.94)
"""The chest with pixels of a usual chest CT, such as the shipped protector was trained on."""

POSITIONS = 12
"""Random lung positions for the numbers; few, so that the demonstration is short."""

NAME = "a synthetic chest"


@dataclass(frozen=True, kw_only=True)
class DemoFolder(Overwriting, OwnAttackers):
    """What is demonstrated with, and where to."""

    out: Path
    """The folder to write: original, protected, report.html and report.json."""
    seed: int = 0
    """Of the chest, the perturbation, and the positions that are attacked."""
    weights: Path | None = None
    """A protector of your own; by default the one that ships with mitsgan."""

    def __post_init__(self) -> None:
        super().__post_init__()
        a_seed("seed", self.seed)

    def command(self) -> str:
        """What makes this demonstration again; files by name, not by where they lie."""
        from mitsgan.evaluate.report.command_line import command_line

        files = {"weights": self.weights, "injector": self.injector, "remover": self.remover}
        names = {name: None if path is None else path.name for name, path in files.items()}
        return command_line("demo", "OUT", seed=self.seed, **names)


def make_demo(settings: DemoFolder, *, progress: Progress = silent) -> Evaluation:
    """Fill a folder with both series, the evaluation and the page.

    The protected series comes about as a user's would: the original is read back from its DICOM
    files, protected, and written as derived from them.

    Args:
        settings: what is to be done.
        progress: told how far it is.

    Raises:
        OutputError: the folder is there and is no demonstration, or cannot be written.
        MitsganError: see `mitsgan.jobs.evaluate.evaluation.Judges.load`.
    """
    from mitsgan.jobs.demo.folder import check_demo, demo_folder
    from mitsgan.jobs.evaluate.evaluation import Judges
    from mitsgan.jobs.evaluate.settings import EvaluateSettings
    from mitsgan.jobs.protect.default import load_default
    from mitsgan.perturb import Budget
    from mitsgan.phantom.chest import NODULE_LPS

    check_demo(settings.out, settings.overwrite)
    measured = EvaluateSettings(
        max_hu=Budget().max_hu,
        positions=POSITIONS,
        seed=settings.seed,
        pgd_steps=0,
        diagnostics=False,
        nodules=(NODULE_LPS,),
        injector=settings.injector,
        remover=settings.remover,
    )
    judges = Judges.load(measured)
    layer = load_default(settings.weights, settings.seed)
    with demo_folder(settings.out, settings.overwrite) as folder:
        return _fill(folder, settings, measured, judges, layer, progress)


def _fill(
    folder: Path,
    settings: DemoFolder,
    measured: EvaluateSettings,
    judges: Judges,
    layer: tuple[Protector, WeightsEntry],
    progress: Progress,
) -> Evaluation:
    """Make everything that the folder holds."""
    from mitsgan.evaluate.report.html.page import html_report
    from mitsgan.files import read_scan, write_scan
    from mitsgan.files.dicom.phantom import phantom_series
    from mitsgan.jobs.evaluate.evaluation import evaluate_scans
    from mitsgan.jobs.evaluate.pictures import evaluation_galleries
    from mitsgan.jobs.outputs import write_result
    from mitsgan.jobs.protect.derivation import derivation
    from mitsgan.perturb import apply_perturbations
    from mitsgan.phantom.chest import chest
    from mitsgan.protect.registry import identify

    phases, budget = Phases(progress), measured.budget
    protector, weights = layer
    with phases.phase("phantom", "making a synthetic chest"):
        phantom_series(chest(SHAPE, SPACING, seed=settings.seed), folder / "original")
    with phases.phase("read", "reading it") as step:
        original = read_scan(folder / "original", progress=step)
    with phases.phase("protect", "protecting it") as step:
        protected = apply_perturbations(original, [protector], budget, progress=step).scan
    with phases.phase("write", "writing the protected series") as step:
        note = derivation(identify(protector), budget, protected)
        write_scan(protected, folder / "protected", derivation=note, progress=step)
    evaluation = evaluate_scans(
        original,
        protected,
        measured,
        judges=judges,
        name=NAME,
        protected_by=protector.name,
        protector=weights,
        progress=progress,
    )
    with phases.phase("page", "drawing the page"):
        galleries = evaluation_galleries(original, protected, judges.attackers, evaluation)
        page = html_report(evaluation.report(settings.command()), galleries)
    (folder / "report.html").write_text(page, encoding="utf-8")
    write_result(folder / "report.json", evaluation)
    return evaluation
