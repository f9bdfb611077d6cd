"""What every engine enters of workers that hang or are lost."""

from __future__ import annotations

import time
from collections.abc import Collection

from mitsgan.archive.ledger import Ledger
from mitsgan.archive.settings import RunSettings
from mitsgan.archive.task import Failure, Outcome


def enter_loss(ledger: Ledger, owner: str, reason: str, failure: Failure = "infrastructure") -> int:
    """Enter that a worker ended in the middle of a series; how many there were."""
    tasks = ledger.of_owner(owner)
    return sum(ledger.end(task, Outcome(failure=failure, reason=reason)) for task in tasks)


def end_hung(ledger: Ledger, settings: RunSettings, owners: Collection[str]) -> set[str]:
    """Enter that workers have been at a series for too long; which of them have to be ended."""
    seconds = settings.timeout_minutes * 60
    hung = set()
    for task in ledger.tasks("running"):
        if task.owner in owners and time.time() - task.started > seconds:
            reason = f"not done within {settings.timeout_minutes:g} minutes"
            ledger.end(task, Outcome(failure="resource", reason=reason, seconds=seconds))
            hung.add(task.owner)
    return hung
