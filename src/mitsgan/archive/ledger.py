"""The ledger: what is to be done, what was done, and who is at it, in one SQLite file.

It is the only truth. Engines start workers; workers take series out of the ledger under a lease,
renew it while they work, and enter the end last, when the output is in place. A worker that is
lost leaves a lease that ends, and another worker takes the series over.

The rollback journal is used, not the write-ahead log, which needs shared memory: machines that
share a file system, and its locks, share the ledger.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from mitsgan.archive.task import ATTEMPTS, WAIT_SECONDS, Failure, NewTask, Outcome, State, Task
from mitsgan.errors import DataError

VERSION = 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS plan (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folders (
    path TEXT PRIMARY KEY, stamp TEXT NOT NULL, content TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL, action TEXT NOT NULL, source TEXT NOT NULL, series TEXT NOT NULL,
    output TEXT NOT NULL, files INTEGER NOT NULL, megabytes REAL NOT NULL, voxels INTEGER NOT NULL,
    memory_mb REAL NOT NULL, state TEXT NOT NULL DEFAULT 'pending', owner TEXT NOT NULL DEFAULT '',
    lease_until REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
    failures TEXT NOT NULL DEFAULT '{}',
    failure TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '', text TEXT NOT NULL DEFAULT '',
    seconds REAL NOT NULL DEFAULT 0, peak_mb REAL NOT NULL DEFAULT 0,
    started REAL NOT NULL DEFAULT 0, ended REAL NOT NULL DEFAULT 0,
    UNIQUE (action, source, series));
CREATE INDEX IF NOT EXISTS tasks_by_state ON tasks (state, lease_until);
"""
_FROM_VERSION_1 = "ALTER TABLE tasks ADD COLUMN failures TEXT NOT NULL DEFAULT '{}'"
_OPEN_INDEX = """
CREATE INDEX IF NOT EXISTS tasks_open ON tasks (voxels DESC, id, lease_until, memory_mb)
    WHERE state IN ('pending', 'running')
"""
_OPEN = "tasks INDEXED BY tasks_open WHERE state IN ('pending', 'running') AND memory_mb <= ?"
"""What is open, largest first. By that index the next series is the first entry or near it; SQLite
on its own would sort all that wait, and keep everybody from the ledger meanwhile."""
_NAMES = [field.name for field in fields(Task)]
_TASK = ", ".join(_NAMES)
_FIRST = f"SELECT {_TASK} FROM {_OPEN} AND lease_until <= ? ORDER BY voxels DESC, id LIMIT ?"
_THIS = (
    f"SELECT {_TASK} FROM tasks WHERE state IN ('pending', 'running') AND memory_mb <= ? "
    "AND lease_until <= ? AND id = ?"
)
_WORKED_ON = "state = 'failed' AND attempts > 0"
_NEVER_BEGUN = "state = 'failed' AND attempts = 0"
"""Failed at work; found damaged by a plan, which is no series: one slice may be all of it."""
_NEW = ("key", "action", "source", "series", "output", "files", "megabytes", "voxels", "memory_mb")


