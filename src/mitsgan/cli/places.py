"""Places in a patient, as they are given on the command line."""

from __future__ import annotations

import math
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec

from mitsgan.errors import SettingsError
from mitsgan.settings import Place


def parse_place(text: str) -> Place:
    """A place in LPS mm, written ``X,Y,Z``.

    Raises:
        SettingsError: not three numbers.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        x = y = z = math.nan
    if not all(map(math.isfinite, (x, y, z))):
        raise SettingsError(
            f"{text}: expected three numbers X,Y,Z in mm (LPS), for example 56.2,86.3,-115.9"
        )
    return x, y, z


def _is_place(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3


PlaceOption = Annotated[
    Place,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="X,Y,Z",
        instance_from_str=lambda texts: parse_place(texts[0]),
        is_instance=_is_place,
        str_from_instance=lambda place: [",".join(f"{v:g}" for v in place)],
    ),
]
"""The type of an option that takes a place."""
