"""Seal a scan on disk: sign what it is, so that any change can be found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mitsgan import __version__
from mitsgan.atomic import check_target
from mitsgan.errors import SettingsError
from mitsgan.jobs.entries import rounded
from mitsgan.jobs.shared import AnyPath, Overwriting, ScanInput, Signing, optional_path
from mitsgan.progress import Phases, Progress, Steps, silent
from mitsgan.reading import Choice
from mitsgan.result import Result

if TYPE_CHECKING:
    from mitsgan.seal.format import SealedOriginal
    from mitsgan.seal.signature import Signer

Passphrase = Callable[[Path], bytes]
"""Gives the passphrase of an encrypted key, of which it is told the file."""


@dataclass(frozen=True, kw_only=True)
class SealFile(Overwriting, Signing, ScanInput):
    """What is sealed, and by whom."""

    sign: Path
    """The private key to sign with: Ed25519, RSA or ECDSA, in PEM; it may hold its certificate."""
    output: Path | None = None
    """The seal to write; by default SCAN.seal.json beside the scan."""
    dicom_signature: Path | None = None
    """Also write copies with a DICOM digital signature each to this folder (PS3.15 annex C; an RSA
    key)."""


@dataclass(frozen=True, kw_only=True)
class Sealed(Result):
    """A seal that was written.

    Attributes:
        seal: its file.
        slices: how many slices it is of.
        sketch: whether it holds a sketch; what is no whole CT scan in HU has none.
        signer: for people: the certificate's subject, and the key's fingerprint.
        notes: what is to be known of the result, a sentence each.
        seconds: of each phase.
    """

    KIND: ClassVar[str] = "sealing"

    version: str = __version__
    seal: str
    slices: int
    sketch: bool
    signer: str
    notes: tuple[str, ...]
    seconds: dict[str, float]


def seal_file(
    settings: SealFile, *, passphrase: Passphrase | None = None, progress: Progress = silent
) -> Sealed:
    """Seal a scan as it lies on disk; it is not changed.

    Args:
        settings: what is to be done.
        passphrase: asked for that of an encrypted key, where no file is named.
        progress: told how far it is.

    Raises:
        ScanError: the scan cannot be read.
        SignatureError: the key or the certificate is of no use.
        SettingsError: a DICOM signature for what is no DICOM, or a seal within the copies.
        OutputError: the seal or the copies cannot be written there.
    """
    phases = Phases(progress)
    settings.check_scan()
    scan = settings.scan if settings.scan.name else settings.scan.absolute()
    sealing = Sealing.prepare(
        settings.output or seal_path(scan),
        settings.sign,
        settings,
        settings.overwrite,
        settings.scan,
        passphrase,
    )
    if settings.dicom_signature is not None:
        _check_copies(settings.scan, settings.dicom_signature, sealing)
        with phases.phase("copy", f"signing copies of {settings.scan}") as step:
            _write_copies(settings.scan, settings.dicom_signature, sealing, settings, step)
    notes: list[str] = []
    with phases.phase("seal", f"sealing {settings.scan}") as step:
        slices, sketch = sealing.seal(
            settings.scan, choice=settings, progress=step, tell=notes.append
        )
    return Sealed(
        seal=str(sealing.path),
        slices=slices,
        sketch=sketch,
        signer=sealing.who,
        notes=tuple(notes),
        seconds=rounded(phases.seconds),
    )


def seal(
    scan: AnyPath,
    *,
    sign: AnyPath,
    certificate: AnyPath | None = None,
    passphrase: bytes | str | None = None,
    out: AnyPath | None = None,
    dicom_signature: AnyPath | None = None,
    sketch: bool = True,
    series: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Sealed:
    """Seal a scan as it lies on disk: sign what it is, so that `mitsgan.verify` finds any change.

    Args:
        scan: a folder with a DICOM series, a DICOM file or an image; it is not changed.
        sign: the private key, PEM: Ed25519, RSA or ECDSA; it may hold its certificate.
        certificate: that of the key, and those above it, PEM; kept in the seal.
        passphrase: of an encrypted key.
        out: the seal to write; by default beside the scan.
        dicom_signature: a folder for copies with a DICOM digital signature each.
        sketch: seal a coarse picture of what the scan shows, too, so that processing is later told
            from tampering.
        series: the *Series Instance UID* to seal, where a folder holds several.
        overwrite: replace the seal, and the copies, of an earlier run.
        progress: told how far it is.

    Raises:
        MitsganError: see `seal_file`.
    """
    settings = SealFile(
        scan=Path(scan),
        sign=Path(sign),
        certificate=optional_path(certificate),
        output=optional_path(out),
        dicom_signature=optional_path(dicom_signature),
        sketch=sketch,
        series=series,
        overwrite=overwrite,
    )
    ask = None if passphrase is None else given_passphrase(passphrase)
    return seal_file(settings, passphrase=ask, progress=progress)


@dataclass(frozen=True)
class Sealing:
    """A seal to be: who signs it, and where it is written."""

    signer: Signer
    path: Path
    overwrite: bool
    sketch: bool = True

    @classmethod
    def prepare(
        cls,
        path: Path,
        key: Path,
        signing: Signing,
        overwrite: bool,
        source: Path,
        passphrase: Passphrase | None = None,
    ) -> Sealing:
        """Load the signer, and see that the seal can be written: before the work, not after.

        Args:
            path: where the seal is to be.
            key: the private key.
            signing: what belongs to it.
            overwrite: whether an earlier seal may be replaced.
            source: the scan, in which the seal must not lie.
            passphrase: asked for that of an encrypted key, where no file is named.

        Raises:
            SettingsError: no passphrase for an encrypted key.
            SignatureError: the key or the certificate is of no use.
            OutputError: the seal cannot be written there.
        """
        from mitsgan.seal.signature import Signer

        check_target(path, overwrite, folder=False, source=source)
        ask = passphrase_of(key, signing.passphrase_file, passphrase)
        return cls(Signer.load(key, signing.certificate, ask), path, overwrite, signing.sketch)

    def seal(
        self,
        scan: Path,
        *,
        choice: Choice | None = None,
        beside: Path | None = None,
        original: SealedOriginal | None = None,
        progress: Steps | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> tuple[int, bool]:
        """Seal a scan as it lies on disk; how many slices it has, and whether it has a sketch.

        Args:
            scan: the scan.
            choice: which scan, where a folder holds several.
            beside: write the seal beside this, under its name, for the time being.
            original: what the scan was before it was protected, where that is kept.
            progress: told how far it is.
            tell: told why it has no sketch, where it was to have one.
        """
        from mitsgan.seal.format import sidecar, write_seal
        from mitsgan.seal.seal import make_seal

        document = make_seal(
            scan,
            self.signer,
            choice,
            sketch=self.sketch,
            original=original,
            progress=progress,
            tell=tell,
        )
        if beside is None:
            write_seal(document, self.path, overwrite=self.overwrite)
        else:  # within an output, which is whole or not there along with it
            beside.with_name(self.path.name).write_bytes(sidecar(document))
        content = document["content"]
        assert isinstance(content, dict)  # what makes seals makes it so
        return len(content["slices"]), "sketch" in content

    @property
    def who(self) -> str:
        """The signer, for people: the certificate's subject, and the key's fingerprint."""
        from mitsgan.seal.keys import fingerprint, name_of

        key = f"key {fingerprint(self.signer.public_key)}"
        certificates = self.signer.certificates
        return f'"{name_of(certificates[0])}", {key}' if certificates else key


def seal_path(scan: Path) -> Path:
    """Where the seal of a scan lies unless told otherwise: beside it."""
    return scan.with_name(f"{scan.name}.seal.json")


def _check_copies(scan: Path, folder: Path, sealing: Sealing) -> None:
    """Raise where signed copies could not be written: no DICOM, no RSA key, or a wrong place."""
    from mitsgan.seal.content import kind_of

    if kind_of(scan) != "dicom":
        raise SettingsError(
            f"`dicom_signature`: {scan} is an image, which has no place for a DICOM signature; "
            f"the seal alone is for images too"
        )
    sealing.signer.sign_dicom(b"")
    check_target(folder, sealing.overwrite, folder=True, source=scan)
    if folder.resolve() in (sealing.path.resolve(), *sealing.path.resolve().parents):
        raise SettingsError(
            f"the seal {sealing.path} would lie in the copies {folder}; name a file outside them"
        )


def _write_copies(
    scan: Path,
    folder: Path,
    sealing: Sealing,
    choice: Choice,
    progress: Steps,
) -> None:
    """Write copies of a series with a DICOM digital signature in each."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from mitsgan.files.dicom.content import choose_content, read_content
    from mitsgan.seal.dicom_signature import write_signed

    write_signed(
        choose_content(read_content(scan, choice), scan, choice),
        folder,
        sealing.signer.sign_dicom,
        sealing.signer.certificates[0].public_bytes(Encoding.DER),
        overwrite=sealing.overwrite,
        progress=progress,
    )


def given_passphrase(passphrase: bytes | str) -> Passphrase:
    """Gives the one passphrase that a caller gave; text in UTF-8."""
    secret = passphrase.encode() if isinstance(passphrase, str) else passphrase
    return lambda _: secret


def passphrase_of(
    key: Path, file: Path | None, passphrase: Passphrase | None
) -> Callable[[], bytes]:
    """Asks for the passphrase of a key: the first line of a file, or what the caller says."""

    def ask() -> bytes:
        if file is not None:
            from mitsgan.seal.keys import as_utf8

            lines = as_utf8(file.read_bytes()).splitlines()
            if not lines:
                raise SettingsError(f"`passphrase_file` {file} is empty; put the passphrase in it")
            return lines[0]
        if passphrase is None:
            raise SettingsError(
                f"{key} is encrypted; give its passphrase, or the file that holds it with "
                "`passphrase_file`"
            )
        return passphrase(key)

    return ask
