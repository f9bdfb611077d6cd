"""An object that has come: into its series, onto the disk, into the ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from mitsgan.node.services import CT_CLASSES
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Header, Origin, Spool, data_digest, sync_file, sync_folder

Taken = Literal["new", "again", "other content"]
"""What became of an object: it is kept; it was before; or it differs from what was before."""

REASON_OTHER = "an object of this UID with other content was received before"


class Intake:
    """Takes objects, from any thread."""

    def __init__(self, spool: Spool, ledger: Ledger, threads: int) -> None:
        """Prepare.

        Args:
            spool, ledger: where objects go.
            threads: how many take them at once.
        """
        self._spool, self._ledger = spool, ledger
        self._series_lock = threading.Lock()
        self._arrived = threading.Condition()
        self._arriving: set[tuple[str, str, str]] = set()
        self._disk = ThreadPoolExecutor(threads, "disk")

    def take(
        self,
        path: Path,
        header: Header,
        route: str,
        calling: str,
        address: str,
        *,
        repeats: bool = False,
    ) -> Taken:
        """Move an object to its series, see it on the disk, and enter it.

        Args:
            path: the object, on the file system of the spool.
            header: of it.
            route: name of its route.
            calling, address: of its sender.
            repeats: whether what has ended begins anew if it comes again.

        Returns:
            What became of it. Unless its content differs, it is on the disk now.

        Raises:
            OSError: it cannot be written, and is gone.
        """
        beside = header.localizer or header.page or header.class_uid not in CT_CLASSES
        origin = Origin(route=route, calling=calling, address=address)
        with self._alone((header.series_uid, route, header.sop_uid)):
            while True:
                with self._series_lock:
                    before = self._before(header, route, repeats)
                    number = 0
                    if before is None:
                        number = self._ledger.open_series(
                            header, route, calling, address, beside=beside, revives=not repeats
                        )
                if before is not None:
                    return self._again(path, header, route, before, (calling, address), beside)
                path = self._spool.place(path, number, header.sop_uid, origin)
                self._synchronise(path)
                if self._ledger.enter(number, header, path.stat().st_size) == "new":
                    return "new"

    def _before(self, header: Header, route: str, repeats: bool) -> str | Path | None:
        """The digest or the file of an object of the same UID; None where there is neither."""
        known = self._ledger.known(header.series_uid, route, header.sop_uid, ended=not repeats)
        if known is None or known[1]:
            return None if known is None else known[1]
        path = self._spool.received(known[0]) / f"{header.sop_uid}.dcm"
        return path if path.exists() else None

    def _again(
        self,
        path: Path,
        header: Header,
        route: str,
        before: str | Path,
        sender: tuple[str, str],
        beside: bool,
    ) -> Taken:
        """What becomes of an object whose UID was received before."""
        digest = data_digest(before) if isinstance(before, Path) else before
        if digest != data_digest(path):
            self._ledger.refuse(header.series_uid, *sender, REASON_OTHER)
            return "other content"
        # From a recovery, it may be the very file that was received before.
        if not isinstance(before, Path) or not before.samefile(path):
            path.unlink()
        self._ledger.revive(header.series_uid, route, beside=beside)
        return "again"

    def _synchronise(self, path: Path) -> None:
        """Wait until an object and its name are on the disk."""
        # Side by side, for then the journal of a file system writes both at once.
        name = self._disk.submit(sync_folder, path.parent)
        try:
            sync_file(path)
            name.result()
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    @contextmanager
    def _alone(self, key: tuple[str, str, str]) -> Iterator[None]:
        """One object of a UID at a time, so that two copies sent side by side are seen as such."""
        with self._arrived:
            while key in self._arriving:
                self._arrived.wait()
            self._arriving.add(key)
        try:
            yield
        finally:
            with self._arrived:
                self._arriving.remove(key)
                self._arrived.notify_all()
