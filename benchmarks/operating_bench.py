"""One scan, its attacks, and what they make of it behind each protector at a given strength."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import ACTIONS, Action, Attacker, Strikes, cut_plans, hu_volume, plan_attack
from mitsgan.evaluate.attacks.appearance import look
from mitsgan.evaluate.attacks.healthy_lung import healthy_lung
from mitsgan.evaluate.attacks.slices import tampered_slices, untouched_slices
from mitsgan.evaluate.benchmark.summary.bootstrap import Interval, median_interval
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.metrics.metrics import Metrics, compare_scans, compare_slices
from mitsgan.evaluate.metrics.regions import WHOLE
from mitsgan.evaluate.metrics.windows import HU
from mitsgan.evaluate.result import PositionEntry
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.protect import Protector
from mitsgan.scan.scan import Scan
from strength import Strength, Times, bring, own_perturbation
from struck import Failed, strike


@dataclass(frozen=True)
class Measured:
    """A median over positions with its 95 % interval, and every value, HU or a ratio."""

    median: Interval
    positions: tuple[float, ...]

    @classmethod
    def of(cls, values: Tensor) -> Measured:
        """Of one value a position, ``[n]``."""
        numbers = tuple(round(float(value), 3) for value in values)
        return cls(median_interval(numbers), numbers)


@dataclass(frozen=True)
class Compared:
    """Two versions of the slices through the positions, as the paper compares its own.

    Attributes:
        slices: whole.
        squares: the 32 mm squares in them.
    """

    slices: Metrics
    squares: Metrics


@dataclass(frozen=True)
class Struck:
    """One attacker on one protected scan.

    Attributes:
        attackers, action: who did what.
        disruption: RMSE in the 20 mm core, of what was made of the protected scan against what the
            same attack makes of the scan itself, HU.
        gain: disruption over the perturbation's RMSE in the core.
        failed: at how many positions the attack failed.
        compared: the slices, tampered protected against tampered; None for all pairs but the first.
    """

    attackers: str
    action: Action
    disruption: Measured
    gain: Measured
    failed: Failed
    compared: Compared | None

    @property
    def name(self) -> str:
        """Pair and action."""
        return f"{self.attackers} {self.action}"


@dataclass(frozen=True)
class At:
    """One protector at one strength.

    Attributes:
        strength: how it was brought there.
        whole: how far the whole scan moved.
        compared: the slices before any attack, protected against the scan itself.
        seen: where the judges see something in the protected scan that nobody attacked: what a
            removal would have left.
        struck: by all pairs, both actions.
    """

    strength: Strength
    whole: Metrics
    compared: Compared
    seen: Failed
    struck: tuple[Struck, ...]


@dataclass(frozen=True)
class Untouched:
    """The scan itself.

    Attributes:
        seen: where the judges see something though nobody attacked.
        failed: where attacks on it fail, by pair and action (``textured inject``).
    """

    seen: Failed
    failed: dict[str, Failed]


class OperatingBench:
    """A scan in canonical order, attacked at random places of its lung.

    Args:
        scan: before any protection.
        layers: protectors by name.
        attackers: pairs by name; of the first the slices are compared as well.
        classifier: one of the two judges.
        lpips: the perceptual distance, if its weights are there.
        positions, seed: how many places, and which.
    """

    def __init__(
        self,
        scan: Scan,
        layers: Mapping[str, Protector],
        attackers: Mapping[str, Mapping[Action, Attacker]],
        classifier: NoduleClassifier,
        lpips: Lpips | None,
        positions: int,
        seed: int,
    ) -> None:
        self._scan, self._layers, self._lpips = scan, layers, lpips
        self._classifier, self._healthy = classifier, healthy_lung(scan, seed=seed)
        self._places = lung_positions(scan, positions, seed)
        self._before = hu_volume(scan)
        self._own: tuple[str, Times] | None = None
        self._compared = next(iter(attackers))
        hu = self._before.numpy()
        plans = {
            action: [plan_attack(hu, scan.spacing, place, action) for place in self._places]
            for action in ACTIONS
        }
        self._strikes = {
            (pair, action): Strikes.at(self._before, plans[action], attacker)
            for pair, both in attackers.items()
            for action, attacker in both.items()
        }

    def positions(self) -> tuple[PositionEntry, ...]:
        """Where the scan is attacked."""
        world = self._scan.geometry.to_world
        return tuple(PositionEntry(place, world(place)) for place in self._places)

    def untouched(self) -> Untouched:
        """The scan itself, and attacks on it."""
        return Untouched(
            seen=self._seen(self._before),
            failed={
                f"{pair} {action}": self._attacked(strikes, self._before)[1]
                for (pair, action), strikes in self._strikes.items()
            },
        )

    def at(self, name: str, target_hu: float) -> At:
        """Bring a protector to a strength, and attack it."""
        if self._own is None or self._own[0] != name:
            self._own = name, own_perturbation(self._layers[name], self._scan)
        strength, changed = bring(self._scan, self._own[1], self._places, target_hu)
        (whole,) = compare_scans(self._scan, changed, [WHOLE], self._lpips, windows=(HU,))
        volume = hu_volume(changed)
        pairs = untouched_slices(self._scan, changed, self._places)
        slices, squares = compare_slices("protected", pairs, self._lpips, windows=(HU,))
        return At(
            strength=strength,
            whole=whole.windows[HU.name],
            compared=Compared(slices.windows[HU.name], squares.windows[HU.name]),
            seen=self._seen(volume),
            struck=tuple(self._struck(pair, action, volume) for pair, action in self._strikes),
        )

    def _struck(self, pair: str, action: Action, volume: Tensor) -> Struck:
        strikes = self._strikes[pair, action]
        disrupted, failed = self._attacked(strikes, volume)
        moved = strikes.moved(volume, core=True)
        compared = None
        if pair == self._compared:
            before, plans = self._before, strikes.original.plans
            slices = tampered_slices(self._scan, (before, volume), plans, strikes.attacker)
            rows = compare_slices("tampered", slices, self._lpips, windows=(HU,))
            compared = Compared(*(row.windows[HU.name] for row in rows))
        gain = disrupted / moved.clamp_min(1e-6)
        return Struck(pair, action, Measured.of(disrupted), Measured.of(gain), failed, compared)

    def _attacked(self, strikes: Strikes, volume: Tensor) -> tuple[Tensor, Failed]:
        """Disruption at each position, and at how many the attack failed."""
        disrupted, looks = strike(strikes, volume, self._classifier, self._healthy)
        return disrupted, looks.failure_rates(strikes.attacker.action)

    def _seen(self, volume: Tensor) -> Failed:
        """Where judges see something that nobody put there."""
        strikes = next(iter(self._strikes.values()))
        cut = cut_plans(volume, strikes.original.plans)
        cubes = cut.cubes(cut.before)
        return look(cubes, self._classifier, self._healthy).failure_rates("remove")
