"""What is evaluated, by whom it is attacked, and what is written about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.errors import SettingsError
from mitsgan.evaluate.settings import EvaluationSettings
from mitsgan.jobs.shared import Overwriting, OwnAttackers
from mitsgan.reading import Reading
from mitsgan.settings import DEFAULT_PROTECTOR


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(OwnAttackers, EvaluationSettings):
    """What is measured, and with what weights."""

    attack: bool = True
    """Whether both scans are tampered with, and what comes of it compared."""
    attackers: str = "textured"
    """The pair to tamper with: textured, smooth, narrow; held out: residual, diffusion; or
    your own."""
    classifier: Path | None = None
    """The nodule classifier that says what is seen; by default the one that ships."""
    lpips_weights: Path | None = None
    """AlexNet as torchvision stores it; by default the one in torch's cache, if it is there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_used()

    def _check_used(self) -> None:
        """Raise where something would do nothing: whoever gave it would think it was measured."""
        if self.places and not self.attack:
            raise SettingsError("places say where to attack; do without `attack=False`")
        if self.places and self.positions != EvaluateSettings.positions:
            raise SettingsError("places say where to attack; leave `positions` out")
        if self.injector and self.remover and self.attackers != EvaluateSettings.attackers:
            raise SettingsError(
                "`injector` and `remover` take the places of both `attackers`; leave those out"
            )
        if self.least_hu and self.noise_fraction is None:
            raise SettingsError("`least_hu` belongs to `noise_fraction`; give both, or neither")


@dataclass(frozen=True, kw_only=True)
class EvaluateFiles(Overwriting, EvaluateSettings, Reading):
    """As `EvaluateSettings`, of scans on disk.

    How a scan is read is said of the original. What the values mean holds for the protected one,
    too, where that has the same format: there they are written as they were stored.
    """

    original: Path
    """The scan before protection: a DICOM folder or an image."""
    protected: Path | None = None
    """The same scan, protected; without it, the original is protected in memory first."""
    protector: str = DEFAULT_PROTECTOR
    """What protects in memory: mits-gan, wave, bias-field, keyed-wave; to compare with
    mits-gan-paper, tafim, the controls noise and offset; or one of your own."""
    weights: Path | None = None
    """A protector of your own; by default the one that ships with mitsgan."""
    output: Path | None = None
    """Write all numbers, for machines."""
    html: Path | None = None
    """Write a page that needs no network: the verdict, the numbers, and pictures."""
    picture: Path | None = None
    """Draw for each action the position of median disruption; removal at a known nodule."""

    def __post_init__(self) -> None:
        super().__post_init__()
        Reading.__post_init__(self)
        in_memory = {"weights": self.weights, "protector": self._another_protector}
        for name, value in in_memory.items():
            if self.protected is not None and value is not None:
                raise SettingsError(f"`{name}` protects in memory; leave it out, or PROTECTED")
        if self.picture is not None and not self.attack:
            raise SettingsError("`picture` shows tampering; do without `attack=False`")

    def command(self) -> str:
        """What makes the page again; files by name, not by where they lie."""
        from mitsgan.evaluate.report.command_line import command_line, told_of_reading
        from mitsgan.evaluate.verdict import evaluation_options
        from mitsgan.jobs.outputs import scan_name

        files = ("injector", "remover", "classifier", "lpips_weights", "weights", "html")
        return command_line(
            "evaluate",
            *(scan_name(path) for path in (self.original, self.protected) if path is not None),
            **evaluation_options(self.measured()),
            attackers=None if self.attackers == EvaluateSettings.attackers else self.attackers,
            attack=None if self.attack else False,
            protector=self._another_protector,
            **told_of_reading(self),
            **{name: getattr(self, name) for name in files},
        )

    @property
    def _another_protector(self) -> str | None:
        """The one that is asked for, if it is not the usual one."""
        return None if self.protector == DEFAULT_PROTECTOR else self.protector