class Ledger:
    """All series of an archive. One object for one thread."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open a ledger.

        Args:
            path: its file.
            create: begin one if it is not there.

        Raises:
            DataError: there is none, it cannot be opened, or is of another version.
        """
        if not create and not path.is_file():
            raise DataError(f"{path}: no such ledger; `mitsgan archive plan` begins one")
        self.path = path
        try:
            with ExitStack() as undo:
                self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
                undo.callback(self._db.close)
                self._db.execute("PRAGMA synchronous=FULL")
                version = self._version()
                if version not in range(VERSION + 1) or (version == 0 and not create):
                    raise DataError(
                        f"{path} is no ledger of version {VERSION} (found {version}); "
                        "name another file"
                    )
                if version == 0:
                    self._db.executescript(_SCHEMA + f"PRAGMA user_version={VERSION};")
                elif version < VERSION:
                    self._renew_version()
                self._db.execute(_OPEN_INDEX)
                undo.pop_all()
        except sqlite3.Error as error:
            raise DataError(f"{path}: this ledger cannot be opened ({error})") from error

    def close(self) -> None:
        """Close it."""
        self._db.close()

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _renew_version(self) -> None:
        """Make a ledger that an earlier mitsgan began one of today."""
        with self._change() as db:
            if self._version() < VERSION:  # nobody else has meanwhile
                db.execute(_FROM_VERSION_1)
                db.execute(f"PRAGMA user_version={VERSION}")

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when it ends, or undone.

        Raises:
            DataError: it cannot be written, as on a full disk.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite has undone some by itself
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise DataError(
                f"{self.path}: the ledger cannot be written ({error}); free space, and try again"
            ) from error

    # Planning

    def set_plan(self, name: str, value: object) -> None:
        """Keep a value of the plan, as JSON."""
        with self._change() as db:
            db.execute("REPLACE INTO plan VALUES (?, ?)", (name, json.dumps(value)))

    def plan(self, name: str) -> Any:
        """A value of the plan, or None."""
        row = self._db.execute("SELECT value FROM plan WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def folders(self) -> dict[str, tuple[str, str]]:
        """What earlier plans saw: stamp and content, by folder."""
        rows = self._db.execute("SELECT path, stamp, content FROM folders")
        return {path: (stamp, content) for path, stamp, content in rows}

    def keep_folders(self, seen: Iterable[tuple[str, str, str]]) -> None:
        """Remember folders: path, stamp, content."""
        with self._change() as db:
            db.executemany("REPLACE INTO folders VALUES (?, ?, ?)", seen)

    def enter(self, tasks: Iterable[NewTask]) -> tuple[int, int]:
        """Enter series; those of a known key stay as they are, changed ones are done anew.

        Returns:
            How many are new, and how many are changed.
        """
        new = changed = 0
        with self._change() as db:
            for task in tasks:
                values = (*(_plain(value) for value in astuple(task)[: len(_NEW)]),)
                known = db.execute(
                    "SELECT id, key FROM tasks WHERE action = ? AND source = ? AND series = ?",
                    (task.action, str(task.source), task.series),
                ).fetchone()
                state = "failed" if task.reason else "pending"
                why = "input" if task.reason else ""
                if known is None:
                    new += 1
                    db.execute(
                        f"INSERT INTO tasks ({', '.join(_NEW)}, state, failure, reason) "
                        f"VALUES ({', '.join('?' * (len(_NEW) + 3))})",
                        (*values, state, why, task.reason),
                    )
                elif known[1] != task.key:
                    changed += 1
                    names = ", ".join(f"{name} = ?" for name in _NEW)
                    db.execute(
                        f"UPDATE tasks SET {names}, state = ?, failure = ?, reason = ?, owner = '',"
                        " lease_until = 0, attempts = 0, failures = '{}', verdict = '', text = ''"
                        " WHERE id = ?",
                        (*values, state, why, task.reason, known[0]),
                    )
        return new, changed

    def forget_damaged(self, still: Iterable[str]) -> None:
        """Forget files that an earlier plan found damaged, but for those which still are."""
        known = set(still)
        with self._change() as db:
            rows = db.execute(f"SELECT id, source FROM tasks WHERE {_NEVER_BEGUN}")
            mended = [(number,) for number, source in rows.fetchall() if source not in known]
            db.executemany("DELETE FROM tasks WHERE id = ?", mended)

    # Working

    def waiting(self, memory_mb: float, limit: int) -> list[Task]:
        """Series that may be leased at the moment and fit into so much memory, largest first."""
        rows = self._db.execute(_FIRST, (memory_mb, time.time(), limit))
        return [_task(row) for row in rows]

    def lease(
        self, owner: str, seconds: float, memory_mb: float, number: int | None = None
    ) -> Task | None:
        """Take the largest series that waits and fits into so much memory; None if there is none.

        A series whose lease ended is taken over: its worker was lost. With a ``number``, this
        series or none.
        """
        now = time.time()
        query, last = (_FIRST, 1) if number is None else (_THIS, number)
        with self._change() as db:
            row = db.execute(query, (memory_mb, now, last)).fetchone()
            if row is None:
                return None
            task = _task(row)
            if task.state == "running":
                lost = Outcome(failure="infrastructure", reason="the worker was lost")
                if _end(db, task, lost, now) == "failed":
                    return None
            db.execute(
                "UPDATE tasks SET state = 'running', owner = ?, lease_until = ?, started = ?, "
                "attempts = attempts + 1 WHERE id = ?",
                (owner, now + seconds, now, task.id),
            )
        return self.task(task.id)

    def renew(self, task: Task, seconds: float) -> bool:
        """Keep a series for longer; False where another worker has taken it over."""
        with self._change() as db:
            count = db.execute(
                "UPDATE tasks SET lease_until = ? WHERE id = ? AND owner = ? AND state = 'running'",
                (time.time() + seconds, task.id, task.owner),
            ).rowcount
        return bool(count)

    def end(self, task: Task, outcome: Outcome) -> bool:
        """Enter what came of a series; False where another worker has taken it over."""
        with self._change() as db:
            mine = db.execute(
                "SELECT 1 FROM tasks WHERE id = ? AND owner = ? AND state = 'running'",
                (task.id, task.owner),
            ).fetchone()
            if mine is not None:
                _end(db, task, outcome, time.time())
        return mine is not None

    def of_owner(self, owner: str) -> list[Task]:
        """What a worker has at the moment."""
        return self._tasks("WHERE owner = ? AND state = 'running'", owner)

    def let_go(self, owner: str) -> None:
        """Give back what a worker has that was told to stop: that is no failure."""
        with self._change() as db:
            db.execute(
                "UPDATE tasks SET state = 'pending', lease_until = 0, attempts = attempts - 1 "
                "WHERE owner = ? AND state = 'running'",
                (owner,),
            )

    def retry(self, failures: Iterable[Failure]) -> int:
        """Let series that failed at work in one of these ways be tried again; how many."""
        kinds = list(failures)
        with self._change() as db:
            changed = db.execute(
                "UPDATE tasks SET state = 'pending', attempts = 0, failures = '{}', "
                "lease_until = 0 WHERE "
                f"{_WORKED_ON} AND failure IN ({', '.join('?' * len(kinds))})",
                kinds,
            ).rowcount
        return int(changed)

    # Looking

    def task(self, number: int) -> Task:
        """One series."""
        return self._tasks("WHERE id = ?", number)[0]

    def tasks(self, *states: State) -> list[Task]:
        """All series, or those in some states, in the order they were entered."""
        if not states:
            return self._tasks("ORDER BY id")
        return self._tasks(f"WHERE state IN ({', '.join('?' * len(states))}) ORDER BY id", *states)

    def counts(self) -> dict[str, int]:
        """How many series are in each state."""
        rows = self._db.execute("SELECT state, count(*) FROM tasks GROUP BY state")
        return {state: int(count) for state, count in rows}

    def open(self, memory_mb: float) -> int:
        """How many series are not at an end and fit into so much memory."""
        row = self._db.execute(f"SELECT count(*) FROM {_OPEN}", (memory_mb,)).fetchone()
        return int(row[0])

    def open_voxels(self, memory_mb: float) -> int:
        """Voxels of these."""
        row = self._db.execute(f"SELECT total(voxels) FROM {_OPEN}", (memory_mb,)).fetchone()
        return int(row[0])

    def any_open(self, memory_mb: float) -> bool:
        """Whether `open` is more than 0, without counting."""
        query = f"SELECT EXISTS (SELECT 1 FROM {_OPEN})"
        return bool(self._db.execute(query, (memory_mb,)).fetchone()[0])

    def rate(self) -> float | None:
        """Seconds of work for a million voxels, of what is done; None before that."""
        row = self._db.execute(
            "SELECT sum(seconds), sum(voxels) FROM tasks WHERE state = 'done' AND voxels > 0"
        ).fetchone()
        return None if not row[1] else row[0] / row[1] * 1e6

    def _tasks(self, where: str, *values: object) -> list[Task]:
        rows = self._db.execute(f"SELECT {_TASK} FROM tasks {where}", values)
        return [_task(row) for row in rows]


def _end(db: sqlite3.Connection, task: Task, outcome: Outcome, now: float) -> State:
    """Enter an end, or the next attempt where the failure may pass; the state that comes of it."""
    kind, failures = outcome.failure, dict(task.failures)
    state: State = "done"
    wait = 0.0
    if kind:
        failures[kind] = failures.get(kind, 0) + 1
        again = failures[kind] < ATTEMPTS[kind]
        state = "pending" if again else "failed"
        wait = now + WAIT_SECONDS[kind] if again else 0.0
    db.execute(
        "UPDATE tasks SET state = ?, lease_until = ?, failures = ?, failure = ?, reason = ?, "
        "verdict = ?, text = ?, seconds = ?, peak_mb = ?, ended = ? WHERE id = ?",
        (
            *(state, wait, json.dumps(failures), kind, outcome.reason),
            *(outcome.verdict, outcome.text, outcome.seconds, outcome.peak_mb, now, task.id),
        ),
    )
    return state


def _task(row: Sequence[Any]) -> Task:
    values = dict(zip(_NAMES, row, strict=True))
    return Task(**{**values, "failures": json.loads(values["failures"])})


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
