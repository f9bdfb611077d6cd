"""What an evaluation of the mark measures."""

from __future__ import annotations

from dataclasses import dataclass, fields

from mitsgan.errors import SettingsError
from mitsgan.settings import Settings, a_seed, at_least


@dataclass(frozen=True, kw_only=True)
class MarkEvaluationSettings(Settings):
    """What an evaluation of the mark measures.

    Raises:
        SettingsError: settings that make no sense.
    """

    max_hu: float = 10.0
    """How far mark and protection together may move a voxel."""
    mark_hu: float = 3.0
    """RMS of the mark over the body."""
    positions: int = 100
    """Random lung positions, struck by every attacker."""
    keys: int = 100
    """Untouched scans, each with a key of its own, among which to count false alarms."""
    purified_keys: int = 20
    """How many of these to send through every purifier, too."""
    wrong_keys: int = 5
    """How many wrong keys to verify the marked scan with."""
    false_alarms: float = 0.01
    """The rate of untouched scans called tampered that verification is asked for."""
    seed: int = 0
    """Of positions, keys, protection and noise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("positions", self.positions, 2)
        at_least("keys", self.keys, 1)
        at_least("purified_keys", self.purified_keys, 0)
        at_least("wrong_keys", self.wrong_keys, 0)
        a_seed("seed", self.seed)
        if not 0 < self.false_alarms < 0.5:
            raise SettingsError(
                f"`false_alarms` lies between 0 and 0.5, found {self.false_alarms:g}"
            )

    def measured(self) -> MarkEvaluationSettings:
        """These settings alone, without what a subclass adds."""
        names = [field.name for field in fields(MarkEvaluationSettings)]
        return MarkEvaluationSettings(**{name: getattr(self, name) for name in names})
