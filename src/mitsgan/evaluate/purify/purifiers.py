"""Purifiers: what a scan may go through, by habit or on purpose, between protection and attack.

One table with fixed parameters, so that a number with a purifier's name means one thing. What
each does and why: docs/purifiers.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import numpy as np

from mitsgan.errors import MitsganError
from mitsgan.evaluate.purify import filters
from mitsgan.evaluate.purify.filters import Array, Spacing
from mitsgan.scan.scan import AIR_HU, Scan

__all__ = ["PURIFIERS", "Purifier", "PurifierError", "purifier", "purify", "purify_scan"]


class PurifierError(MitsganError):
    """No purifier has that name."""


@dataclass(frozen=True)
class Purifier:
    """A named purifier with its parameters.

    Attributes:
        name: in results and options.
        parameters: all of them, for results.
        apply: HU ``[z, y, x]`` without padding, spacing in mm ``[z, y, x]`` and a seed, to HU.
        by_slice: whether what becomes of a slice depends on nothing but that slice.
    """

    name: str
    parameters: Mapping[str, float | str]
    apply: Callable[[Array, Spacing, int], Array] = field(repr=False, compare=False)
    by_slice: bool = False


def purifier(name: str | Purifier) -> Purifier:
    """The purifier of that name; one that is no row of the table as it is.

    Raises:
        PurifierError: there is none; names those that are.
    """
    if isinstance(name, Purifier):
        return name
    if name not in PURIFIERS:
        raise PurifierError(f"no purifier is called {name!r}; there are: {', '.join(PURIFIERS)}")
    return PURIFIERS[name]


def purify(hu: Array, spacing: Spacing, name: str | Purifier, *, seed: int = 0) -> Array:
    """Send HU through a purifier.

    Args:
        hu: ``[z, y, x]``, not modified. Padding, below -1024 HU or no number, is kept as it is,
            and its neighbours are computed as though it were air of -1024 HU.
        spacing: mm ``[z, y, x]``.
        name: a key of `PURIFIERS`, or a purifier of one's own.
        seed: of added noise; all others need none.

    Returns:
        A new array, float32.

    Raises:
        PurifierError: see `purifier`.
    """
    chosen = purifier(name)
    padding = ~(hu >= AIR_HU)
    filled = np.where(padding, np.float32(AIR_HU), hu).astype(np.float32, copy=False)
    result = chosen.apply(filled, spacing, seed)
    return np.where(padding, hu, result).astype(np.float32, copy=False)


def purify_scan(scan: Scan, name: str | Purifier, *, seed: int = 0) -> Scan:
    """Send a scan through a purifier and store the result with the scan's own rescale.

    Values are rounded to stored integers and held in the stored range. Padding stays as it is,
    and nothing else becomes padding.

    Raises:
        PurifierError: see `purifier`.
    """
    padding = scan.is_padding()
    hu = scan.hu()
    hu[padding] = AIR_HU - 1
    hu = purify(hu, scan.spacing, name, seed=seed)
    stored = np.empty_like(scan.stored)
    for z in range(len(stored)):
        new = scan.nearest_stored(hu[z : z + 1], z, z + 1)
        became = scan.with_slices(new, z, z + 1).is_padding()[0]
        stored[z] = np.where(padding[z] | became, scan.stored[z], new[0])
    return scan.with_stored(stored)


def _by_values(change: Callable[[Array], Array]) -> Callable[[Array, Spacing, int], Array]:
    """A filter that knows neither spacing nor seed."""
    return lambda hu, spacing, seed: change(hu)


def _blur_mm(sigma: float, hu: Array, spacing: Spacing, seed: int) -> Array:
    z, y, x = (sigma / s for s in spacing)
    return filters.gaussian(hu, (z, y, x))


def _noise(sigma: float, hu: Array, spacing: Spacing, seed: int) -> Array:
    return filters.add_noise(hu, sigma, seed)


def _resample(step: float, hu: Array, spacing: Spacing, seed: int) -> Array:
    return filters.resample_and_back(hu, spacing, step)


_WINDOW: Mapping[str, float] = {"window centre, HU": -600.0, "window width, HU": 1500.0}

_ROWS = (
    Purifier("rounding", {**_WINDOW, "levels": 256}, _by_values(filters.round_to_window), True),
    *(
        Purifier(
            f"jpeg-{quality}",
            {**_WINDOW, "quality": quality},
            _by_values(partial(filters.jpeg, quality=quality)),
            by_slice=True,
        )
        for quality in (90, 75)
    ),
    *(
        Purifier(
            f"jpeg2000-{ratio}",
            {"ratio": ratio, "bits": 12, "wavelet": "9-7"},
            _by_values(partial(filters.jpeg2000, ratio=ratio)),
            by_slice=True,
        )
        for ratio in (5, 8, 12)
    ),
    Purifier("blur-0.5mm", {"sigma, mm": 0.5, "axes": "z, y, x"}, partial(_blur_mm, 0.5)),
    Purifier(
        "blur-1voxel",
        {"sigma, voxels": 1.0, "axes": "y, x"},
        _by_values(partial(filters.gaussian, sigma=(0.0, 1.0, 1.0))),
        by_slice=True,
    ),
    Purifier("median", {"size, pixels": 3, "axes": "y, x"}, _by_values(filters.median), True),
    Purifier(
        "resample-1mm",
        {"voxel, mm": 1.0, "interpolation": "linear, both ways"},
        partial(_resample, 1.0),
    ),
    Purifier(
        "slice-average-3", {"slices": 3}, _by_values(partial(filters.average_slices, count=3))
    ),
    Purifier(
        "non-local-means",
        {"sigma, HU": 20.0, "patch, pixels": 5, "search, pixels": 9, "axes": "y, x"},
        _by_values(partial(filters.non_local_means, sigma_hu=20.0)),
        by_slice=True,
    ),
    *(
        Purifier(
            f"noise-{sigma}hu", {"sigma, HU": sigma, "spectrum": "white"}, partial(_noise, sigma)
        )
        for sigma in (10, 20)
    ),
)

PURIFIERS: Mapping[str, Purifier] = MappingProxyType({row.name: row for row in _ROWS})
"""Every purifier by its name, in the order of docs/purifiers.md."""
