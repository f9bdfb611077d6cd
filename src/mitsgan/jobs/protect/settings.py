"""How a scan is to be protected, in memory or from file to file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mitsgan.errors import SettingsError
from mitsgan.jobs.shared import CtInput, Overwriting, Signing
from mitsgan.settings import DEFAULT_PROTECTOR, Settings, at_least

if TYPE_CHECKING:
    from mitsgan.perturb import Budget

VISIBLE_HU = 50.0
"""Above this a perturbation is no longer hidden in what a reader sees."""

PGD = "pgd"
"""The protector that is optimised from random numbers."""

MARK_HU = 3.0
"""Strength of a mark, unless told otherwise."""

_LEAST_FOR_MARK = 1.5
"""Of the mark's strength, what each voxel may move by, however quiet the scan is there. Without it,
verifying takes the quietest places of untouched scans for tampered ones."""


@dataclass(frozen=True, kw_only=True)
class ProtectSettings(Settings):
    """How a scan is protected.

    Raises:
        SettingsError: settings that make no sense, alone or together.
        BudgetError: a budget, or a strength of the mark, that is no number of HU above 0.
    """

    max_hu: float = 10.0
    """The budget: no stored voxel moves further. Padding stays as it is."""
    noise_fraction: float | None = None
    """No voxel moves by more than this part of the scan's own noise around it, e.g. 0.5 with a
    budget of 30 HU; noise is measured on the scan. With a key, 1.5 times the mark's strength is
    allowed anywhere."""
    seed: int = 0
    """Of what a protector draws at random, such as the phase of waves; the same one, the same
    result. mits-gan hardly depends on it."""
    device: str = "auto"
    """Where to compute; auto takes a GPU if there is one."""
    protector: str = DEFAULT_PROTECTOR
    """Another one: mits-gan, wave, bias-field, keyed-wave; to compare with mits-gan-paper,
    tafim, pgd (optimised from random numbers for as long as is said), the controls noise and
    offset; or one of your own."""
    weights: Path | None = None
    """A protector of your own; by default the one that ships with mitsgan."""
    refine: float | None = None
    """Go on to optimise the perturbation for this scan, for so many seconds."""
    refine_steps: int | None = None
    """The same by gradient steps of 8 positions, so that the result repeats."""
    candidates: bool = False
    """Spend that time around the places that look like nodules, against removal."""
    nodules: tuple[Path, ...] = ()
    """With `refine`, optimise around the nodules of these lists, against removal: .csv, .json or
    LIDC's .xml as `mitsgan data cubes` takes them, a DICOM report or segmentation."""
    readers: int = 3
    """How many of LIDC's four readers must have marked a nodule."""
    attackers: tuple[str, ...] = ()
    """The pairs to optimise against, in turn: textured, smooth, narrow, residual, diffusion, or one
    of your own. By default the first three around candidates and nodules, else textured."""
    varied: bool = False
    """Attack somewhat otherwise in every step, so that the result carries over a little better to
    attackers that are not named."""
    mark_hu: float = MARK_HU
    """Strength of the mark, RMS over the body; no voxel gets more than half the budget of it, or
    all of a budget that follows the noise."""
    identity: str | None = None
    """A name for the series that its mark is bound to; by default the header tells it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("seed", self.seed, 0)
        _ = self.budget()
        self._check_protector()
        self._check_refinement()

    def budget(self, marked: bool = False) -> Budget:
        """How far a voxel may move; a mark gets what it needs where the scan is quiet."""
        from mitsgan.perturb import Budget

        if self.noise_fraction is None or not marked:
            return Budget(self.max_hu, self.noise_fraction)
        return Budget(self.max_hu, self.noise_fraction, _LEAST_FOR_MARK * self.mark_hu)

    @property
    def refines(self) -> bool:
        """Whether the perturbation is optimised for each scan."""
        return self.refine is not None or self.refine_steps is not None

    def check_mark(self, has_key: bool) -> None:
        """Raise `SettingsError` where settings do not go with a mark, or with none."""
        if not has_key and (self.mark_hu != MARK_HU or self.identity is not None):
            raise SettingsError("`mark_hu` and `identity` belong to a mark; give `key` too")

    def check_checkpoint(self, is_given: bool) -> None:
        """Raise `SettingsError` where a checkpoint is given, and nothing is optimised."""
        if is_given and not self.refines:
            raise SettingsError(
                "`checkpoint` keeps an optimisation; say how long that is: `refine=300`"
            )

    def _check_protector(self) -> None:
        """A node or an archive would tell a misspelt one only in the failure of every series."""
        if self.protector not in (DEFAULT_PROTECTOR, PGD):
            from mitsgan.protect.protector import PROTECTORS

            PROTECTORS.check(self.protector)

    def _check_refinement(self) -> None:
        if self.refine is not None and self.refine_steps is not None:
            raise SettingsError("`refine` and `refine_steps` both say how long; give one of them")
        if not self.refines:
            if self.protector == PGD:
                raise SettingsError(
                    "`protector=pgd` optimises a perturbation; say how long: `refine=300`"
                )
            if self.candidates or self.nodules:
                name = "candidates" if self.candidates else "nodules"
                raise SettingsError(
                    f"`{name}` needs time to optimise around them; give `refine=300`"
                )
            if self.attackers:
                raise SettingsError(
                    "`attackers` says against whom to optimise; say how long: `refine=300`"
                )
            if self.varied:
                raise SettingsError("`varied` says how to optimise; say how long: `refine=300`")
        if self.candidates and self.nodules:
            raise SettingsError(
                "`candidates` and `nodules` both say where removals are expected; give one of them"
            )
        at_least("readers", self.readers, 1)
        at_least("refine", 1 if self.refine is None else self.refine, 1)
        at_least("refine_steps", 1 if self.refine_steps is None else self.refine_steps, 1)
        if self.protector == PGD and self.weights is not None:
            raise SettingsError(f"`weights` {self.weights}: pgd has no weights; leave them out")


@dataclass(frozen=True, kw_only=True)
class Protecting(Signing, ProtectSettings):
    """As `ProtectSettings`, for scans that are written: with key and signature.

    Raises:
        SettingsError: settings that make no sense, alone or together, or a budget that a reader
            sees and nobody meant.
    """

    key: Path | None = None
    """Mark the scan with the key in this file, within the budget, so that verifying finds
    tampering."""
    sign: Path | None = None
    """Seal what is written with this private key; the seal is OUT.seal.json."""
    yes_visible: bool = False
    """Do protect by more than 50 HU, which a reader sees; not needed if the original is kept."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_hu > VISIBLE_HU and not (self.yes_visible or self.keeps_original):
            raise SettingsError(
                f"`max_hu={self.max_hu:g}` is beyond {VISIBLE_HU:g} HU: readers see it, lesions "
                f"change their looks; give a smaller one, {self._acknowledged}"
            )
        self.check_mark(self.key is not None)
        self.check_signs(self.sign)

    @property
    def keeps_original(self) -> bool:
        """Whether whoever may have the original has it back."""
        return False

    @property
    def _acknowledged(self) -> str:
        """What lets a budget be that readers see."""
        return "or give `yes_visible=True` if it is meant"


