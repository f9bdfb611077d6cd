"""Settings that several jobs share: each is described, defaulted and checked once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path

from mitsgan.errors import OutputError, ScanError, SettingsError
from mitsgan.reading import Choice, Reading
from mitsgan.settings import Settings

_OUTPUTS = ("output", "html", "picture", "map")
"""Settings that name a file to be written."""

AnyPath = str | PathLike[str]
"""What Python takes for a path; settings hold `Path`."""


def optional_path(path: AnyPath | None) -> Path | None:
    """A path for settings, or None."""
    return None if path is None else Path(path)


@dataclass(frozen=True, kw_only=True)
class ScanInput(Settings, Choice):
    """The scan that a job reads, as it lies on disk."""

    scan: Path
    """A folder with a DICOM series, a DICOM file, a DICOMDIR, a .zip of DICOM, or a .nii, .nii.gz,
    .mha, .mhd, .nrrd image."""

    def __post_init__(self) -> None:
        super().__post_init__()
        Choice.__post_init__(self)

    def check_scan(self) -> None:
        """Raise `ScanError` where there is none: before the work, not after."""
        check_exists(self.scan)


@dataclass(frozen=True, kw_only=True)
class CtInput(ScanInput, Reading):
    """The CT scan in HU that a job reads."""

    def __post_init__(self) -> None:
        super().__post_init__()
        Reading.__post_init__(self)


@dataclass(frozen=True, kw_only=True)
class Overwriting(Settings):
    """What a job may do to files that are there."""

    overwrite: bool = False
    """Replace what an earlier run wrote."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_outputs()

    def _check_outputs(self) -> None:
        """Raise `OutputError` where an output would take the place of something else here.

        What mitsgan made may be replaced, but a seal that its report is written over is lost.
        """
        named = [
            (one.name, path) for one in fields(self) for path in _paths(getattr(self, one.name))
        ]
        for output, path in named:
            if output not in _OUTPUTS:
                continue
            for other, there in named:
                if other != output and path.resolve() == there.resolve():
                    raise OutputError(
                        f"`{output}` {path} is the input or another output of this command, too; "
                        "name another file"
                    )


def _paths(value: object) -> tuple[Path, ...]:
    """The paths that a setting holds."""
    parts = value if isinstance(value, tuple) else (value,)
    return tuple(part for part in parts if isinstance(part, Path))


@dataclass(frozen=True, kw_only=True)
class OwnAttackers(Settings):
    """Attackers of one's own."""

    injector: Path | None = None
    """An attacker that injects, instead of the one that ships."""
    remover: Path | None = None
    """An attacker that removes, instead of the one that ships."""


@dataclass(frozen=True, kw_only=True)
class Signing(Settings):
    """What belongs to a key that signs."""

    certificate: Path | None = None
    """The certificate of the key, and those above it, to be kept in the seal."""
    passphrase_file: Path | None = None
    """Holds the passphrase of the key; without it commands take MITSGAN_PASSPHRASE, or ask."""
    sketch: bool = True
    """Whether a coarse picture of what the scan shows is sealed, too, so that processing is later
    told from tampering; it shows the patient, at about 4 mm."""

    def check_signs(self, sign: Path | None) -> None:
        """Raise `SettingsError` where something belongs to a signing key that is not given."""
        if sign is None and (self.certificate or self.passphrase_file):
            raise SettingsError(
                "`certificate` and `passphrase_file` belong to a key; give `sign` too"
            )


def check_exists(path: Path) -> None:
    """Raise `ScanError` where there is no scan."""
    if not path.exists():
        raise ScanError(f"{path} does not exist; name a DICOM folder or an image file")
