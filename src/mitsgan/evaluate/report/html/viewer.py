"""The slice viewer of a report: its controls, and the voxels that its script draws."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from mitsgan.evaluate.metrics.windows import HU, WINDOWS
from mitsgan.evaluate.report.pictures.burn_in import diverging_ramp
from mitsgan.evaluate.report.pictures.gallery import SIDE_MM, Gallery
from mitsgan.scan.simulated import MARK, band_rows

LIMIT_BYTES = 8_000_000
"""What the voxels of a page may take; where they take more, less around the attack is shown."""

_SIDES_MM = (SIDE_MM, 64.0, 48.0)

_ENDS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Where decreasing and increasing LPS coordinates lead, along x, y and z."""

PICTURES = (
    ("original", "original"),
    ("protected", "protected"),
    ("perturbation", "difference: protected - original"),
    ("tampered_original", "tampered original"),
    ("tampered_protected", "tampered protected"),
    ("difference", "difference of the two tampered"),
)


@dataclass(frozen=True)
class Viewer:
    """What the template of the viewer needs.

    Attributes:
        side_mm: of the cube around each attack whose voxels are in the page.
        attacks, pictures: values and words of the menus.
        windows: names of the grey scales.
        data: what the script needs to know, JSON inside a script block.
        volumes: of each gallery, the voxels as text.
    """

    side_mm: float
    attacks: tuple[tuple[int, str], ...]
    pictures: tuple[tuple[str, str], ...]
    windows: tuple[str, ...]
    data: Markup
    volumes: tuple[tuple[str, ...], ...]


def viewer(galleries: Sequence[Gallery]) -> Viewer:
    """The viewer of one or more galleries."""
    side, volumes = _fitting(galleries)
    windows = [window for window in WINDOWS if window is not HU]
    data = {
        "mark": MARK,
        "colours": diverging_ramp(),
        "windows": {w.name: [w.low, w.high] for w in windows},
        "galleries": [_card(g, side) for g in galleries],
    }
    # "<" would let a name end the block.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return Viewer(
        side_mm=side,
        attacks=tuple((number, _attack(g)) for number, g in enumerate(galleries)),
        pictures=PICTURES,
        windows=tuple(window.name for window in windows),
        data=Markup(text),
        volumes=volumes,
    )


def _attack(gallery: Gallery) -> str:
    attack = gallery.attack
    return ", ".join(filter(None, (attack.action, attack.scan, attack.attacker)))


def _fitting(galleries: Sequence[Gallery]) -> tuple[float, tuple[tuple[str, ...], ...]]:
    """The largest side of cubes whose voxels fit into the page, and these."""
    for side in _SIDES_MM:
        volumes = tuple(_volumes(gallery, side) for gallery in galleries)
        if sum(len(text) for texts in volumes for text in texts) <= LIMIT_BYTES:
            break
    return side, volumes


def _volumes(gallery: Gallery, side: float) -> tuple[str, ...]:
    """Every volume as what it adds to the one it was made from, deflated, in base 64.

    Untouched ones first, tampered ones after: protected ones add to the original, and tampered
    ones to what was tampered with.
    """
    untouched, tampered = gallery.voxels[(slice(None), slice(None), *_shown(gallery, side))]
    added = [untouched[0], *(untouched[1:] - untouched[0]), *(tampered - untouched)]
    return tuple(_packed(volume) for volume in added)


def _packed(volume: NDArray[np.int16]) -> str:
    """Low bytes, then high bytes: these are nearly all alike, and deflate to nothing."""
    words = np.ascontiguousarray(volume, "<i2").view(np.uint8).reshape(-1, 2)
    return b64encode(zlib.compress(words.T.tobytes(), 6)).decode("ascii")


def _shown(gallery: Gallery, side: float) -> tuple[slice, ...]:
    """The part of the voxels that is ``side`` mm around the attack; all if they are less."""
    attack = gallery.attack
    if side == SIDE_MM:
        return (slice(None),) * 3
    parts = []
    lengths = gallery.voxels.shape[2:]
    for at, first, step, length in zip(
        attack.position, attack.start, attack.spacing, lengths, strict=True
    ):
        half = round(side / 2 / step)
        parts.append(slice(max(at - first - half, 0), min(at - first + half + 1, length)))
    return tuple(parts)


def _card(gallery: Gallery, side: float) -> dict[str, object]:
    """What the script needs to know about a gallery; lengths in voxels ``[z, y, x]``.

    ``marked`` rows of every axial slice carry the mark in the voxels: the drawn one covers them.
    """
    attack, shown = gallery.attack, _shown(gallery, side)
    offset = [part.start or 0 for part in shown]
    start = [a + b for a, b in zip(attack.start, offset, strict=True)]
    height, width = gallery.voxels.shape[3:]
    band = band_rows(width)
    ends = []
    for axis in attack.axes:
        along = int(np.argmax(np.abs(axis)))
        ends.append(_ENDS[along][:: 1 if axis[along] > 0 else -1])
    return {
        "action": attack.action,
        "names": attack.names,
        "shape": gallery.voxels[0, 0][shown].shape,
        "start": start,
        "at": [p - s for p, s in zip(attack.position, start, strict=True)],
        "world": attack.world,
        "axes": attack.axes,
        "spacing": attack.spacing,
        "ends": ends,
        "marked": max(band - (height - (shown[1].stop or height)), 0),
        "cube": [[a - s, b - s] for (a, b), s in zip(attack.cube, start, strict=True)],
    }
