"""What is verified, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.errors import SettingsError
from mitsgan.jobs.shared import CtInput, Overwriting
from mitsgan.settings import within

FALSE_ALARMS = 0.01
"""How often an untouched scan may be called tampered, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class VerifyFile(Overwriting, CtInput):
    """What is verified, and by what.

    Raises:
        SettingsError: settings that make no sense, alone or together.
    """

    key: Path | None = None
    """The key that the scan was protected with: look for the mark."""
    seal: Path | None = None
    """The seal of the scan: name every slice, block and header field that was changed."""
    trust: Path | None = None
    """Whom to believe a seal: a certificate, that of an authority, or a public key."""
    map: Path | None = None
    """Write the probability, per voxel, that it was repainted: a NIfTI image."""
    html: Path | None = None
    """Write a page for whoever has to judge: the verdict, who signed, every flagged region with
    pictures, what could not be checked. It needs no network."""
    dicom_out: Path | None = None
    """Write the findings as DICOM to this folder: a structured report, and segmentations of the
    flagged regions. Needs: pip install 'mitsgan[findings]'."""
    false_alarms: float = FALSE_ALARMS
    """How often an untouched scan may be called tampered, per scan; between 0 and 0.5."""
    identity: str | None = None
    """The name that the series was given when it was marked; by default the header tells it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.key is None and (self.seal is None or self.map is not None):
            raise SettingsError(
                "name what to verify by: `key` for the mark, `seal` for the seal, or both; `map` "
                "is made from the mark"
            )
        if self.trust is not None and self.seal is None:
            raise SettingsError("`trust` says whom to believe a seal; give `seal` too")
        within("false_alarms", self.false_alarms, 1e-9, 0.5)
        if self.map is not None and not self.map.name.lower().endswith((".nii", ".nii.gz")):
            raise SettingsError(
                f"`map` {self.map}: the map is a NIfTI image; let it end in .nii.gz"
            )

    def command(self, *, recursive: bool = False) -> str:
        """What makes the page again; files by name, not by where they lie."""
        from mitsgan.evaluate.report.command_line import command_line, told_of_reading
        from mitsgan.jobs.outputs import scan_name

        files = {name: getattr(self, name) for name in ("key", "seal", "trust", "html")}
        return command_line(
            "verify",
            scan_name(self.scan),
            recursive=recursive or None,
            **{name: None if path is None else scan_name(path) for name, path in files.items()},
            identity=self.identity,
            false_alarms=None if self.false_alarms == FALSE_ALARMS else self.false_alarms,
            **told_of_reading(self),
        )
