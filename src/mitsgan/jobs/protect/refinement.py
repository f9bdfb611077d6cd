"""How a protection is optimised for the one scan at hand, if it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.jobs.protect.result import RefinementEntry
from mitsgan.jobs.protect.settings import ProtectSettings

ANYWHERE = ("textured",)
"""The pairs to optimise against over the lung, unless told otherwise."""

KNOWN_PLACES = ("textured", "smooth", "narrow")
"""The same where removals are expected at known places: against each of the three that is nearly
twice random signs or more, where one pair alone leaves the others near them. See
docs/decisions/known-places.md."""


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
        varied: whether each step attacks somewhat otherwise.
    """

    steps: int | None
    seconds: float | None
    attackers: tuple[str, ...]
    candidates: bool
    seed: int
    nodules: tuple[Path, ...] = ()
    readers: int = 3
    varied: bool = False

    @classmethod
    def of(cls, settings: ProtectSettings) -> Refinement | None:
        """What settings ask for; None for a protector as it is."""
        if not settings.refines:
            return None
        around_places = settings.candidates or settings.nodules
        return cls(
            settings.refine_steps,
            settings.refine,
            settings.attackers or (KNOWN_PLACES if around_places else ANYWHERE),
            settings.candidates,
            settings.seed,
            settings.nodules,
            settings.readers,
            settings.varied,
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
        varied = "varied attacks by " if self.varied else ""
        return f"optimised {limit} {places} against {varied}{', '.join(self.attackers)}"

    def entry(self) -> RefinementEntry:
        """The same for results."""
        places = "nodules" if self.nodules else "candidates" if self.candidates else "lung"
        return RefinementEntry(
            self.steps, self.seconds, self.attackers, places, self.seed, self.varied
        )
