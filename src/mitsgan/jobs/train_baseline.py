"""What the trainings of baselines share: checks, data, what they are worth, and the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mitsgan.cli.console import Console
from mitsgan.jobs.attackers import trained_against
from mitsgan.jobs.train import Entries, Run, read_scans, write_weights
from mitsgan.perturb.budget import Budget

if TYPE_CHECKING:
    from mitsgan.attack import Attacker
    from mitsgan.cli.train_paper import TrainPaper
    from mitsgan.cli.train_tafim import TrainTafim
    from mitsgan.perturb import Perturbation
    from mitsgan.protect.baselines.paper import MitsGanPaper
    from mitsgan.protect.baselines.tafim import Tafim
    from mitsgan.scan.scan import Scan
    from mitsgan.training.paper import PaperConfig
    from mitsgan.training.tafim import TafimConfig

_POSITIONS = 24


@dataclass(frozen=True)
class BaselineData:
    """Scans, those of other patients, what a card says of either, and the attackers."""

    scans: list[Scan]
    entries: Entries
    unseen: list[Scan]
    validated: Entries
    attackers: list[Attacker]


@dataclass(frozen=True)
class BaselineRun:
    """One training of a baseline, from the checks of its options to its weights."""

    command: TrainPaper | TrainTafim
    place: Run
    against: list[dict[str, object]]
    console: Console

    @classmethod
    def checked(cls, command: TrainPaper | TrainTafim) -> BaselineRun:
        """Check what would otherwise fail after the training.

        Raises:
            UsageError, ScanError, OutputError, BudgetError: see the messages.
        """
        from mitsgan.cli.train_config import check_resumed

        c = command
        place = Run.checked(c)
        against = trained_against(c.attackers)
        Budget(c.max_hu)  # says what is wrong with it
        check_resumed(command, place.folder)
        return cls(c, place, against, Console(quiet=c.quiet))

    def read(self) -> BaselineData:
        """Read scans and attackers, and write the configuration into the run's folder.

        Raises:
            DataError, ScanError, WeightsError: see the messages.
        """
        from mitsgan.attack import Attacker
        from mitsgan.cli.train_config import keep

        attackers = [Attacker.load(path) for path in self.command.attackers]
        scans, entries = read_scans(self.command.scans, self.console)
        unseen, validated = read_scans(self.command.validate, self.console, apart_from=scans)
        keep(self.command, self.place.folder)
        return BaselineData(scans, entries, unseen, validated, attackers)

    def finish(
        self, layer: MitsGanPaper | Tafim, config: PaperConfig | TafimConfig, data: BaselineData
    ) -> int:
        """Measure what was trained, write it, and say so; the exit code."""
        from mitsgan.protect.registry import identify
        from mitsgan.training.loop import last_losses
        from mitsgan.training.pictures import loss_curve

        folder, command = self.place.folder, self.command
        loss_curve(folder, folder / "losses.png")
        metrics: dict[str, object] = {}
        with self.console.phase("validate", "measuring on unseen scans"):
            for scan, entry in zip(data.unseen, data.validated, strict=True):
                metrics[str(entry["name"])] = measured(
                    layer, data.attackers, scan, command.max_hu, command.seed
                )
        settings = {"architecture": identify(layer).name, **asdict(config)}
        card = self.place.card(settings, command.licence, data.entries, command.seed, metrics)
        card["losses"] = last_losses(folder)
        card["attackers"] = self.against
        write_weights(command.output, layer, card, command.overwrite)
        self.console.say(
            f"{command.output}: trained in {self.console.elapsed:.0f} s; the run: {folder}"
        )
        return 0


def measured(
    layer: Perturbation, attackers: Sequence[Attacker], scan: Scan, max_hu: float, seed: int
) -> dict[str, object]:
    """What a baseline is worth on a scan as it is (native), and clipped to a budget.

    Returns:
        Per form the RMS of the perturbation over the scan, and per action the median disruption
        over random lung positions with its gain; HU.
    """
    import torch

    from mitsgan.anatomy.places import lung_positions
    from mitsgan.attack import plan_attack
    from mitsgan.evaluate.attacks.disruption import disruption
    from mitsgan.perturb import Fixed, apply_perturbations
    from mitsgan.protect.registry import NATIVE_HU

    once = Fixed.of(layer, scan, Budget(NATIVE_HU))
    places = lung_positions(scan, _POSITIONS, seed)
    hu = scan.hu()
    found: dict[str, object] = {"positions": _POSITIONS, "max_hu": max_hu}
    for form, budget in (("native", NATIVE_HU), ("clipped", max_hu)):
        protected = apply_perturbations(scan, [once], Budget(budget))
        row: dict[str, object] = {"perturbation_rms_hu": round(protected.rms_hu, 2)}
        for attacker in attackers:
            plans = [plan_attack(hu, scan.spacing, place, attacker.action) for place in places]
            moved = torch.from_numpy(protected.scan.hu())
            told = disruption(torch.from_numpy(hu), moved, plans, attacker).summary()
            row[attacker.action] = {key: told[key] for key in ("rmse_hu", "gain")}
        found[form] = row
    return found
