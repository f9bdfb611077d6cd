"""How a protection is optimised for the one scan at hand, if it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.jobs.protect.result import RefinementEntry
from mitsgan.jobs.protect.settings import ProtectSettings


@dataclass(frozen=True)
class Refinement:
    """How long, where and against whom.

    Attributes:
        steps, seconds: how long; one of them.
        attackers: the pairs to optimise against.
        candidates: around places that look like nodules, against removal; else in the whole
            lung, against both.
        seed: of positions and random starts.
        nodules: lists of those that are known, to optimise around instead.
        readers: of LIDC's four, so many must have marked one.
    """

    steps: int | None
    seconds: float | None
    attackers: tuple[str, ...]
    candidates: bool
    seed: int
    nodules: tuple[Path, ...] = ()
    readers: int = 3

    @classmethod
    def of(cls, settings: ProtectSettings) -> Refinement | None:
        """What settings ask for; None for a protector as it is."""
        if not settings.refines:
            return None
        return cls(
            settings.refine_steps,
            settings.refine,
            settings.attackers,
            settings.candidates,
            settings.seed,
            settings.nodules,
            settings.readers,
        )

    @property
    def is_around_places(self) -> bool:
        """Whether places are known, to which a removal has to go; else it may strike anywhere."""
        return self.candidates or bool(self.nodules)

    def note(self) -> str:
        """What the derived files say about it."""
        limit = f"{self.steps} steps" if self.steps else f"{self.seconds:g} s"
        places = "around candidate places" if self.candidates else "over the lung"
        if self.nodules:
            places = "around known nodules"
        return f"optimised {limit} {places} against {', '.join(self.attackers)}"

    def entry(self) -> RefinementEntry:
        """The same for results."""
        places = "nodules" if self.nodules else "candidates" if self.candidates else "lung"
        return RefinementEntry(self.steps, self.seconds, self.attackers, places, self.seed)
