"""What an evaluation measures."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from mitsgan.settings import Place, Settings, a_place, a_seed, at_least

if TYPE_CHECKING:
    from mitsgan.perturb import Budget


VariantName = Literal[
    "plain",
    "denoise-gaussian",
    "denoise-median",
    "denoise-nlm",
    "notch",
    "comb",
    "flatten",
    "filters",
    "shifts",
    "low-frequency",
]


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(Settings):
    """What an evaluation measures.

    Raises:
        SettingsError: settings that make no sense.
        BudgetError: a budget that is no number of HU above 0.
    """

    max_hu: float = 10.0
    """The budget that is checked; also of controls, and of the protection in memory."""
    positions: int = 12
    """Random lung positions, attacked by every attacker."""
    seed: int = 0
    """Of positions, controls and re-scan noise, and of the protection in memory."""
    pgd_steps: int = 0
    """Gradient steps of the control that knows position and attacker, e.g. 40; it takes longer than
    all the rest. 0 leaves it out."""
    diagnostics: bool = True
    """Measure the budget, metrics over regions and windows, and what a diagnosis rests on, too."""
    nodules: tuple[Place, ...] = ()
    """Where a nodule is known to be, LPS mm: its volume and density are compared."""
    noise_fraction: float | None = None
    """The budget's second limit: the part of the scan's local noise that a voxel may move by."""
    least_hu: float = 0.0
    """With `noise_fraction`: what voxels may move by where it says less; 4.5 for a mark of 3 HU."""
    places: tuple[Place, ...] = ()
    """Where to attack instead, LPS mm; give it several times for several positions."""
    variant: VariantName = "plain"
    """How the attackers go about it; all but plain know that the scan is protected."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("positions", self.positions, 1)
        a_seed("seed", self.seed)
        at_least("pgd_steps", self.pgd_steps, 0)
        for name in ("nodules", "places"):
            for place in getattr(self, name):
                a_place(name, place)
        _ = self.budget

    @property
    def budget(self) -> Budget:
        """What the perturbation and PGD belong to."""
        from mitsgan.perturb import Budget

        return Budget(self.max_hu, self.noise_fraction, self.least_hu)

    def measured(self) -> EvaluationSettings:
        """These settings alone, without what a subclass adds."""
        names = [field.name for field in fields(EvaluationSettings)]
        return EvaluationSettings(**{name: getattr(self, name) for name in names})
