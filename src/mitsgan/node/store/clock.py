"""A clock that was set back: times in the ledger that lie ahead of it would be waited for."""

from __future__ import annotations

from mitsgan.node.store.ledger import Ledger

_WAITS = (
    # A table, its column, how long that may lie ahead at all, and of which rows.
    ("series", "last_object", False, "state = 'received'"),
    ("series", "not_before", True, "state = 'complete'"),
    ("deliveries", "not_before", True, "state NOT IN ('committed', 'dead')"),
    ("promises", "not_before", True, "TRUE"),
)

_TOLERANCE = 5.0
"""Seconds that clocks are set back by without anybody's notice."""


def catch_up(ledger: Ledger, now: float, longest: float) -> bool:
    """Bring what lies ahead of the clock back to it: nothing waits longer than it would have.

    Args:
        ledger: whose series and deliveries wait.
        now: seconds of the epoch.
        longest: seconds that anything is put off for.

    Returns:
        Whether anything lay ahead.
    """
    found = False
    for table, column, put_off, rows in _WAITS:
        latest = now + _TOLERANCE + (longest if put_off else 0)
        where = f"{column} > ? AND {rows}"
        if ledger.query(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1", (latest,)):
            found = True
            with ledger.change() as db:
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (now, latest))
    return found
