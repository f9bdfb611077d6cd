"""What each destination of a series is to get, got, and confirmed; a part of the ledger."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import WAITING, Delivery, DeliveryState, State

What = Literal["protected", "restored", "received"]
_COLUMNS = ", ".join(f"d.{field.name}" for field in fields(Delivery))
_WAITS = f"state IN ({', '.join(repr(state) for state in WAITING)})"


@dataclass(frozen=True)
class Plan:
    """What one destination gets: objects as protected, restored or received, or nothing.

    Attributes:
        what: as what.
        withheld: why it gets nothing; empty if it gets them.
    """

    what: What
    withheld: str = ""


class Deliveries:
    """The deliveries of a ledger. Any thread may use them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def plan(self, series: int, plans: Mapping[str, Plan], to: State, note: str = "") -> None:
        """Enter what every destination gets, and the new state of the series, all at once.

        A destination that has got all of it already stays as it is. One that an earlier plan had,
        of a route that has changed since, is no longer waited for.
        """
        now = time.time()
        with self._ledger.change() as db:
            marks = ", ".join("?" * len(plans))
            db.execute(
                "DELETE FROM deliveries WHERE series = ? AND state != 'committed' "
                f"AND destination NOT IN ({marks})",
                (series, *plans),
            )
            for destination, plan in plans.items():
                db.execute(
                    "INSERT INTO deliveries (series, destination, what, state, reason) "
                    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (series, destination) DO UPDATE SET "
                    "what = excluded.what, state = excluded.state, reason = excluded.reason, "
                    "attempts = 0, not_before = 0 WHERE state != 'committed'",
                    (
                        series,
                        destination,
                        plan.what,
                        "dead" if plan.withheld else "pending",
                        plan.withheld,
                    ),
                )
            db.execute(
                "UPDATE series SET state = ?, reason = '', note = ?, changed = ? WHERE id = ?",
                (to, note, now, series),
            )
            _settle(db, series)

    def of(self, series: int) -> list[Delivery]:
        """All deliveries of a series."""
        return self._find("WHERE d.series = ? ORDER BY d.destination", (series,))

    def due(self, destination: str) -> Delivery | None:
        """What is to be done next for a destination, the oldest series first."""
        rows = self._find(
            f"WHERE d.destination = ? AND d.{_WAITS} AND d.not_before <= ? "
            "ORDER BY d.series LIMIT 1",
            (destination, time.time()),
        )
        return rows[0] if rows else None

    def open(self, destination: str) -> list[Delivery]:
        """All that has not ended for a destination."""
        return self._find(
            f"WHERE d.destination = ? AND d.{_WAITS} ORDER BY d.series", (destination,)
        )

    def waiting(self) -> dict[str, int]:
        """How many series wait for each destination."""
        rows = self._ledger.query(
            f"SELECT destination, COUNT(*) FROM deliveries WHERE {_WAITS} GROUP BY destination",
            (),
        )
        return {str(row[0]): int(row[1]) for row in rows}

    def begin(self, delivery: Delivery) -> None:
        """Note that a series is on its way."""
        self._ledger.move(delivery.series, "sending", of=["protected"])

    def note_sent(self, delivery: Delivery, sop_uid: str) -> None:
        """Note that a destination has an object."""
        with self._ledger.change(durable=False) as db:
            db.execute(
                "INSERT OR IGNORE INTO sent VALUES (?, ?, ?)",
                (delivery.series, delivery.destination, sop_uid),
            )

    def denied(self, delivery: Delivery, sop_uids: list[str]) -> None:
        """Note that a destination has not kept objects after all, so that they are sent again."""
        with self._ledger.change() as db:
            _deny(db, delivery, sop_uids)

    def not_committed(
        self,
        delivery: Delivery,
        sop_uids: list[str],
        to: DeliveryState,
        *,
        reason: str,
        wait: float = 0,
    ) -> None:
        """The same of a storage commitment, with the state that comes of it, all at once.

        Between the two a delivery would have all that it is known to have sent committed.

        Args:
            delivery: which.
            sop_uids: of the objects that were not committed.
            to, reason, wait: as of `advance`.
        """
        with self._ledger.change() as db:
            _deny(db, delivery, sop_uids)
            _advance(db, delivery, to, reason=reason, wait=wait)

    def sent(self, delivery: Delivery) -> set[str]:
        """SOP Instance UIDs that a destination has of a series."""
        rows = self._ledger.query(
            "SELECT sop_uid FROM sent WHERE series = ? AND destination = ?",
            (delivery.series, delivery.destination),
        )
        return {str(row[0]) for row in rows}

    def advance(
        self,
        delivery: Delivery,
        to: DeliveryState,
        *,
        reason: str = "",
        wait: float = 0,
    ) -> None:
        """Change the state of a delivery, and of its series if that was the last one.

        Args:
            delivery: which.
            to: its new state.
            reason: why, of a dead one.
            wait: seconds until it is looked at again.
        """
        with self._ledger.change() as db:
            _advance(db, delivery, to, reason=reason, wait=wait)

    def asks(self, delivery: Delivery, transaction: str, wait: float) -> bool:
        """Note that storage commitment is about to be asked for, which is an attempt.

        Args:
            delivery: which.
            transaction: UID of the new question.
            wait: seconds until it is asked for again.

        Returns:
            Whether it is still to be asked for: the result of an earlier question may have come.
        """
        # Of a slow archive, the result of an earlier question comes after the next one is asked.
        earlier = "CASE attempts WHEN 0 THEN '' ELSE transaction_uid || ' ' END"
        with self._ledger.change() as db:
            asked = db.execute(
                "UPDATE deliveries SET attempts = attempts + 1, reason = '', not_before = ?, "
                f"transaction_uid = {earlier} || ? "
                "WHERE series = ? AND destination = ? AND state = 'sent'",
                (time.time() + wait, transaction, delivery.series, delivery.destination),
            )
        return bool(asked.rowcount)

    def failed(self, delivery: Delivery, reason: str, wait: float) -> None:
        """Note a failed attempt; the delivery stays in its state until then."""
        with self._ledger.change() as db:
            db.execute(
                "UPDATE deliveries SET attempts = attempts + 1, reason = ?, not_before = ? "
                "WHERE series = ? AND destination = ?",
                (reason, time.time() + wait, delivery.series, delivery.destination),
            )

    def of_transaction(self, uid: str) -> Delivery | None:
        """The delivery that a storage commitment is about; None where nobody waits for it."""
        if not uid:
            return None
        rows = self._find(
            "WHERE d.state = 'sent' AND INSTR(' ' || d.transaction_uid || ' ', ' ' || ? || ' ')",
            (uid,),
        )
        return rows[0] if rows else None

    def retry(self, series: int) -> bool:
        """Take a dead letter up again; False where it is none.

        What was protected is sent again to those who have not got it; what could not be protected
        is tried anew. Of a series that is on its way to others, those are tried again that were
        given up: another destination that is away would keep them waiting for a day.
        """
        with self._ledger.change() as db:
            found = db.execute(
                "SELECT state FROM series WHERE id = ? AND files = 'kept' "
                "AND state IN ('dead', 'sending')",
                (series,),
            ).fetchone()
            if found is None:
                return False
            again = db.execute(
                "UPDATE deliveries SET state = 'pending', reason = '', attempts = 0, denied = 0, "
                "not_before = 0 WHERE series = ? AND state = 'dead' AND reason NOT LIKE ?",
                (series, f"{HELD}%"),
            ).rowcount
            if found[0] == "sending":
                return bool(again)
            withheld = db.execute(
                "SELECT 1 FROM deliveries WHERE series = ? AND reason LIKE ?", (series, f"{HELD}%")
            ).fetchone()
            state = "sending" if again and withheld is None else "complete"
            db.execute(
                "UPDATE series SET state = ?, reason = '', attempts = 0, not_before = 0, "
                "changed = ? WHERE id = ?",
                (state, time.time(), series),
            )
        return True

    def discard(self, series: int) -> bool:
        """Note that the files of a dead letter are to be deleted; False where it is none."""
        with self._ledger.change() as db:
            discarded = db.execute(
                "UPDATE series SET state = 'discarded', files = 'deleted', changed = ? "
                "WHERE id = ? AND state = 'dead'",
                (time.time(), series),
            )
        return bool(discarded.rowcount)

    def _find(self, where: str, values: tuple[object, ...]) -> list[Delivery]:
        rows = self._ledger.query(f"SELECT {_COLUMNS} FROM deliveries d {where}", values)
        return [Delivery(*row) for row in rows]


