"""Protect scans in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mitsgan.errors import DeviceError, SettingsError
from mitsgan.jobs.device import choose_device, full_memory, may_have_gpu
from mitsgan.jobs.protect.derivation import derivation
from mitsgan.jobs.protect.notes import NO_SECRET, protection_notes
from mitsgan.jobs.protect.protected import Protected, scan_of
from mitsgan.jobs.protect.refinement import Refinement
from mitsgan.jobs.protect.settings import MARK_HU, PGD, ProtectSettings
from mitsgan.jobs.shared import AnyPath, optional_path
from mitsgan.perturb import Budget, Perturbation, apply_perturbations
from mitsgan.progress import Phases, Progress, silent
from mitsgan.protect.protector import PROTECTORS, Protector
from mitsgan.protect.registry import Identity, identify, load_protector
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan
from mitsgan.settings import DEFAULT_PROTECTOR

if TYPE_CHECKING:
    import torch

    from mitsgan.mark import Key, Mark


@dataclass(frozen=True, eq=False)
class Protection:
    """A protection that is ready: weights are loaded once, and serve any number of scans.

    Attributes:
        settings: as they were given.
        perturbation: of the protector; None for one that starts from random numbers.
        protector: its name, weights, seed and device.
        device: where protector and refinement compute; None on the processor, where nothing but the
            protector itself may need torch.
        key: to mark with, if there is to be a mark.
    """

    settings: ProtectSettings
    perturbation: Perturbation | None
    protector: Identity
    device: torch.device | None
    key: Key | None = None

    @classmethod
    def load(cls, settings: ProtectSettings, key: Key | None = None) -> Protection:
        """Load the protector that settings name.

        Raises:
            SettingsError: settings that do not go with a key, or with none.
            DeviceError: see `choose_device`.
            WeightsError: see `mitsgan.protect.registry.load_protector`.
        """
        settings.check_mark(key is not None)
        device = _device(settings)
        if settings.protector == PGD:
            who = Identity(PGD, "PGD", settings.seed, None, str(device), "float32")
            return cls(settings, None, who, device, key)
        perturbation = load_protector(
            settings.protector,
            weights=settings.weights,
            seed=settings.seed,
            device="cpu" if device is None else device,
        )
        who = identify(perturbation)
        if settings.weights is not None:
            who = replace(who, file=settings.weights.stem)
        return cls(settings, perturbation, who, device, key)

    def __reduce__(self) -> tuple[Any, ...]:
        """For another process, which loads the weights: no pickle holds a network that runs."""
        return Protection.load, (self.settings, self.key)

    def protect(
        self, scan: Scan, *, checkpoint: Path | None = None, progress: Progress = silent
    ) -> Protected:
        """Protect a scan, which is not modified.

        Args:
            scan: the scan.
            checkpoint: keeps an optimisation for this scan, to go on with; see `optimize`.
            progress: told how far it is.

        Raises:
            SettingsError: it is no scan, or one that `mitsgan.protect` gave.
            ScanError, PositionError: it cannot be optimised for this scan.
            BudgetError: the budget is smaller than one stored step.
            IdentityError: the mark cannot be bound to the series.
            DeviceError: the device's memory is full.
        """
        _check_scan(scan)
        budget = self.settings.budget(marked=self.key is not None)
        refinement = Refinement.of(self.settings)
        phases = Phases(progress)
        axial = canonical(scan)
        try:
            perturbation = self._for(axial, budget, refinement, checkpoint, phases)
            parts, mark = self._with_mark(axial, perturbation)
            with phases.phase("protect", f"protecting {_name(scan)}") as step:
                moved = apply_perturbations(scan, parts, budget, progress=step)
        except full_memory() as error:
            raise DeviceError(
                f"the memory of {self.device} is full; give `device=cpu`, or free the GPU"
            ) from error
        detection = None
        notes = list(protection_notes(axial, budget, moved.rms_hu))
        if self.secret and mark is None:
            notes.append(NO_SECRET)
        if mark is not None:
            from mitsgan.jobs.protect.mark_check import check_mark, mark_notes

            with phases.phase("verify", f"verifying the mark of {_name(scan)}") as step:
                detection = check_mark(moved.scan, mark, step)
            notes += mark_notes(detection)
        return Protected(
            scan=moved.scan,
            derivation=derivation(self.protector, budget, moved.scan, mark is not None, refinement),
            protector=self.protector,
            budget=budget,
            mark_hu=None if mark is None else mark.strength_hu,
            detection=detection,
            refinement=refinement,
            largest_hu=moved.largest_hu,
            rms_hu=moved.rms_hu,
            voxels=moved.voxels,
            seconds=phases.seconds,
            notes=tuple(notes),
        )

    def _for(
        self,
        scan: Scan,
        budget: Budget,
        refinement: Refinement | None,
        checkpoint: Path | None,
        phases: Phases,
    ) -> Perturbation:
        """The protector as it is, or optimised for the scan."""
        start = self._drawn_for(scan)
        if refinement is not None:
            from mitsgan.jobs.protect.refine import refine

            with phases.phase("optimize", "optimising for this scan") as step:
                device = self.device or choose_device("cpu")
                return refine(refinement, scan, budget, start, device, step, checkpoint)
        if start is None:
            raise SettingsError("a perturbation without a protector is optimised; say how long")
        return start

    def _drawn_for(self, scan: Scan) -> Perturbation | None:
        """The protector as it was loaded; one whose seed is its secret, drawn from the key."""
        if self.key is None or not self.secret:
            return self.perturbation
        from mitsgan.mark.pattern import series_key

        purpose = f"{self.protector.name} {self.settings.seed}"
        drawn = series_key(self.key, self._identity(scan), purpose)
        return cast(Protector, self.perturbation).with_seed(int.from_bytes(drawn))

    @property
    def secret(self) -> bool:
        """Whether the seed of the protector is what hides it."""
        return isinstance(self.perturbation, Protector) and self.perturbation.secret

    def _identity(self, scan: Scan) -> str:
        """Of the series, to which a mark is bound, and what else is drawn from the key."""
        from mitsgan.mark import series_identity

        return self.settings.identity or series_identity(scan)

    def _with_mark(
        self, scan: Scan, perturbation: Perturbation
    ) -> tuple[list[Perturbation], Mark | None]:
        """With a key the mark, too, which gets its room."""
        if self.key is None:
            return [perturbation], None
        from mitsgan.mark import Mark, WithMark

        mark = Mark(self.key, self._identity(scan), self.settings.mark_hu)
        return [WithMark(mark, (perturbation,))], mark


def protect(
    scan: Scan,
    *,
    max_hu: float = 10.0,
    noise_fraction: float | None = None,
    seed: int = 0,
    device: str = "auto",
    protector: str = DEFAULT_PROTECTOR,
    weights: AnyPath | None = None,
    refine: float | None = None,
    refine_steps: int | None = None,
    candidates: bool = False,
    nodules: tuple[AnyPath, ...] = (),
    readers: int = 3,
    attackers: tuple[str, ...] = (),
    varied: bool = False,
    mark_hu: float = MARK_HU,
    identity: str | None = None,
    key: Key | AnyPath | None = None,
    checkpoint: AnyPath | None = None,
    progress: Progress = silent,
) -> Protected:
    """Protect a scan in memory.

    Who protects many scans alike loads the weights once, with `Protection.load`.

    Args:
        scan: not modified.
        max_hu: the budget: no stored voxel moves further. Padding stays as it is.
        noise_fraction: of the scan's own noise around it, by which a voxel may move at most; with a
            key, 1.5 times the mark's strength is allowed anywhere.
        seed: of what the protector draws at random; the same one, the same result. With a key a
            bias field is drawn from that as well.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        protector: its name, see `mitsgan.protect.registry`; or ``pgd``.
        weights: a file of the protector's own kind; by default those that ship.
        refine, refine_steps: go on to optimise for this scan, for seconds or gradient steps.
        candidates: spend that time around places that look like nodules.
        nodules: spend it around nodules that these lists tell of instead.
        readers: how many of LIDC's four readers must have marked one.
        attackers: pairs to optimise against, see `mitsgan.attack.ATTACKERS`; by default textured,
            smooth and narrow around known places, else textured.
        varied: attack somewhat otherwise in every step.
        mark_hu: strength of the mark, RMS over the body.
        identity: a name for the series that the mark is bound to; by default its source tells it.
        key: to mark the scan with, or its file.
        checkpoint: a file that keeps the optimisation, to go on from where it was interrupted; who
            has kept the result may delete it.
        progress: told how far it is.

    Raises:
        SettingsError: settings that make no sense, alone or together.
        BudgetError: a budget that makes no sense, or is smaller than one stored step.
        MitsganError: see `Protection.load` and `Protection.protect`.

    Examples:
        >>> import mitsgan as mg
        >>> from mitsgan.phantom.chest import chest
        >>> scan = chest((16, 64, 64), (6.0, 5.6, 5.6))
        >>> protected = mg.protect(scan, max_hu=5, protector="noise")
        >>> protected.largest_hu
        5.0
    """
    settings = ProtectSettings(
        max_hu=max_hu,
        noise_fraction=noise_fraction,
        seed=seed,
        device=device,
        protector=protector,
        weights=optional_path(weights),
        refine=refine,
        refine_steps=refine_steps,
        candidates=candidates,
        nodules=tuple(map(Path, nodules)),
        readers=readers,
        attackers=attackers,
        varied=varied,
        mark_hu=mark_hu,
        identity=identity,
    )
    if key is not None:
        from mitsgan.mark import Key

        key = Key.of(key)
    settings.check_checkpoint(checkpoint is not None)
    protection = Protection.load(settings, key)
    return protection.protect(scan, checkpoint=optional_path(checkpoint), progress=progress)


def _check_scan(given: object) -> None:
    """Raise `SettingsError` where this is nothing to protect."""
    scan_of(given)
    if isinstance(given, Protected):
        raise SettingsError(
            "this scan is protected: what is added to it once more is beyond the budget of the "
            "first time; give the original, or `protected.scan` to do it all the same"
        )


def _device(settings: ProtectSettings) -> torch.device | None:
    """Where to compute; None on the processor, where nothing else asks for torch.

    Raises:
        DeviceError: see `choose_device`.
        SettingsError, ExtensionError: see `load_protector`.
    """
    if settings.refines or settings.device not in ("auto", "cpu"):
        return choose_device(settings.device)
    if settings.device == "cpu" or not may_have_gpu():
        return None
    return choose_device("auto") if PROTECTORS.get(settings.protector).on_device else None


def _name(scan: Scan) -> str:
    """A scan for people: where it came from."""
    path = None if scan.source is None else scan.source.path
    return "the scan" if path is None else str(path)
