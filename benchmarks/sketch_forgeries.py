"""What is done to a scan that its sketch has to find: by models, by hand, with the grain kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from mitsgan.anatomy.lung import find_lung
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import ACTIONS, SURROGATES, TrainedAttacker, surrogate_path
from mitsgan.attack.plan import plan_attack
from mitsgan.evaluate.purify.filters import gaussian
from mitsgan.evaluate.tampering.manipulations import (
    add_blob,
    copy_move,
    keep_residual,
    paint_blob,
    splice,
)
from mitsgan.evaluate.tampering.strikes import strike
from mitsgan.scan.scan import Scan

Array = NDArray[np.float32]
Position = tuple[int, int, int]

BLOBS_MM = (6.0, 10.0, 20.0)
GRAIN_MM = (1.0, 2.0)
VESSEL_MM, VESSEL_HU = 6.0, -500.0
_LUNG_HU = (-1000.0, -600.0)
_DRAWN = 60
"""At least so many positions are drawn, so that those of different kinds seldom lie close: many
forgeries that do not meet are looked for in one search."""


@dataclass(frozen=True, eq=False)
class Forgery:
    """A block ``[z, y, x]`` of HU to be put into a scan, its first voxel at ``start``."""

    kind: str
    start: Position
    block: Array


def forgeries(scan: Scan, donor: Scan, count: int, seed: int) -> Iterator[Forgery]:
    """All kinds, ``count`` of each, at random places in the lungs that every kind draws anew.

    Args:
        scan: what is to be changed.
        donor: another patient, for splices.
        count: of each kind.
        seed: of the places.
    """
    pool = lung_positions(scan, max(_DRAWN, count), seed)
    turn = 0

    def places() -> list[Position]:
        nonlocal turn
        turn += count
        return [pool[(turn + i) % len(pool)] for i in range(count)]

    hu = scan.hu()
    for pair in SURROGATES:
        for action in ACTIONS:
            plans = [plan_attack(hu, scan.spacing, at, action) for at in places()]
            for one in strike(scan, plans, TrainedAttacker.load(surrogate_path(pair, action))):
                z, y, x = one.plan.start
                name = f"{pair} {action}"
                yield Forgery(name, (z, y, x), one.after)
                for mm in GRAIN_MM:
                    kept = keep_residual(one.before, one.after, mm / scan.spacing[1])
                    yield Forgery(f"{name}, grain of {mm:g} mm kept", (z, y, x), kept)
    for at, source in zip(places(), places(), strict=True):
        yield _cut("copy-move", copy_move(scan, source, at).scan, scan)
    fitting = _like(donor, scan)
    for at, source in zip(places(), lung_positions(fitting, count, seed), strict=True):
        yield _cut("splice", _spliced(scan, fitting, at, source), scan)
    for mm in BLOBS_MM:
        for at in places():
            yield _cut(f"painted blob of {mm:g} mm", paint_blob(scan, at, fwhm_mm=mm).scan, scan)
        for at in places():
            yield _cut(f"added blob of {mm:g} mm", add_blob(scan, at, fwhm_mm=mm).scan, scan)
    for at in _vessels(scan, hu, count, seed):
        yield _cut("erased vessel of 6 mm", _erased(scan, hu, at), scan)


def _cut(kind: str, forged: Scan, scan: Scan) -> Forgery:
    """What differs, as a block."""
    (box,) = ndimage.find_objects((forged.stored != scan.stored).astype(np.uint8))
    z, y, x = box
    block = forged.hu(z.start, z.stop, (y, x))
    return Forgery(kind, (z.start, y.start, x.start), block)


def _like(donor: Scan, scan: Scan) -> Scan:
    """The donor on voxels of the scan's size."""
    factors = [a / b for a, b in zip(donor.spacing, scan.spacing, strict=True)]
    hu = ndimage.zoom(donor.hu(), factors, order=1)
    return Scan.from_hu(np.rint(hu).astype(np.int16), scan.spacing, plausible=False)


def _spliced(scan: Scan, donor: Scan, at: Position, source: Position) -> Scan:
    """A cube of the donor's, moved so that both positions agree."""
    shift = [b - a for a, b in zip(source, at, strict=True)]
    moved = np.full(scan.shape, np.int16(-1000))
    into, outof = [], []
    for by, here, there in zip(shift, scan.shape, donor.shape, strict=True):
        first, last = max(by, 0), min(here, there + by)
        into.append(slice(first, last))
        outof.append(slice(first - by, last - by))
    moved[tuple(into)] = donor.stored[tuple(outof)]
    return splice(scan, Scan.from_hu(moved, scan.spacing, plausible=False), at).scan


def _vessels(scan: Scan, hu: Array, count: int, seed: int) -> Sequence[Position]:
    """Places within the lungs where there is something about as wide as a vessel."""
    z, y, x = (1.0 / mm for mm in scan.spacing)
    smooth = gaussian(hu.clip(-1024, 600), (z, y, x))
    lung = find_lung(scan).within(5.0, scan.spacing)
    places = np.argwhere(lung.mask) * np.asarray(lung.stride)
    places = places[(places < np.asarray(scan.shape)).all(1)]
    places = places[smooth[tuple(places.T)] > VESSEL_HU]
    np.random.default_rng(seed).shuffle(places)
    return [(int(z), int(y), int(x)) for z, y, x in places[:count]]


def _erased(scan: Scan, hu: Array, at: Position) -> Scan:
    """Painted over with the density of the lung around."""
    around = tuple(
        slice(max(0, i - round(20 / mm)), i + round(20 / mm) + 1)
        for i, mm in zip(at, scan.spacing, strict=True)
    )
    near = hu[around]
    lung = near[(near > _LUNG_HU[0]) & (near < _LUNG_HU[1])]
    density = float(np.median(lung)) if lung.size else -850.0
    return paint_blob(scan, at, hu=density, fwhm_mm=VESSEL_MM).scan
