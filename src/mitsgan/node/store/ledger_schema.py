"""The ledger's tables, and the states of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal[
    "received",
    "complete",
    "working",
    "protected",
    "sending",
    "committed",
    "dead",
    "discarded",
    "refused",
]

STATES: dict[State, str] = {
    "received": "objects arrive; more may come",
    "complete": "nothing more is expected; waits for work",
    "working": "a worker protects, verifies or restores it",
    "protected": "waits to be sent",
    "sending": "is on its way to its destinations",
    "committed": "every destination has all of it",
    "dead": "a dead letter: the reason stands beside it, the files are kept",
    "discarded": "was a dead letter, and was thrown away by hand: nothing is kept",
    "refused": "was not taken: the reason stands beside it, nothing is kept",
}
"""Every state, and what it means; the last four are ends."""

OPEN: tuple[State, ...] = ("received", "complete")
"""States in which a series still takes objects."""

DeliveryState = Literal["pending", "sent", "granted", "committed", "dead"]
"""Sent: every object was answered with success; granted: storage commitment was, too."""

WAITING: tuple[DeliveryState, ...] = ("pending", "sent", "granted")
"""States of deliveries that have not ended."""

VERSION = 2

FROM_VERSION_1 = "ALTER TABLE series ADD COLUMN beside INTEGER NOT NULL DEFAULT 0"

SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series_uid TEXT NOT NULL, study_uid TEXT NOT NULL, route TEXT NOT NULL,
    calling TEXT NOT NULL, address TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', note TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL, changed REAL NOT NULL, last_object REAL NOT NULL,
    expected INTEGER, follows INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0, verdict TEXT NOT NULL DEFAULT '',
    files TEXT NOT NULL DEFAULT 'kept', beside INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS series_by_uid ON series (series_uid, route);
CREATE INDEX IF NOT EXISTS series_by_state ON series (state);
CREATE INDEX IF NOT EXISTS series_by_study ON series (study_uid);
CREATE INDEX IF NOT EXISTS series_by_files ON series (files, state);
CREATE TABLE IF NOT EXISTS objects (
    series INTEGER NOT NULL REFERENCES series (id), sop_uid TEXT NOT NULL,
    class_uid TEXT NOT NULL, syntax TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,
    PRIMARY KEY (series, sop_uid)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_by_uid ON objects (sop_uid);
CREATE TABLE IF NOT EXISTS deliveries (
    series INTEGER NOT NULL REFERENCES series (id), destination TEXT NOT NULL,
    what TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0,
    transaction_uid TEXT NOT NULL DEFAULT '', denied INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (series, destination)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, destination);
CREATE TABLE IF NOT EXISTS sent (
    series INTEGER NOT NULL, destination TEXT NOT NULL, sop_uid TEXT NOT NULL,
    PRIMARY KEY (series, destination, sop_uid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS promises (
    transaction_uid TEXT PRIMARY KEY, calling TEXT NOT NULL, objects TEXT NOT NULL,
    created REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL);
"""
"""Nothing is ever deleted from series, objects and deliveries, and some questions are asked several
times a second: each needs an index. Audit messages wait to be sent. Promises are storage commitment
that senders asked for, and of which they have no result yet."""


@dataclass(frozen=True)
class Series:
    """A row of the ledger: one series, as it came in one go; times in seconds of the epoch.

    What lies ``beside`` the slices of a series is a row of its own, 1 there.
    """

    id: int
    series_uid: str
    study_uid: str
    route: str
    calling: str
    address: str
    state: State
    reason: str
    note: str
    created: float
    changed: float
    last_object: float
    expected: int | None
    follows: int | None
    attempts: int
    not_before: float
    verdict: str
    files: str
    beside: int


@dataclass(frozen=True)
class Delivery:
    """What one destination is to get of a series.

    Its transactions, divided by spaces, are of storage commitment, which was denied so often: the
    result of any of them counts.
    """

    series: int
    destination: str
    what: Literal["protected", "restored", "received"]
    state: DeliveryState
    reason: str
    attempts: int
    not_before: float
    transaction_uid: str
    denied: int
