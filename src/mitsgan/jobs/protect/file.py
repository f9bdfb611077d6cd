"""A scan on disk in, the protected scan on disk out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.errors import OutputError
from mitsgan.files import check_derivable, check_output, read_scan, writing
from mitsgan.jobs.entries import Grid, rounded
from mitsgan.jobs.outputs import check_file
from mitsgan.jobs.protect import result
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.jobs.restore.keeping import Keeping
from mitsgan.jobs.seal import Passphrase, Sealing, seal_path
from mitsgan.leftovers import sweep
from mitsgan.progress import Phases, Progress, silent

if TYPE_CHECKING:
    from mitsgan.jobs.protect.protected import Protected
    from mitsgan.jobs.protect.protection import Protection
    from mitsgan.perturb import Budget


def protect_file(
    settings: ProtectFile,
    *,
    protection: Protection | None = None,
    passphrase: Passphrase | None = None,
    progress: Progress = silent,
) -> result.ProtectionResult:
    """Protect a scan from file to file, and seal what was written if that is asked for.

    Whatever can fail without the scan fails before it is read; the output is whole or not there.

    Args:
        settings: what is to be done.
        protection: of the same settings, if it is loaded already.
        passphrase: asked for that of an encrypted key, where no file is named.
        progress: told how far it is.

    Raises:
        ScanError: the scan cannot be read.
        OutputError: the output cannot be written there.
        RestoreError: the original cannot be kept.
        MitsganError: see `Protection.load`, `Protection.protect` and `Signer.load`.
    """
    phases = Phases(progress)
    settings.check_scan()
    check_out(settings.out, settings.overwrite, settings.scan)
    if settings.checkpoint is not None and not settings.checkpoint.exists():
        where = {"source": settings.scan, "beside": settings.out}
        check_file(settings.checkpoint, False, "checkpoint", **where)
    sealing = None
    if settings.sign is not None:
        path = seal_path(settings.out)
        sealing = Sealing.prepare(
            path, settings.sign, settings, settings.overwrite, settings.out, passphrase
        )
    keeping = Keeping.prepare(
        settings.restorable,
        settings.scan,
        settings.out,
        settings.overwrite,
        settings.restorable_form == "full",
    )
    if protection is None:
        protection = load_protection(settings)
    phases.seconds["start"] = phases.elapsed

    with phases.phase("read", f"reading {settings.scan}") as step:
        scan = read_scan(settings.scan, settings, new_uids=settings.new_uids, progress=step)
    check_derivable(scan, settings.out)
    if keeping is not None:
        keeping.check(scan.source)
    protected = protection.protect(scan, checkpoint=settings.checkpoint, progress=progress)
    del scan  # its voxels: from here on those of the result are needed, and memory for a third copy
    phases.seconds.update(protected.seconds)
    restorable = _write(settings, protected, sealing, keeping, phases)
    if settings.checkpoint is not None:  # not before: a full disk must not cost hours
        settings.checkpoint.unlink(missing_ok=True)
    return _result(settings, protected, restorable, phases)


def _write(
    settings: ProtectFile,
    protected: Protected,
    sealing: Sealing | None,
    keeping: Keeping | None,
    phases: Phases,
) -> result.RestorableEntry | None:
    """Write the scan, its original if that is kept, and its seal if asked for: all, or none."""
    restorable, original = None, None
    with ExitStack() as stack:
        with phases.phase("write", f"writing {settings.out}") as step:
            written = stack.enter_context(
                writing(
                    protected.scan,
                    settings.out,
                    derivation=protected.derivation,
                    largest_hu=settings.max_hu,
                    overwrite=settings.overwrite,
                    beside=[one.path.name for one in (keeping, sealing) if one is not None],
                    progress=step,
                )
            )
        if keeping is not None:
            with phases.phase("keep", f"keeping the original of {settings.out}") as step:
                restorable, original = keeping.keep(protected.scan.source, written, step)
        if sealing is not None:
            with phases.phase("seal", f"sealing {settings.out}") as step:
                sealing.seal(written, beside=written, original=original, progress=step)
    return restorable


def load_protection(settings: ProtectFile) -> Protection:
    """What `protect_file` loads before it reads a scan: key, weights, device.

    Raises:
        MarkKeyError: see `mitsgan.mark.Key.load`.
        MitsganError: see `Protection.load`.
    """
    from mitsgan.jobs.protect.protection import Protection

    if settings.key is None:  # what marks takes a while to import
        return Protection.load(settings)
    from mitsgan.mark import Key

    return Protection.load(settings, Key.load(settings.key))


def check_out(out: Path, overwrite: bool, scan: Path) -> None:
    """Raise `OutputError` where a scan could not be written: before the work, not after."""
    sweep(out.parent)
    if out.exists() and not overwrite and not out.samefile(scan):
        raise OutputError(f"output {out} exists; choose another, or replace it with `overwrite`")
    check_output(out, overwrite, source=scan)


def _budget(budget: Budget) -> result.BudgetEntry:
    return result.BudgetEntry(budget.max_hu, "HU", budget.noise_fraction, budget.least_hu)


def _mark(protected: Protected) -> result.MarkEntry | None:
    """Of the mark, and of what it verifies as."""
    mark_hu, detection = protected.mark_hu, protected.detection
    if mark_hu is None or detection is None:
        return None
    return result.MarkEntry(mark_hu, "HU", detection.verdict.value, detection.verified)


def _result(
    settings: ProtectFile,
    protected: Protected,
    restorable: result.RestorableEntry | None,
    phases: Phases,
) -> result.ProtectionResult:
    """The run in numbers."""
    who, scan = protected.protector, protected.scan
    grid = Grid.of(scan)
    return result.ProtectionResult(
        source=str(settings.scan),
        output=str(settings.out),
        protector=who.name,
        weights=who.weights(settings.weights),
        seed=who.seed,
        budget=_budget(protected.budget),
        refinement=None if protected.refinement is None else protected.refinement.entry(),
        mark=_mark(protected),
        scan=result.ProtectedGrid(
            *(grid.shape, grid.spacing_mm, grid.origin_lps_mm, grid.axes_lps),
            voxels=protected.voxels,
            padding_voxels=scan.stored.size - protected.voxels,
        ),
        change=result.ChangeEntry(protected.largest_hu, protected.rms_hu, "HU"),
        restorable=restorable,
        seal=None if settings.sign is None else seal_path(settings.out).name,
        notes=(*scan.notes, *protected.notes, *_of_others(settings)),
        seconds=rounded(phases.seconds),
        device=who.device,
        precision=who.precision,
    )


def _of_others(settings: ProtectFile) -> Iterator[str]:
    """What lies beside the output under the names of its own files, and is not of this scan."""
    from mitsgan.restore.sidecar import sidecar_path

    seal, sidecar = seal_path(settings.out), sidecar_path(settings.out)
    if settings.sign is None and seal.exists():
        yield f"{seal} was there before, and seals another scan than this one; remove it"
    if not settings.restorable and sidecar.exists():
        yield (
            f"{sidecar} was there before: no original comes back from it and this scan; remove it, "
            "or bring back the protected scan that it was written with"
        )
