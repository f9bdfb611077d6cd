"""Give the original of a protected scan back, or refuse and say why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mitsgan.atomic import atomic_output, check_target, check_targets
from mitsgan.errors import OutputError, SettingsError
from mitsgan.jobs.entries import rounded
from mitsgan.jobs.restore.kept import files_within
from mitsgan.jobs.restore.result import Restoration
from mitsgan.jobs.restore.settings import RestoreFile
from mitsgan.jobs.seal import Passphrase, given_passphrase, passphrase_of, seal_path
from mitsgan.jobs.shared import AnyPath, check_exists, optional_path
from mitsgan.leftovers import sweep
from mitsgan.progress import Phases, Progress, Steps, silent

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from mitsgan.restore.payload import Payload
    from mitsgan.seal.format import SealedOriginal
    from mitsgan.seal.report import SealReport


def restore(
    scan: AnyPath,
    out: AnyPath,
    *,
    private_key: AnyPath,
    passphrase: bytes | str | None = None,
    original: AnyPath | None = None,
    seal: AnyPath | None = None,
    trust: AnyPath | None = None,
    progress: Progress = silent,
) -> Restoration:
    """Give the original of a protected scan back: every pixel, every attribute, its own UIDs.

    Args:
        scan: the protected scan, as it was written.
        out: the folder or the file to write; nothing is replaced.
        private_key: of one of the recipients, PEM.
        passphrase: of an encrypted key.
        original: the encrypted original; by default beside the scan, else within its files.
        seal: of the protected scan; by default that beside it, if there is one.
        trust: whom to believe the seal: PEM with certificates or a public key. With it there has to
            be a seal, of somebody who is trusted.
        progress: told how far it is.

    Raises:
        RestoreError: it cannot be given back as what it was, and why; nothing was written.
        MitsganError: see `restore_file`.
    """
    settings = RestoreFile(
        scan=Path(scan),
        out=Path(out),
        private_key=Path(private_key),
        original=optional_path(original),
        seal=optional_path(seal),
        trust=optional_path(trust),
    )
    ask = None if passphrase is None else given_passphrase(passphrase)
    return restore_file(settings, passphrase=ask, progress=progress)


def restore_file(
    settings: RestoreFile, *, passphrase: Passphrase | None = None, progress: Progress = silent
) -> Restoration:
    """Give the original of a protected scan back, from file to file.

    Args:
        settings: what is to be done.
        passphrase: asked for that of an encrypted key, where no file is named.
        progress: told how far it is.

    Raises:
        RestoreError: a wrong key; a scan, a seal or a kept original that was changed or is of
            another scan; a signer who is not trusted.
        SealError, SignatureError: the seal, its certificates or the key cannot be read.
        ScanError: the protected scan cannot be read.
        OutputError: the original cannot be written there.
    """
    from mitsgan.restore.envelope import load_private_key
    from mitsgan.restore.sidecar import sidecar_path

    check_exists(settings.scan)
    sweep(settings.out.parent)
    if settings.out.exists() or settings.out.is_symlink():
        raise OutputError(f"output {settings.out} exists, and is never replaced; choose another")
    check_target(settings.out, source=settings.scan)
    beside = sidecar_path(_named(settings.scan))
    ask = passphrase_of(settings.private_key, settings.passphrase_file, passphrase)
    key = load_private_key(settings.private_key, ask)
    phases = Phases(progress)
    if settings.original is None and not beside.exists():
        _refuse_several(settings.scan)
        files = files_within(settings.scan)
        if files:
            return _from_within(settings, files, key, phases)
    return _from_sidecar(settings, settings.original or beside, key, phases)


def _refuse_several(scan: Path) -> None:
    """Raise where a folder of scans was named, as protecting a whole tree leaves them."""
    from mitsgan.restore.errors import RestoreError
    from mitsgan.restore.sidecar import sidecar_path

    ending = sidecar_path(Path("a")).name[1:]
    names = sorted(path.name.removesuffix(ending) for path in scan.glob(f"?*{ending}"))
    kept = [name for name in names if (scan / name).exists()]
    if kept:
        raise RestoreError(
            f"{scan} is a folder of {len(kept)} scan(s) whose originals lie beside them; restore "
            f"one at a time, such as {scan / kept[0]}"
        )


def _from_within(
    settings: RestoreFile, files: int, key: RSAPrivateKey, phases: Phases
) -> Restoration:
    """From the encrypted attributes of the DICOM files."""
    from mitsgan.files.dicom.write.series import DICOM_SUFFIXES
    from mitsgan.restore.restore import check_dicom_form
    from mitsgan.restore.within import restore_within

    check_dicom_form(files, settings.out)
    vouched = _check_seal(settings, None, settings.scan, phases)
    folder = not settings.out.name.lower().endswith(DICOM_SUFFIXES)
    with (
        phases.phase("restore", f"restoring {settings.out}") as step,
        atomic_output(settings.out, folder=folder) as temporary,
    ):
        original = None if vouched is None else vouched.original.digest
        slices, digest = restore_within(settings.scan, temporary, key, original, step)
    return _result(settings, vouched, slices, digest, phases)


def _from_sidecar(
    settings: RestoreFile, sidecar: Path, key: RSAPrivateKey, phases: Phases
) -> Restoration:
    """From the file that was kept beside the protected scan."""
    from mitsgan.restore.envelope import decrypt
    from mitsgan.restore.payload import Payload
    from mitsgan.restore.restore import check_form, companions_of, is_folder, restore_original
    from mitsgan.restore.sidecar import read_sidecar

    envelope, encrypted = read_sidecar(sidecar)
    vouched = _check_seal(settings, encrypted, sidecar, phases)
    with phases.phase("decrypt", f"decrypting {sidecar}"):
        payload = Payload.from_bytes(decrypt(envelope, key, str(sidecar)), str(sidecar))
        _check_sealed(payload, vouched, sidecar)
    description, together = payload.description, companions_of(payload.description)
    check_form(description, settings.out)
    folder = is_folder(description, settings.out)
    check_targets(settings.out, together, folder=folder, source=settings.scan)
    with (
        phases.phase("restore", f"restoring {settings.out}") as step,
        atomic_output(settings.out, folder=folder, companions=together) as temporary,
    ):
        restore_original(settings.scan, payload, temporary, step)
    return _result(settings, vouched, description.shape[0], description.original, phases)


def _result(
    settings: RestoreFile, vouched: _Vouched | None, slices: int, original: str, phases: Phases
) -> Restoration:
    report = None if vouched is None else vouched.report
    return Restoration(
        source=str(settings.scan),
        output=str(settings.out),
        slices=slices,
        original=original,
        sealed=vouched is not None,
        signer=None if report is None else report.signer or report.fingerprint,
        trusted=None if report is None else report.trusted,
        notes=_notes(vouched),
        seconds=rounded(phases.seconds),
    )


@dataclass(frozen=True)
class _Vouched:
    """What a seal says of the original, and what it came to on the protected scan."""

    original: SealedOriginal
    report: SealReport
    path: Path


def _check_seal(
    settings: RestoreFile, encrypted: str | None, sidecar: Path, phases: Phases
) -> _Vouched | None:
    """What the seal vouches for; None where there is none.

    Args:
        settings: what is restored.
        encrypted: digest of what was kept beside the scan; None where it comes from within.
        sidecar: where the original comes from.
        phases: told how far it is.

    Raises:
        RestoreError: it was changed, is of another scan or of another original, or its signer is
            not trusted.
    """
    from mitsgan.restore.errors import RestoreError
    from mitsgan.seal.format import read_seal

    beside = seal_path(_named(settings.scan))
    path = settings.seal or (beside if beside.exists() else None)
    if path is None:
        if settings.trust is not None:
            raise SettingsError(
                f"`trust` says whom to believe a seal, but there is none at {beside}; give `seal`, "
                f"or leave `trust` out"
            )
        return None
    original = read_seal(path).original
    if original is None:
        raise RestoreError(
            f"{path} does not say what the original was: it was made without one; give the seal "
            f"that was written together with {sidecar}"
        )
    if encrypted is not None and original.encrypted != encrypted:
        raise RestoreError(
            f"{sidecar} is not the original that {path} was made with: it was exchanged, or one of "
            f"the two is of another scan; give the two that were written together"
        )
    with phases.phase("seal", f"comparing {settings.scan} with {path}") as step:
        return _Vouched(original, _verified(settings, path, step), path)


def _verified(settings: RestoreFile, path: Path, step: Steps) -> SealReport:
    """What the seal says of the protected scan, which has to be as it was sealed."""
    from mitsgan.restore.errors import RestoreError
    from mitsgan.seal.trust import Trust
    from mitsgan.seal.verify import verify_seal

    trust = None if settings.trust is None else Trust.load(settings.trust)
    report = verify_seal(settings.scan, path, trust, progress=step)
    if report.content is not None and not report.findings:  # looks like it, and is not the same
        raise RestoreError(
            f"{settings.scan} is not bit for bit what was sealed in {path}: it was coded with "
            f"loss or made anew since; give the scan and the seal as they were written"
        )
    if report.findings:
        more = f", and {len(report.findings) - 1} more" if len(report.findings) > 1 else ""
        raise RestoreError(
            f"{settings.scan} is not as it was sealed in {path}: {report.findings[0].text}{more}; "
            f"give the scan and the seal as they were written"
        )
    if trust is not None and report.trusted is None:
        raise RestoreError(
            f"{path} was signed by {report.signer or report.fingerprint}, who is not trusted by "
            f"{settings.trust}; give the certificate or the public key of whom you trust"
        )
    return report


def _check_sealed(payload: Payload, vouched: _Vouched | None, sidecar: Path) -> None:
    from mitsgan.restore.errors import RestoreError

    if vouched is not None and payload.description.original != vouched.original.digest:
        raise RestoreError(
            f"{sidecar} holds another original than the one that {vouched.path} was made with; "
            f"give the two that were written together"
        )


def _notes(vouched: _Vouched | None) -> tuple[str, ...]:
    if vouched is None:
        return (
            "there is no seal: that this is the original, only what was kept of it says; whoever "
            "has a recipient's public key could have made that",
        )
    if vouched.report.trusted is None:
        return (
            "no trusted certificate or key was given, so the signer of the seal may be anybody",
        )
    return ()


def _named(scan: Path) -> Path:
    """A path with a name of its own, beside which other files lie."""
    return scan if scan.name else scan.absolute()