@dataclass(frozen=True, kw_only=True)
class RestorablyProtecting(Protecting):
    """As `Protecting`, with the original kept where that is asked for.

    Raises:
        SettingsError: settings that make no sense, alone or together.
    """

    restorable: tuple[Path, ...] = ()
    """Keep the original, encrypted to these recipients (a certificate or a public key each, RSA),
    in OUT.original.p7m; any of them can have it back."""
    restorable_form: Literal["residual", "full"] = "residual"
    """residual: keep what differs, in OUT.original.p7m. full: also keep the original whole within
    each DICOM file, as the standard has it, so that other software restores it; it doubles."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.restorable_form != "residual" and not self.restorable:
            raise SettingsError("`restorable_form` says how an original is kept; give `restorable`")

    @property
    def keeps_original(self) -> bool:
        return bool(self.restorable)

    @property
    def _acknowledged(self) -> str:
        return f"keep the original with `restorable`, {super()._acknowledged}"


@dataclass(frozen=True, kw_only=True)
class ProtectFile(Overwriting, RestorablyProtecting, CtInput):
    """As `RestorablyProtecting`, from a scan on disk to a protected one."""

    out: Path
    """The folder or, by its ending, the image file to write: whole, or not at all."""
    new_uids: bool = False
    """Write DICOM under UIDs that are all new, where an anonymiser emptied those of the source."""
    checkpoint: Path | None = None
    """Save the optimisation in this file every minute and where it is interrupted; the same command
    goes on from there. It is deleted once the scan is written."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_checkpoint(self.checkpoint is not None)