HELD = "held back: "
"""How the reason of a delivery begins that holds an original back."""


def _deny(db: sqlite3.Connection, delivery: Delivery, sop_uids: list[str]) -> None:
    db.executemany(
        "DELETE FROM sent WHERE series = ? AND destination = ? AND sop_uid = ?",
        [(delivery.series, delivery.destination, uid) for uid in sop_uids],
    )
    db.execute(
        "UPDATE deliveries SET denied = denied + 1 WHERE series = ? AND destination = ?",
        (delivery.series, delivery.destination),
    )


def _advance(
    db: sqlite3.Connection, delivery: Delivery, to: DeliveryState, *, reason: str, wait: float
) -> None:
    db.execute(
        "UPDATE deliveries SET state = ?, reason = ?, not_before = ?, "
        "attempts = CASE WHEN state = ? THEN attempts ELSE 0 END "
        "WHERE series = ? AND destination = ?",
        (to, reason, time.time() + wait, to, delivery.series, delivery.destination),
    )
    _settle(db, delivery.series)


def _settle(db: sqlite3.Connection, series: int) -> None:
    """End a series all of whose deliveries have ended, in the same transaction as the last one.

    A node that is killed in between would never look at it again. One that waits for work, or is
    worked on, is planned anew.
    """
    rows = db.execute(
        "SELECT destination, state, reason FROM deliveries WHERE series = ?", (series,)
    ).fetchall()
    if not rows or any(state not in ("committed", "dead") for _, state, _ in rows):
        return
    reasons = [f"{name}: {reason}" for name, state, reason in rows if state == "dead"]
    db.execute(
        "UPDATE series SET state = ?, reason = ?, changed = ? "
        "WHERE id = ? AND state NOT IN ('complete', 'working')",
        ("dead" if reasons else "committed", "; ".join(reasons), time.time(), series),
    )
