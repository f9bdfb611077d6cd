"""The ledger: what became of every series, in SQLite beside the spool.

A write-ahead log lets commands read and write while the node runs. Each change of a state is on
the disk before anything else happens (``synchronous=FULL``). Objects are entered without waiting
for the disk: after a power failure the spool itself tells of them (`mitsgan.node.recovery`).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from mitsgan.errors import DataError
from mitsgan.node.store.ledger_schema import FROM_VERSION_1, OPEN, SCHEMA, VERSION, Series, State
from mitsgan.node.store.spool import Header

Entry = Literal["new", "closed"]
_SERIES = ", ".join(field.name for field in fields(Series))
_OPEN = ", ".join(f"'{state}'" for state in OPEN)


class Ledger:
    """All series of a spool. Any thread may use it."""

    def __init__(self, path: Path) -> None:
        """Open the ledger, or begin one.

        Raises:
            DataError: it cannot be opened, or is of another version.
        """
        self._lock = threading.RLock()
        try:
            with ExitStack() as undo:
                if not path.exists():  # audit messages wait in it, and its other files get its mode
                    path.touch(0o600)
                self._connection = sqlite3.connect(
                    path, timeout=30, isolation_level=None, check_same_thread=False
                )
                undo.callback(self._connection.close)
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")
                self._durable = True
                version = self._connection.execute("PRAGMA user_version").fetchone()[0]
                if version not in range(VERSION + 1):
                    raise DataError(f"{path} is a ledger of version {version}, expected {VERSION}")
                if version == 1:
                    self._connection.execute(FROM_VERSION_1)
                self._connection.executescript(SCHEMA)
                if version != VERSION:  # who only looks must not make a running node wait
                    self._connection.execute(f"PRAGMA user_version={VERSION}")
                undo.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise DataError(f"the ledger {path} cannot be opened: {error}") from error

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def change(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction, all or nothing.

        Args:
            durable: wait until it is on the disk.
        """
        with self._lock:
            if durable != self._durable:
                self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    # Receiving

    def known(
        self, series_uid: str, route: str, sop_uid: str, *, ended: bool = True
    ) -> tuple[int, str] | None:
        """The series of an object that was received before, and its digest; None for a new one.

        The digest is "" while the file of the object is kept.

        Args:
            series_uid, route, sop_uid: of the object.
            ended: whether series that have ended count.
        """
        row = self._one(
            "SELECT o.series, o.sha256 FROM objects o JOIN series s ON s.id = o.series "
            "WHERE o.sop_uid = ? AND s.series_uid = ? AND s.route = ? "
            "AND (? OR s.state NOT IN ('committed', 'dead')) AND s.state != 'discarded' "
            "ORDER BY s.id DESC",
            (sop_uid, series_uid, route, ended),
        )
        return None if row is None else (int(row[0]), str(row[1]))

    def open_series(
        self,
        header: Header,
        route: str,
        calling: str,
        address: str,
        *,
        beside: bool = False,
        revives: bool = True,
    ) -> int:
        """The number of the series that takes an object now; begins one where there is none.

        A series that is already worked on or sent is followed by another.

        Args:
            header: of the object.
            route, calling, address: of its sender.
            beside: whether it is no slice of a scan; such objects are a series of their own.
            revives: whether a dead letter of which nothing was sent is taken up again, or followed.
        """
        now = time.time()
        last = self._last(header.series_uid, route, beside)
        if last is not None and last.state == "received" and header.expected == last.expected:
            return last.id  # as of nearly every object
        takes = last is not None and (last.state in OPEN or (revives and self._revivable(last)))
        if last is not None and takes:
            with self.change(durable=last.state != "received") as db:
                updated = db.execute(
                    "UPDATE series SET state = 'received', reason = '', attempts = 0, "
                    "not_before = 0, last_object = ?, changed = ?, expected = COALESCE(?, expected)"
                    f" WHERE id = ? AND state IN ({_OPEN}, 'dead')",
                    (now, now, header.expected, last.id),
                )
                if last.state == "dead":
                    db.execute("DELETE FROM deliveries WHERE series = ?", (last.id,))
                if updated.rowcount:
                    return last.id
        with self.change() as db:
            row = db.execute(
                "INSERT INTO series (series_uid, study_uid, route, calling, address, state, "
                "created, changed, last_object, expected, follows, beside) "
                "VALUES (?, ?, ?, ?, ?, 'received', ?, ?, ?, ?, ?, ?)",
                (
                    *(header.series_uid, header.study_uid, route, calling, address),
                    *(now, now, now, header.expected, None if last is None else last.id),
                    int(beside),
                ),
            )
            assert row.lastrowid is not None
            return row.lastrowid

    def number_after(self, last: int) -> None:
        """Give no new series a number up to this one: the spool has folders of these."""
        with self.change() as db:
            db.execute(
                "INSERT INTO sqlite_sequence SELECT 'series', 0 WHERE NOT EXISTS "
                "(SELECT 1 FROM sqlite_sequence WHERE name = 'series')"
            )
            db.execute(
                "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = 'series'", (last,)
            )

    def enter(self, series: int, header: Header, size: int) -> Entry:
        """Enter an object that is durable; ``closed`` where the series takes no more."""
        now = time.time()
        with self.change(durable=False) as db:
            opened = db.execute(
                "UPDATE series SET state = 'received', last_object = ?, changed = ? "
                f"WHERE id = ? AND state IN ({_OPEN})",
                (now, now, series),
            )
            if not opened.rowcount:
                return "closed"
            db.execute(
                "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, '', ?)",
                (series, header.sop_uid, header.class_uid, header.syntax, size),
            )
        return "new"

    def revive(self, series_uid: str, route: str, *, beside: bool = False) -> None:
        """Take up a dead letter whose objects are sent again, and of which nothing was sent on."""
        last = self._last(series_uid, route, beside)
        if last is None or not self._revivable(last):
            return
        now = time.time()
        with self.change() as db:
            db.execute("DELETE FROM deliveries WHERE series = ?", (last.id,))
            db.execute(
                "UPDATE series SET state = 'received', reason = '', attempts = 0, not_before = 0, "
                "last_object = ?, changed = ? WHERE id = ? AND state = 'dead'",
                (now, now, last.id),
            )

    def refuse(self, series_uid: str, calling: str, address: str, reason: str) -> None:
        """Note that objects were not taken: one row for a series, sender and reason."""
        now = time.time()
        with self.change(durable=False) as db:
            updated = db.execute(
                "UPDATE series SET changed = ? WHERE state = 'refused' AND series_uid = ? "
                "AND calling = ? AND reason = ?",
                (now, series_uid, calling, reason),
            )
            if not updated.rowcount:
                db.execute(
                    "INSERT INTO series (series_uid, study_uid, route, calling, address, state, "
                    "reason, created, changed, last_object, files) "
                    "VALUES (?, '', '', ?, ?, 'refused', ?, ?, ?, ?, 'none')",
                    (series_uid, calling, address, reason, now, now, now),
                )

    def _revivable(self, last: Series) -> bool:
        if last.state != "dead" or last.files != "kept":
            return False
        return self._one("SELECT 1 FROM sent WHERE series = ?", (last.id,)) is None

    def _last(self, series_uid: str, route: str, beside: bool) -> Series | None:
        return next(
            self._series(
                "WHERE series_uid = ? AND route = ? AND beside = ? "
                "AND state NOT IN ('refused', 'discarded') "
                "ORDER BY id DESC LIMIT 1",
                (series_uid, route, int(beside)),
            ),
            None,
        )

    # States

    def move(self, series: int, to: State, *, of: Iterable[State], reason: str = "") -> bool:
        """Change a state; False where the series is in none of the states ``of``."""
        states = ", ".join(f"'{state}'" for state in of)
        with self.change() as db:
            moved = db.execute(
                "UPDATE series SET state = ?, reason = ?, changed = ? "
                f"WHERE id = ? AND state IN ({states})",
                (to, reason, time.time(), series),
            )
        return bool(moved.rowcount)

    def complete(self, series: int, last_object: float) -> None:
        """Expect no more of a series, unless something has come since the time of an object."""
        with self.change() as db:
            db.execute(
                "UPDATE series SET state = 'complete', changed = ? "
                "WHERE id = ? AND state = 'received' AND last_object = ?",
                (time.time(), series, last_object),
            )

    def complete_study(self, study_uid: str) -> list[int] | None:
        """Expect no more of the series of a study; which these were, None where it is unknown."""
        with self.change() as db:
            if not db.execute("SELECT 1 FROM series WHERE study_uid = ?", (study_uid,)).fetchone():
                return None
            rows = db.execute(
                "UPDATE series SET state = 'complete', changed = ? WHERE study_uid = ? AND "
                "state = 'received' AND EXISTS (SELECT 1 FROM objects WHERE series = series.id) "
                "RETURNING id",
                (time.time(), study_uid),
            ).fetchall()
        return sorted(int(row[0]) for row in rows)

    def forget(self, series: int) -> None:
        """Remove a series that never got an object."""
        with self.change() as db:
            db.execute(
                "DELETE FROM series WHERE id = ? AND state = 'received' AND NOT EXISTS "
                "(SELECT 1 FROM objects WHERE series = ?)",
                (series, series),
            )

    def expired(self, before: float) -> list[int]:
        """Committed series whose files may go."""
        rows = self.query(
            "SELECT id FROM series WHERE state = 'committed' AND files = 'kept' AND changed < ?",
            (before,),
        )
        return [int(row[0]) for row in rows]

    def files_gone(self, series: int, digests: Mapping[str, str]) -> None:
        """Note that the files of a series are to be deleted, and the digests of its objects."""
        with self.change() as db:
            db.executemany(
                "UPDATE objects SET sha256 = ? WHERE series = ? AND sop_uid = ?",
                [(digest, series, uid) for uid, digest in digests.items()],
            )
            db.execute("UPDATE series SET files = 'deleted' WHERE id = ?", (series,))

    def postpone(self, series: int, seconds: float, reason: str) -> int:
        """Note a failed attempt at work: complete again, not to be tried before; how many now."""
        with self.change() as db:
            row = db.execute(
                "UPDATE series SET state = 'complete', attempts = attempts + 1, reason = ?, "
                "not_before = ?, changed = ? WHERE id = ? RETURNING attempts",
                (reason, time.time() + seconds, time.time(), series),
            ).fetchone()
        return int(row[0])

    def verdict(self, series: int, verdict: str) -> None:
        """Note what verifying said."""
        with self.change() as db:
            db.execute("UPDATE series SET verdict = ? WHERE id = ?", (verdict, series))

    # Looking

    def find(self, series: int) -> Series | None:
        """A series by its number."""
        return next(self._series("WHERE id = ?", (series,)), None)

    def in_states(self, *states: State) -> list[Series]:
        """Series in certain states, the oldest first; in all of them where none is named."""
        where = "" if not states else f"WHERE state IN ({', '.join('?' * len(states))})"
        return list(self._series(f"{where} ORDER BY id", states))

    def latest(self, count: int) -> list[Series]:
        """The newest series, the newest first."""
        return list(self._series("ORDER BY id DESC LIMIT ?", (count,)))

    def objects(self, series: int) -> dict[str, str]:
        """Objects of a series, by SOP Instance UID: their SOP class."""
        rows = self.query("SELECT sop_uid, class_uid FROM objects WHERE series = ?", (series,))
        return {str(row[0]): str(row[1]) for row in rows}

    def count(self, series: int) -> int:
        """How many objects a series has."""
        row = self._one("SELECT COUNT(*) FROM objects WHERE series = ?", (series,))
        return 0 if row is None else int(row[0])

    def counts(self) -> dict[str, int]:
        """How many series are in each state."""
        rows = self.query("SELECT state, COUNT(*) FROM series GROUP BY state", ())
        return {str(row[0]): int(row[1]) for row in rows}

    def _series(self, where: str, values: tuple[object, ...]) -> Iterator[Series]:
        for row in self.query(f"SELECT {_SERIES} FROM series {where}", values):
            yield Series(*row)

    def _one(self, query: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        rows = self.query(f"{query} LIMIT 1" if "LIMIT" not in query else query, values)
        return rows[0] if rows else None

    def query(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        """Rows of a query that changes nothing."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()
