"""Removals where nodules are known to be: where they strike, and what is made large there."""

from __future__ import annotations

from collections.abc import Sequence

from mitsgan.attack import Attacker
from mitsgan.attack.objectives import more_remainder
from mitsgan.attack.resample import Triple
from mitsgan.optimize.attacked_scan import Threat
from mitsgan.optimize.places import Around

UNCERTAINTY_MM = 3.0
"""How far from a known place a removal may be centred."""


def removals_around(
    centres: Sequence[Triple], spacing: tuple[float, float, float], removers: Sequence[Attacker]
) -> list[Threat]:
    """Removers around voxels ``[z, y, x]``, who take turns; a removal is to leave something.

    That does more to removers who were not there than a distance does; see
    docs/decisions/known-places.md.

    Raises:
        PositionError: no centre.
    """
    places = Around(tuple(centres), spacing, UNCERTAINTY_MM)
    return [Threat(remover, places, more_remainder) for remover in removers]
