"""Objects that archives were asked to send back to the node's own storage SCP, by C-MOVE."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class Returns:
    """Which objects are waited for, from whom, and where they go. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[tuple[str, str], Path] = {}

    @contextmanager
    def expected(self, peer: str, sop_uids: Iterable[str], folder: Path) -> Iterator[None]:
        """Wait for objects of an AE title, for a while; they go to a folder."""
        keys = [(peer.strip(), uid) for uid in sop_uids]
        with self._lock:
            self._folders.update(dict.fromkeys(keys, folder))
        try:
            yield
        finally:
            with self._lock:
                for key in keys:
                    self._folders.pop(key, None)

    def from_peer(self, peer: str) -> bool:
        """Whether objects of an AE title are waited for."""
        with self._lock:
            return any(name == peer for name, _ in self._folders)

    def take(self, peer: str, sop_uid: str, path: Path) -> bool:
        """Move an object to where it is waited for; False where nobody does.

        Raises:
            OSError: it cannot be moved.
        """
        with self._lock:
            folder = self._folders.get((peer, sop_uid))
            if folder is not None:
                path.rename(folder / f"{sop_uid}.dcm")
        return folder is not None
