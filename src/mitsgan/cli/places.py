"""Places in a patient, as they are given on the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mitsgan.cli.options import UsageError

Place = tuple[float, float, float]


def parse_places(option: str, texts: Sequence[str]) -> tuple[Place, ...]:
    """Places in LPS mm, each written ``X,Y,Z``.

    Raises:
        UsageError: not three numbers.
    """
    return tuple(_place(option, text) for text in texts)


def _place(option: str, text: str) -> Place:
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        x = y = z = math.nan
    if not all(map(math.isfinite, (x, y, z))):
        raise UsageError(
            f"{option} {text}: expected three numbers X,Y,Z in mm (LPS), for example "
            f"{option} 56.2,86.3,-115.9"
        )
    return x, y, z
