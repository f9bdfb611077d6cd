"""What is done to the series of an archive, and how the work is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mitsgan.archive.task import Action, Failure
from mitsgan.errors import SettingsError
from mitsgan.jobs.protect.settings import Protecting
from mitsgan.jobs.shared import Signing
from mitsgan.settings import Settings, above_zero, at_least


@dataclass(frozen=True, kw_only=True)
class SealHow(Signing):
    """How series are sealed: as `mitsgan seal`; a seal lies at OUTPUT.seal.json."""

    sign: Path


@dataclass(frozen=True, kw_only=True)
class VerifyHow(Settings):
    """How series are verified: by a mark, by the seals beside them (SCAN.seal.json), or both."""

    key: Path | None = None
    sealed: bool = False
    trust: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.key is None and not self.sealed:
            raise SettingsError("say what to verify by: `key`, `sealed = true`, or both")


@dataclass(frozen=True, kw_only=True)
class How(Settings):
    """What is done to each series: the job of the command of that name, with its settings.

    Raises:
        SettingsError: settings of another action than the one that is named.
    """

    action: Action = "protect"
    protect: Protecting = field(default_factory=Protecting)
    seal: SealHow | None = None
    verify: VerifyHow | None = None
    hu_offset: float = 0.0
    """HU to add to all values, where files lost their offset."""
    assume_hu: bool = False
    """Take the values for HU, whatever headers say."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action == "seal" and self.seal is None:
            raise SettingsError('`action = "seal"` needs a table [seal] with `sign`')
        if self.action == "verify" and self.verify is None:
            raise SettingsError('`action = "verify"` needs a table [verify]')

    def files(self) -> list[Path]:
        """Keys and weights: if one is exchanged, the work is other work."""
        named: list[Path | None] = {
            "protect": [self.protect.key, self.protect.sign, self.protect.weights],
            "seal": [None if self.seal is None else self.seal.sign],
            "verify": [None if self.verify is None else self.verify.key],
        }[self.action]
        return [path for path in named if path is not None]


@dataclass(frozen=True, kw_only=True)
class PlanSettings(Settings):
    """Which series are to be done, and how.

    Raises:
        SettingsError: settings that make no sense, alone or together.
    """

    source: Path
    """A folder that holds studies, at any depth; or a .csv with a column `path` of folders
    and files, from its own folder."""
    ledger: Path
    """The ledger to begin, or to add to."""
    out: Path | None = None
    """Folder for what is written, which mirrors the source. Not needed to verify."""
    settings: Path | None = None
    """A TOML file that says what is done (docs/archive.md); by default, protect as `mitsgan
    protect` does."""
    jobs: int = 1
    """Processes that read headers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("jobs", self.jobs, 1)


@dataclass(frozen=True, kw_only=True)
class RunSettings(Settings):
    """How planned series are done.

    Raises:
        SettingsError: a number that makes no sense.
    """

    ledger: Path
    """The ledger that `mitsgan archive plan` began."""
    jobs: int = 1
    """Processes that work at the same time, one series each."""
    memory_mb: float | None = None
    """Memory for each process: larger series are left for a machine that has more. By default
    an equal part of nine tenths of this machine's."""
    timeout_minutes: float = 120.0
    """A process that has been at one series for longer hangs, and is ended."""
    lease_seconds: float = 120.0
    """A worker that does not show itself for so long is lost; another takes its series over."""
    metrics: Path | None = None
    """A file for Prometheus' textfile collector, written anew every few seconds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("jobs", self.jobs, 1)
        at_least("lease_seconds", self.lease_seconds, 1)
        above_zero("timeout_minutes", self.timeout_minutes)
        if self.memory_mb is not None:
            above_zero("memory_mb", self.memory_mb)


@dataclass(frozen=True, kw_only=True)
class VerificationSettings(RunSettings):
    """How what earlier runs protected or sealed is verified."""

    trust: Path | None = None
    """Whom to believe the seals: a certificate, that of an authority, or a public key."""


@dataclass(frozen=True, kw_only=True)
class RetrySettings(Settings):
    """Which failures are tried again.

    Raises:
        SettingsError: none is named.
    """

    ledger: Path
    """The ledger."""
    failures: tuple[Failure, ...] = ("resource", "bug", "infrastructure")
    """Kinds of failures; input too, once the files were mended."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.failures:
            raise SettingsError("`failures`: name at least one kind")
