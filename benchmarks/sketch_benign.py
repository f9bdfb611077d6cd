"""What an untouched scan goes through in good faith: filters, grids, windows, parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own habit
from numpy.typing import NDArray

from alarm_cases import BENIGN
from mitsgan.evaluate.purify.purifiers import Purifier, purify_scan
from mitsgan.scan.scan import Scan

Array = NDArray[np.float32]
Change = Callable[[Scan, int], Scan]

HIGHEST_HU = 3071.0
_AIR, _LINEAR = -1024.0, sitk.sitkLinear


def filtered(by: Purifier) -> Change:
    """What a purifier makes of a scan."""
    return partial(_filtered, by=by)


def _filtered(scan: Scan, seed: int, *, by: Purifier) -> Scan:
    return purify_scan(scan, by, seed=seed)


def _valued(scan: Scan, seed: int, *, change: Callable[[Array], Array]) -> Scan:
    return with_hu(scan, change(scan.hu().clip(_AIR, HIGHEST_HU)))


def with_hu(scan: Scan, hu: Array) -> Scan:
    """Whole HU of 12 bits on the grid of a scan; there is no padding any more."""
    return Scan.from_hu(
        np.rint(hu).clip(_AIR, HIGHEST_HU).astype(np.int16),
        scan.spacing,
        origin_mm=scan.geometry.origin,
        axes=scan.geometry.axes,
        plausible=False,
    )


def _window(hu: Array, *, centre: float, width: float) -> Array:
    low = centre - width / 2
    levels = np.rint((hu - low).clip(0, width) / width * 255)
    return np.asarray(levels / 255 * width + low, np.float32)


def through_window(centre: float, width: float) -> Change:
    """To grey levels of 8 bits over a window in HU, and back."""
    return partial(_valued, change=partial(_window, centre=centre, width=width))


def _image(scan: Scan) -> sitk.Image:
    clipped = _valued(scan, 0, change=lambda hu: hu)
    image: sitk.Image = clipped.to_sitk()
    return image


def _scan(image: sitk.Image) -> Scan:
    rounded = sitk.Cast(sitk.Round(sitk.Cast(image, sitk.sitkFloat32)), sitk.sitkInt16)
    return Scan.from_sitk(rounded, plausible=False)


def _onto(image: sitk.Image, grid: sitk.Image, how: int = _LINEAR) -> sitk.Image:
    return sitk.Resample(image, grid, sitk.Transform(), how, _AIR, sitk.sitkFloat32)


def _grid(
    image: sitk.Image, spacing: tuple[float, float, float], degrees: tuple[float, ...] = ()
) -> sitk.Image:
    """An empty image over the same place, its middle kept when it is turned."""
    size = [
        int(np.ceil(n * old / new))
        for n, old, new in zip(image.GetSize(), image.GetSpacing(), spacing, strict=True)
    ]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing(spacing)
    grid.SetOrigin(image.GetOrigin())
    grid.SetDirection(image.GetDirection())
    if degrees:
        turn = sitk.Euler3DTransform()
        turn.SetRotation(*np.deg2rad(degrees).tolist())
        axes = np.reshape(turn.GetMatrix(), (3, 3)) @ np.reshape(image.GetDirection(), (3, 3))
        grid.SetDirection(axes.ravel().tolist())
        was = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
        now = grid.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size])
        moved = np.add(grid.GetOrigin(), np.subtract(was, now))
        grid.SetOrigin(moved.tolist())
    return grid


def _isotropic(scan: Scan, seed: int, *, mm: float, how: int = _LINEAR) -> Scan:
    image = _image(scan)
    return _scan(_onto(image, _grid(image, (mm, mm, mm)), how))


def _matrix(scan: Scan, seed: int, *, factor: float) -> Scan:
    image = _image(scan)
    x, y, z = image.GetSpacing()
    return _scan(_onto(image, _grid(image, (factor * x, factor * y, z))))


def _oblique(scan: Scan, seed: int, *, back: bool) -> Scan:
    image = _image(scan)
    x, y, z = image.GetSpacing()
    turned = _onto(image, _grid(image, (x, y, min(z, 2.0)), (8.0, 5.0, 12.0)))
    return _scan(_onto(turned, image) if back else turned)


def _part(scan: Scan, seed: int) -> Scan:
    x, y, z = scan.shape[2], scan.shape[1], scan.shape[0]
    return _scan(_image(scan)[x // 10 : -x // 8, y // 8 : -y // 10, z // 12 :])


CASES: Mapping[str, Change] = MappingProxyType(
    {
        **{name: filtered(purifier) for name, purifier in BENIGN.items()},
        "gain of 1.04": partial(_valued, change=lambda hu: (hu + 1000) * 1.04 - 1000),
        "offset of 25 HU": partial(_valued, change=lambda hu: hu + 25),
        "8 bit, all HU": through_window(1023.5, 4095),
        "8 bit, wide window": through_window(0, 2000),
        "8 bit, lung window": through_window(-600, 1500),
        "8 bit, soft tissue": through_window(40, 400),
        "1 mm isotropic": partial(_isotropic, mm=1.0),
        "1 mm isotropic, splines": partial(_isotropic, mm=1.0, how=sitk.sitkBSpline),
        "2 mm isotropic": partial(_isotropic, mm=2.0),
        "matrix / 1.5": partial(_matrix, factor=1.5),
        "matrix / 2": partial(_matrix, factor=2.0),
        "oblique": partial(_oblique, back=False),
        "oblique and back": partial(_oblique, back=True),
        "a part": _part,
    }
)
