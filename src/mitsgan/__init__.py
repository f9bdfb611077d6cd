"""MITS-GAN made real: protect CT scans against tampering by generative models.

Importing this package is cheap: a public name is looked up in its room only when it is first
used, so that neither a script's start nor ``mitsgan --help`` need wait for torch.

Examples:
    >>> import mitsgan as mg
    >>> from mitsgan.phantom.chest import chest
    >>> scan = mg.Scan.from_hu(chest((16, 64, 64), (6.0, 5.6, 5.6)).hu(), (6.0, 5.6, 5.6))
    >>> protected = mg.protect(scan, max_hu=10, device="cpu")
    >>> protected.largest_hu <= 10
    True
"""

from __future__ import annotations

from mitsgan.door import open_door

TYPE_CHECKING = False  # as in `mitsgan.door`
if TYPE_CHECKING:
    from mitsgan.errors import (
        BudgetError,
        DataError,
        DeviceError,
        EngineError,
        ExtensionError,
        IdentityError,
        MissingExtraError,
        MitsganError,
        OutputError,
        PositionError,
        ResultError,
        ScanError,
        SettingsError,
        WeightsError,
    )
    from mitsgan.evaluate.benchmark.result import Benchmark
    from mitsgan.evaluate.result import Evaluation
    from mitsgan.files.derivation import Derivation
    from mitsgan.jobs.benchmark import benchmark
    from mitsgan.jobs.candidates.candidates import candidates
    from mitsgan.jobs.evaluate.memory import evaluate
    from mitsgan.jobs.protect.protected import Protected
    from mitsgan.jobs.protect.protection import Protection, protect
    from mitsgan.jobs.protect.settings import ProtectSettings
    from mitsgan.jobs.restore.restore import restore
    from mitsgan.jobs.restore.result import Restoration
    from mitsgan.jobs.scans import read, write
    from mitsgan.jobs.seal import Sealed, seal
    from mitsgan.jobs.tamper import tamper
    from mitsgan.jobs.train.job import train
    from mitsgan.jobs.train.outputs import TrainingResult
    from mitsgan.jobs.train.settings import (
        AttackerTraining,
        ClassifierTraining,
        DetectorTraining,
        DiffusionTraining,
        PaperTraining,
        ProtectorTraining,
        TafimTraining,
    )
    from mitsgan.jobs.verify.result import Verification
    from mitsgan.jobs.verify.verify import Verified, verify
    from mitsgan.mark.keys import Key
    from mitsgan.perturb.budget import Budget
    from mitsgan.progress import Progress
    from mitsgan.scan.geometry import Geometry
    from mitsgan.scan.scan import Scan

__version__ = "0.1.0"

_ROOM = {
    "read": "mitsgan.jobs.scans",
    "write": "mitsgan.jobs.scans",
    "Scan": "mitsgan.scan.scan",
    "Geometry": "mitsgan.scan.geometry",
    "Budget": "mitsgan.perturb.budget",
    "protect": "mitsgan.jobs.protect.protection",
    "Protected": "mitsgan.jobs.protect.protected",
    "Protection": "mitsgan.jobs.protect.protection",
    "ProtectSettings": "mitsgan.jobs.protect.settings",
    "seal": "mitsgan.jobs.seal",
    "restore": "mitsgan.jobs.restore.restore",
    "Restoration": "mitsgan.jobs.restore.result",
    "Sealed": "mitsgan.jobs.seal",
    "verify": "mitsgan.jobs.verify.verify",
    "Verified": "mitsgan.jobs.verify.verify",
    "Verification": "mitsgan.jobs.verify.result",
    "candidates": "mitsgan.jobs.candidates.candidates",
    "evaluate": "mitsgan.jobs.evaluate.memory",
    "Evaluation": "mitsgan.evaluate.result",
    "benchmark": "mitsgan.jobs.benchmark",
    "Benchmark": "mitsgan.evaluate.benchmark.result",
    "train": "mitsgan.jobs.train.job",
    "AttackerTraining": "mitsgan.jobs.train.settings",
    "DiffusionTraining": "mitsgan.jobs.train.settings",
    "ProtectorTraining": "mitsgan.jobs.train.settings",
    "ClassifierTraining": "mitsgan.jobs.train.settings",
    "DetectorTraining": "mitsgan.jobs.train.settings",
    "PaperTraining": "mitsgan.jobs.train.settings",
    "TafimTraining": "mitsgan.jobs.train.settings",
    "TrainingResult": "mitsgan.jobs.train.outputs",
    "Derivation": "mitsgan.files.derivation",
    "Key": "mitsgan.mark.keys",
    "tamper": "mitsgan.jobs.tamper",
    "Progress": "mitsgan.progress",
    "MitsganError": "mitsgan.errors",
    "SettingsError": "mitsgan.errors",
    "ScanError": "mitsgan.errors",
    "OutputError": "mitsgan.errors",
    "BudgetError": "mitsgan.errors",
    "PositionError": "mitsgan.errors",
    "IdentityError": "mitsgan.errors",
    "DeviceError": "mitsgan.errors",
    "WeightsError": "mitsgan.errors",
    "DataError": "mitsgan.errors",
    "ResultError": "mitsgan.errors",
    "MissingExtraError": "mitsgan.errors",
    "EngineError": "mitsgan.errors",
    "ExtensionError": "mitsgan.errors",
}
"""Where each public name lives."""

__all__ = [
    "AttackerTraining",
    "Benchmark",
    "Budget",
    "BudgetError",
    "ClassifierTraining",
    "DataError",
    "Derivation",
    "DetectorTraining",
    "DeviceError",
    "DiffusionTraining",
    "EngineError",
    "Evaluation",
    "ExtensionError",
    "Geometry",
    "IdentityError",
    "Key",
    "MissingExtraError",
    "MitsganError",
    "OutputError",
    "PaperTraining",
    "PositionError",
    "Progress",
    "ProtectSettings",
    "Protected",
    "Protection",
    "ProtectorTraining",
    "Restoration",
    "ResultError",
    "Scan",
    "Sealed",
    "ScanError",
    "SettingsError",
    "TafimTraining",
    "TrainingResult",
    "Verification",
    "Verified",
    "WeightsError",
    "__version__",
    "benchmark",
    "candidates",
    "evaluate",
    "protect",
    "read",
    "restore",
    "seal",
    "tamper",
    "train",
    "verify",
    "write",
]

_ALSO_ROOMS = frozenset({"evaluate", "protect", "restore", "seal"})
"""Functions whose name is that of a room, too."""

open_door(__name__, _ROOM, _ALSO_ROOMS)
