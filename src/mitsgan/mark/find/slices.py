"""Slices whose mark is not where it should be: moved, copied, flipped, or replaced.

A slice's signs are bound to its position. One that does not carry its own signs is compared with
those of every other position of the series, as it is and mirrored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mitsgan.mark.find.settings import Detector
from mitsgan.mark.pattern import Pattern
from mitsgan.mark.strength import Blocks
from mitsgan.mark.windows import UNIT

_UNITS = 40_000
"""Of a slice, about its middle row, that are compared: enough for a z-score of 10 where the mark is
a twentieth of the noise."""

_AT_ONCE = 64
_PIECE = 64
"""Rows and columns of the matrices that are multiplied: too small for BLAS to set threads on."""

_TOGETHER = 32
"""Slices that are compared at once; it bounds memory."""

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

Residual = Callable[[Turn], tuple[NDArray[np.float32], Blocks]]
"""Of a whole slice, turned as asked for: of its units, weighted by its noise, and the means of its
blocks, HU."""


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
    residuals: dict[int, Residual],
    positions: Sequence[int],
    pattern: Pattern,
    settings: Detector,
) -> dict[int, Match]:
    """For each slice, the position and the turn whose signs it carries, if any.

    Args:
        residuals: by slice number, of the whole slice.
        positions: of all slices, 1/100 mm.
        pattern: of the series.
        settings: of the detector.
    """
    numbers = sorted(residuals)
    if len(numbers) > _MANY:
        # None of a few: then it is another key, or never marked, and no need to try the rest.
        few = {z: residuals[z] for z in numbers[:: len(numbers) // _FEW]}
        if not match_slices(few, positions, pattern, settings):
            return {}
    candidates = _candidates(positions, [positions[z] for z in numbers[:_JITTERED]], settings)
    best: dict[int, Match] = {}
    for start in range(0, len(numbers), _TOGETHER):
        some = numbers[start : start + _TOGETHER]
        turned = [residuals[z](turn) for z in some for _, turn in _FLIPS]
        for layout in range(pattern.layouts):
            fitting = [c for c in candidates if pattern.layout_of(c[0]) == layout]
            for k, match in _best(turned, fitting, layout, pattern, settings):
                z = some[k]
                if z not in best or match.score > best[z].score:
                    best[z] = match
    return best


def _best(
    residuals: Sequence[tuple[NDArray[np.float32], Blocks]],
    candidates: Sequence[tuple[int, int]],
    layout: int,
    pattern: Pattern,
    settings: Detector,
) -> Iterator[tuple[int, Match]]:
    """Which slices carry what, of candidates whose slices have one layout.

    Args:
        residuals: of the slices, each in all turns.
        candidates: positions and variants.
        layout: of theirs.
        pattern: of the series.
        settings: of the detector.

    Yields:
        The number of a slice among those given, and what it carries.
    """
    band, columns = _band(pattern), -(-pattern.shape[1] // UNIT)
    turned = np.stack(
        [
            _unturned(residual, means, layout, pattern)[band, :columns].ravel()
            for residual, means in residuals
        ]
    )
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-9)
    for start in range(0, len(candidates), _AT_ONCE):
        some = candidates[start : start + _AT_ONCE]
        streams = np.stack([pattern.signs(p, v)[band].ravel() for p, v in some], dtype=np.float32)
        scores = _products(turned, streams).reshape(-1, len(_FLIPS) * len(some))
        for k in np.flatnonzero(scores.max(1) > settings.mark_score).tolist():
            flip, which = divmod(int(scores[k].argmax()), len(some))
            yield k, Match(*some[which], flip, float(scores[k].max()))


def _band(pattern: Pattern) -> slice:
    """The rows of units that are compared."""
    rows, columns = (-(-length // UNIT) for length in pattern.shape)
    middle, half = rows // 2, _UNITS // columns // 2 + 1
    return slice(max(middle - half, 0), min(middle + half, rows))


def _unturned(
    residual: NDArray[np.float32], means: Blocks, layout: int, pattern: Pattern
) -> NDArray[np.float32]:
    """The residual, times those signs that hang on what the slice shows."""
    if pattern.content is None:
        return residual
    size = means.shape[0], means.shape[1]
    steps = pattern.content.look(means, layout)
    return np.asarray(residual * pattern.content.signs(steps.numbers, layout, size))


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
