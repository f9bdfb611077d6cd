"""What is asked of a scan again and again is computed once, as long as the scan lives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock, RLock
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from mitsgan.scan.scan import Scan

P = ParamSpec("P")
T = TypeVar("T")


class _Answer:
    """One answer, once there is one, and who may work it out."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.values: list[Any] = []


def once_per_scan(
    question: Callable[Concatenate[Scan, P], T],
) -> Callable[Concatenate[Scan, P], T]:
    """Decorates a function of a scan: asked the same again, it gives the same object again.

    Scans are told apart as objects: they are never modified, so the answer stays right, and it is
    forgotten together with its scan. Several threads may ask; one of them works it out, the others
    wait for it. An error is no answer: whoever asks next tries again.

    Args:
        question: further arguments must be hashable. Its result must not be modified, for it is
            shared, and must not refer to the scan, which would then live for ever.
    """
    answers: WeakKeyDictionary[Scan, dict[Hashable, _Answer]] = WeakKeyDictionary()
    guard = Lock()
    signature = inspect.signature(question)

    @wraps(question)
    def asked(scan: Scan, /, *args: P.args, **kwargs: P.kwargs) -> T:
        bound = signature.bind(scan, *args, **kwargs)
        bound.apply_defaults()
        _, *further = bound.arguments.values()
        with guard:
            answer = answers.setdefault(scan, {}).setdefault(tuple(further), _Answer())
        with answer.lock:
            if not answer.values:
                answer.values.append(question(scan, *args, **kwargs))
            value: T = answer.values[0]
        return value

    return asked
