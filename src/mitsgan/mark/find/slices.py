"""Slices whose mark is not where it should be: moved, copied, flipped, or replaced.

A slice's signs are bound to its position. One that does not carry its own signs is compared with
those of every other position of the series, as it is and mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.settings import Detector

_UNITS = 40_000
"""Of a slice, about its middle row, that are compared: enough for a z-score of 10 where the mark is
a twentieth of the noise."""

_AT_ONCE = 64
_PIECE = 64
"""Rows and columns of the matrices that are multiplied: too small for BLAS to set threads on."""

_JITTERED = 8
"""Slices of which positions that a header rounded otherwise are tried, too."""

_MANY, _FEW = 32, 12
"""Of more slices than this, a few are tried first: mostly, none carries anything."""

Turn = tuple[int, int]
"""Steps along rows and columns, 1 or -1, that undo how a slice was turned."""

_FLIPS: tuple[tuple[str, Turn], ...] = (
    ("", (1, 1)),
    ("mirrored along its rows", (1, -1)),
    ("mirrored along its columns", (-1, 1)),
    ("turned by 180 degrees", (-1, -1)),
)

Signs = Callable[[int, int], NDArray[np.int8]]
"""The signs of a slice's units at a position (1/100 mm), for a variant of the stream."""


@dataclass(frozen=True)
class Match:
    """Whose signs a slice carries.

    Attributes:
        position: in 1/100 mm along the normal.
        variant: of the stream.
        flip: index into the ways a slice can be turned; 0 as it is.
        score: z-score.
    """

    position: int
    variant: int
    flip: int
    score: float

    @property
    def flipped(self) -> str:
        """How the slice was turned, in words; empty if it was not."""
        return _FLIPS[self.flip][0]

    @property
    def turn(self) -> Turn:
        """Undoes how the slice was turned."""
        return _FLIPS[self.flip][1]


def match_slices(
    residuals: dict[int, Callable[[Turn], NDArray[np.float32]]],
    positions: Sequence[int],
    signs: Signs,
    settings: Detector,
) -> dict[int, Match]:
    """For each slice, the position and the turn whose signs it carries, if any.

    Args:
        residuals: by slice number, of the whole slice turned as asked for, weighted by its noise:
            at least as many units ``[y, x]`` as it has signs.
        positions: of all slices, 1/100 mm.
        signs: the key's.
        settings: of the detector.
    """
    if not residuals:
        return {}
    numbers = sorted(residuals)
    if len(numbers) > _MANY:
        # None of a few: then it is another key, or never marked, and no need to try the rest.
        few = {z: residuals[z] for z in numbers[:: len(numbers) // _FEW]}
        if not match_slices(few, positions, signs, settings):
            return {}
    rows, columns = signs(positions[0], 0).shape
    middle, half = rows // 2, _UNITS // columns // 2 + 1
    band = slice(max(middle - half, 0), min(middle + half, rows))
    turned = np.stack(
        [residuals[z](turn)[band, :columns].ravel() for z in numbers for _, turn in _FLIPS]
    )
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    best: dict[int, Match] = {}
    candidates = _candidates(positions, [positions[z] for z in numbers[:_JITTERED]], settings)
    for start in range(0, len(candidates), _AT_ONCE):
        some = candidates[start : start + _AT_ONCE]
        streams = np.stack([signs(p, v)[band].ravel() for p, v in some], dtype=np.float32)
        scores = _products(turned, streams).reshape(len(numbers), -1)
        for k in np.flatnonzero(scores.max(1) > settings.mark_score):
            flip, which = divmod(int(scores[k].argmax()), len(some))
            score, z = float(scores[k].max()), numbers[k]
            if z not in best or score > best[z].score:
                best[z] = Match(*some[which], flip, score)
    return best


def _products(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """``left @ right.T`` in pieces too small for BLAS to set threads on.

    Its threads wait for each other in a loop: beside other work, much longer than they compute.
    """
    length = left.shape[1]
    rows = []
    for start in range(0, len(left), _AT_ONCE):
        some = left[start : start + _AT_ONCE]
        total = np.zeros((len(some), len(right)), np.float32)
        for at in range(0, length, _PIECE):
            total += some[:, at : at + _PIECE] @ right[:, at : at + _PIECE].T
        rows.append(total)
    return np.concatenate(rows)


def _candidates(
    positions: Sequence[int], doubtful: Sequence[int], settings: Detector
) -> list[tuple[int, int]]:
    """Positions and variants to compare with: the grid, carried on past both ends, and jitter."""
    first, last = positions[0], positions[-1]
    step = (last - first) / max(len(positions) - 1, 1)
    reach = last - first + round(step)
    jitter = range(-settings.same_position, settings.same_position + 1)
    tried = set(positions)
    tried |= {p + sign * reach for p in positions for sign in (-1, 1)}
    tried |= {p + d for p in doubtful for d in jitter}
    return [(p, variant) for p in sorted(tried) for variant in (0, 1, 2)]
