"""What one running studio knows: open scans, work, and what may be read and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mitsgan.errors import MitsganError
from mitsgan.evaluate.metrics.windows import HU, WINDOWS
from mitsgan.scan.simulated import MARK
from mitsgan.settings import DEFAULT_PROTECTOR
from mitsgan.studio.folders import Folders
from mitsgan.studio.series import Series, Shelf
from mitsgan.studio.settings import StudioSettings
from mitsgan.studio.tasks import Task, Worker

if TYPE_CHECKING:
    from mitsgan.jobs.verify.verify import Verified


@dataclass(frozen=True, eq=False)
class Known:
    """A verification, and what the page is told of it."""

    verified: Verified
    told: dict[str, Any]


@dataclass(eq=False)
class Session:
    """One running studio.

    Attributes:
        settings: as they were given.
        shelf: open scans.
        worker: does what takes long.
        folders: files that may be opened, and where may be saved.
        named: the opening of each scan that was named at the start.
        verified: the last verification of each open series, by its id, the latest at the end.
    """

    settings: StudioSettings
    shelf: Shelf
    worker: Worker
    folders: Folders
    named: list[Task] = field(default_factory=list)
    verified: dict[str, Known] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: StudioSettings) -> Session:
        """A new one, in which nothing is open yet."""
        named = [path for path in (settings.scan, settings.protected) if path is not None]
        folders = Folders(settings.folders, settings.output, named)
        return cls(settings, Shelf(int(settings.memory_gb * 1e9)), Worker(), folders)

    def close(self, number: str) -> None:
        """Forget a series, what was made of it, and what was found in them."""
        self.shelf.close(number)
        still = {series.id for series in self.shelf.all()}
        for known in self.verified.keys() - still:
            self.verified.pop(known, None)

    def seal_of(self, series: Series) -> Path | None:
        """The seal of a series: the one that was named, or the one that lies beside it."""
        if series.path is None:
            return None
        of_named = self.settings.protected or self.settings.scan
        if of_named is not None and series.path == of_named.resolve():
            named = self.settings.seal
            if named is not None:
                return named
        from mitsgan.jobs.seal import seal_path

        beside = seal_path(series.path)
        return beside if beside.is_file() else None

    def judges_of(self, series: Series) -> tuple[Path | None, Path | None]:
        """The seal of a series, if there is one, and then whom to believe it."""
        seal = self.seal_of(series)
        return seal, None if seal is None else self.settings.trust

    @cached_property
    def asks_passphrase(self) -> bool:
        """Whether restoring needs a passphrase from whoever asks for it."""
        key = self.settings.private_key
        if key is None or self.settings.passphrase_file is not None:
            return False
        from mitsgan.jobs.restore.recipient import is_encrypted

        try:
            return is_encrypted(key)
        except MitsganError:  # restoring says what is wrong with it
            return False

    @property
    def own_attackers(self) -> dict[str, Path]:
        """Weights that were named, by what the page calls them."""
        return {f"file: {path.name}": path for path in self.settings.attackers}

    def card(self) -> dict[str, Any]:
        """For the page: what is open and what can be asked for."""
        settings = self.settings
        return {
            "series": [
                {**series.card(), "seal": self.seal_of(series) is not None}
                for series in self.shelf.all()
            ],
            "verified": next(reversed(self.verified), ""),
            "not_opened": [task.error for task in self.named if task.state == "failed"],
            "tasks": [task.card() for task in self.worker.running()],
            "memory": {"used": self.shelf.used, "limit": self.shelf.limit},
            "draw": _how_to_draw(),
            "folders": [root.name or str(root) for root in self.folders.roots],
            "can": {
                "save": settings.output is not None,
                "mark": settings.key is not None,
                "restore": settings.private_key is not None,
                "passphrase": self.asks_passphrase,
            },
        }

    def names(self) -> dict[str, Any]:
        """Attackers and protectors that can be asked for, and the protector that is by default."""
        from mitsgan.jobs.names import attacker_names, protector_names

        attackers = [*attacker_names(), *self.own_attackers]
        return {
            "attackers": attackers,
            "protectors": list(protector_names()),
            "protector": DEFAULT_PROTECTOR,
        }


@cache
def _how_to_draw() -> dict[str, Any]:
    """Windows, and the word that is burnt in."""
    return {
        "windows": {w.name: (w.low, w.high) for w in WINDOWS if w is not HU},
        "mark": MARK,
    }
