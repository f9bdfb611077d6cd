"""What is done to the series of an archive, and how the work is run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mitsgan.archive.task import Action, Failure
from mitsgan.errors import SettingsError
from mitsgan.jobs.evaluate.settings import EvaluateSettings
from mitsgan.jobs.protect.settings import RestorablyProtecting
from mitsgan.jobs.shared import Signing
from mitsgan.node.config import Tls
from mitsgan.node.processing.actions import Restoring
from mitsgan.settings import Settings, above_zero, at_least

EngineName = Literal["local", "ray", "slurm"]
"""What starts workers."""


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
class EvaluateHow(EvaluateSettings):
    """What is measured; numbers lie at OUTPUT.evaluation.json, a page at OUTPUT.evaluation.html."""

    protected: Path | None = None
    """What `mitsgan archive` wrote of the same source; without it, scans are protected in memory
    first."""
    weights: Path | None = None
    """A protector of your own for that; by default the one that ships with mitsgan."""
    page: bool = False
    """Also write a page with pictures for each series."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.protected is not None and self.weights is not None:
            raise SettingsError("`weights` protects in memory; leave it out, or `protected`")


@dataclass(frozen=True, kw_only=True)
class WebSource(Settings):
    """How a DICOMweb server is reached that is the source."""

    bearer_file: Path | None = None
    """Holds the token that it wants; read anew for every request."""
    tls: Tls | None = None
    """The authorities that the server's certificate is signed by, and ours, if it asks for one."""
    timeout_seconds: float = 60
    """For a connection, and for each answer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        above_zero("timeout_seconds", self.timeout_seconds)


_NEEDS = {
    "seal": " with `sign`",
    "verify": "",
    "restore": " with `private_key`",
}
"""Actions that cannot do without a table of their own, and what has to stand in it."""


@dataclass(frozen=True, kw_only=True)
class How(Settings):
    """What is done to each series: the job of the command of that name, with its settings.

    Raises:
        SettingsError: settings of another action than the one that is named.
    """

    action: Action = "protect"
    protect: RestorablyProtecting = field(default_factory=RestorablyProtecting)
    seal: SealHow | None = None
    verify: VerifyHow | None = None
    restore: Restoring | None = None
    evaluate: EvaluateHow = field(default_factory=EvaluateHow)
    web: WebSource | None = None
    hu_offset: float = 0.0
    """HU to add to all values, where files lost their offset."""
    assume_hu: bool = False
    """Take the values for HU, whatever headers say."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.action in _NEEDS and getattr(self, self.action) is None:
            raise SettingsError(
                f'`action = "{self.action}"` needs a table [{self.action}]{_NEEDS[self.action]}'
            )

    def files(self) -> list[Path]:
        """Keys and weights: if one is exchanged, the work is other work."""
        protect, evaluate = self.protect, self.evaluate
        named: list[Path | None] = {
            "protect": [protect.key, protect.sign, protect.weights, *protect.restorable],
            "seal": [None if self.seal is None else self.seal.sign],
            "verify": [None if self.verify is None else self.verify.key],
            "restore": [None if self.restore is None else self.restore.private_key],
            "evaluate": [
                *(evaluate.injector, evaluate.remover, evaluate.classifier, evaluate.weights)
            ],
        }[self.action]
        return [path for path in named if path is not None]


@dataclass(frozen=True, kw_only=True)
class PlanSettings(Settings):
    """Which series are to be done, and how.

    Raises:
        SettingsError: settings that make no sense, alone or together.
    """

    source: str | Path
    """A folder that holds studies, at any depth; a .csv with a column `path` of folders and files,
    from its own folder; or the URL of a DICOMweb server, such as https://pacs.example/dicom-web,
    narrowed down by a query if need be: ?StudyDate=20260101-"""
    ledger: Path
    """The ledger to begin, or to add to."""
    output: Path | None = None
    """Folder for what is written, which mirrors the source. Not needed to verify."""
    settings: Path | None = None
    """A TOML file that says what is done (docs/archive.md); by default, protect as `mitsgan
    protect` does."""
    jobs: int = 1
    """Processes that read headers; of a server, questions at the same time."""

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
    engine: EngineName = "local"
    """What starts the work: processes on this machine, the Ray cluster that RAY_ADDRESS names or
    this machine belongs to, or jobs of Slurm. Needs: pip install 'mitsgan[ray]' or
    'mitsgan[slurm]'."""
    jobs: int = 1
    """Processes that work at the same time, one series each."""
    memory_mb: float | None = None
    """Memory for each process: larger series are left for a machine that has more. By default
    an equal part of nine tenths of this machine's; of Ray and Slurm, each series asks for its
    forecast."""
    gpus: float = 0.0
    """GPUs for each process, by Ray or Slurm; Ray gives fractions, such as 0.25."""
    chunk: int = 20
    """Series for each job of Slurm's arrays."""
    timeout_minutes: float = 120.0
    """A process that works on one series for longer counts as hanging, and is ended."""
    lease_seconds: float = 120.0
    """A worker that is not heard of for so long counts as lost; another takes over its series."""
    metrics: Path | None = None
    """A file for Prometheus' textfile collector, written anew every few seconds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("jobs", self.jobs, 1)
        at_least("chunk", self.chunk, 1)
        at_least("gpus", self.gpus, 0)
        if self.gpus and self.engine == "local":
            raise SettingsError("`gpus` is for Ray and Slurm; processes here share what there is")
        if self.engine == "slurm" and self.gpus % 1:
            raise SettingsError(f"`gpus`: Slurm gives whole GPUs only, found {self.gpus:g}")
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
