"""What the studio shows, and what its page may read and write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mitsgan.errors import OutputError, ScanError, SettingsError
from mitsgan.settings import Settings, within


@dataclass(frozen=True, kw_only=True)
class StudioSettings(Settings):
    """What the studio shows, and what its page may read and write.

    The page can open nothing but what is named here. Keys and seals are named here alone, so that
    none passes through a browser; the passphrase of a private key may, and is not kept.

    Raises:
        SettingsError: settings that make no sense, alone or together.
    """

    scan: Path | None = None
    """A scan to begin with: a DICOM folder, a DICOM file or an image."""
    protected: Path | None = None
    """The same scan, protected, to be compared with it."""
    folders: tuple[Path, ...] = ()
    """Folders whose scans the page may open, besides the two."""
    output: Path | None = None
    """The folder in which the page may save; without it, nothing is written."""
    seal: Path | None = None
    """The seal of the protected scan (of the scan, where there is but one)."""
    trust: Path | None = None
    """Whom to believe a seal: a certificate, that of an authority, or a public key."""
    key: Path | None = None
    """The key of the mark: to look for it, and to protect with it."""
    attackers: tuple[Path, ...] = ()
    """Weights of attackers of your own, or imported ones, to simulate with besides ours."""
    private_key: Path | None = None
    """The private key of a recipient, to restore an original that was kept."""
    passphrase_file: Path | None = None
    """Holds the passphrase of that key; without it, the page asks for that of an encrypted one."""
    port: int = 0
    """Where to listen on this machine; 0 takes one that is free."""
    memory_gb: float = 4.0
    """What the voxels of all open scans may take together."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.protected is not None and self.scan is None:
            raise SettingsError("`protected` is compared with a scan; give `scan` too")
        if self.passphrase_file is not None and self.private_key is None:
            raise SettingsError("`passphrase_file` belongs to a key; give `private_key` too")
        within("port", self.port, 0, 65535)
        within("memory_gb", self.memory_gb, 0.01, 10_000)

    def check(self) -> None:
        """Raise where something that is named is not there: before the page opens, not after.

        Raises:
            ScanError: a scan or a folder is not there.
            SettingsError: a key, a seal or a certificate is not there.
            OutputError: the output's folder is not there.
        """
        for path in (self.scan, self.protected):
            if path is not None and not path.exists():
                raise ScanError(f"{path} does not exist; name a DICOM folder or an image file")
        for folder in self.folders:
            if not folder.is_dir():
                raise ScanError(f"`folders`: {folder} is no folder; name one that holds scans")
        for weights in self.attackers:
            if not weights.is_file():
                raise SettingsError(f"`attackers`: {weights} is no file; name weights")
        for name in ("seal", "trust", "key", "private_key", "passphrase_file"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise SettingsError(f"`{name}` {path} is no file; name one that is there")
        if self.output is not None and not self.output.is_dir():
            raise OutputError(f"`output` {self.output} is no folder; make it, or name another")
