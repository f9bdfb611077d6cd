"""The axes of a plot: where a value lies, and where the ticks are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_TICKS = 6


@dataclass(frozen=True)
class Scale:
    """Values from ``low`` to ``high`` on a line from ``start`` to ``stop``."""

    low: float
    high: float
    log: bool
    start: float
    stop: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Where a value lies."""
        low, high, v = (
            (math.log(w) for w in (self.low, self.high, value))
            if self.log
            else (self.low, self.high, value)
        )
        return self.start + (v - low) / (high - low) * (self.stop - self.start)


def make_scale(
    values: Sequence[float], start: float, stop: float, *, log: bool, own_ticks: bool
) -> Scale:
    """A scale that holds all values.

    Args:
        values: at least one.
        start, stop: the line in the picture.
        log: asked for; a logarithm needs values above zero, else the scale is linear.
        own_ticks: let the values themselves be the ticks where they are few, as steps of a
            parameter are; otherwise the scale ends at round numbers, and has zero in it.
    """
    log = log and min(values) > 0
    steps = sorted(set(values))
    few = own_ticks and len(steps) <= _TICKS + 1
    if log:
        low, high = _apart(steps[0], steps[-1], 2.0)
        ticks = steps if few else _decades(low, high)
    elif few:
        low, high = _apart(steps[0], steps[-1])
        ticks = steps
    else:
        low, high = _apart(min(0.0, steps[0]), max(0.0, steps[-1]))
        step = _round_up((high - low) / _TICKS)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        ticks = [step * i for i in range(first, last + 1)]
    if not few:
        low, high = min(low, ticks[0]), max(high, ticks[-1])
    return Scale(low, high, log, start, stop, tuple(ticks))


def _apart(low: float, high: float, factor: float | None = None) -> tuple[float, float]:
    """Two ends that are not the same."""
    if high > low:
        return low, high
    return (low / factor, high * factor) if factor else (low - 0.5, high + 0.5)


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 of every decade that hold all values between them; or decades alone."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    parts = (1, 2, 5) if last - first <= 2 else (1,)
    held = [p * 10.0**e for e in range(first, last + 1) for p in parts]
    below = [t for t in held if t <= low * (1 + 1e-9)]
    above = [t for t in held if t >= high * (1 - 1e-9)]
    return [t for t in held if below[-1] <= t <= above[0]]


def _round_up(step: float) -> float:
    """The next of 1, 2, 2.5, 5 and 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= step * (1 - 1e-9))
