"""The slice viewer of a report: its controls, and the voxels that its script draws."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import matplotlib
import numpy as np
from numpy.typing import NDArray

from mitsgan.evaluate.metrics.windows import HU, WINDOWS
from mitsgan.evaluate.report.pictures.burn_in import DIVERGING
from mitsgan.evaluate.report.pictures.gallery import SIDE_MM, Gallery
from mitsgan.scan.simulated import MARK, band_rows

LIMIT_BYTES = 8_000_000
"""What the voxels of a page may take; where they take more, less around the attack is shown."""

_SIDES_MM = (SIDE_MM, 64.0, 48.0)

_ENDS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Where decreasing and increasing LPS coordinates lead, along x, y and z."""

_PLANES = ("axial", "coronal", "sagittal")

PICTURES = (
    ("original", "original"),
    ("protected", "protected"),
    ("perturbation", "difference: protected - original"),
    ("tampered_original", "tampered original"),
    ("tampered_protected", "tampered protected"),
    ("difference", "difference of the two tampered"),
)


def viewer(galleries: Sequence[Gallery]) -> str:
    """The viewer of all galleries, or nothing where there is none."""
    if not galleries:
        return ""
    side, volumes = _fitting(galleries)
    data = {
        "mark": MARK,
        "colours": _colours(),
        "windows": {w.name: [w.low, w.high] for w in WINDOWS if w is not HU},
        "galleries": [_card(g, side) for g in galleries],
    }
    blocks = "".join(
        f'<script type="text/plain" id="volume-{g}-{v}">{volume}</script>\n'
        for g, held in enumerate(volumes)
        for v, volume in enumerate(held)
    )
    # "<" would let a name end the block.
    card = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<div id="viewer" hidden>\n'
        f"<p>Voxels of {side:g} mm around the attack, and what tampering made of them. Click "
        "into a picture to move the other two planes there; arrow keys step through slices. "
        "HU and place follow the pointer.</p>\n"
        f'{_controls(galleries)}<div class="planes">\n{"".join(map(_plane, _PLANES))}</div>\n'
        '<p class="readout" data-role="readout" aria-live="polite"></p>\n'
        f'<script type="application/json" id="viewer-data">{card}</script>\n{blocks}</div>\n'
        '<p class="note" id="no-viewer">The slice viewer needs JavaScript and a browser of 2023 '
        "or later; everything else on this page does not.</p>\n"
    )


def _controls(galleries: Sequence[Gallery]) -> str:
    attacks = [
        (str(i), ", ".join(filter(None, (g.place.action, g.place.scan, g.place.attacker))))
        for i, g in enumerate(galleries)
    ]
    windows = "".join(
        f'<label><input type="radio" name="window" value="{w.name}"'
        f"{' checked' if w.name == 'lung' else ''}> {w.name}</label>\n"
        for w in WINDOWS
        if w is not HU
    )
    return (
        '<div class="controls">\n'
        f"{_select('gallery', 'attack', attacks)}{_select('picture', 'picture', PICTURES)}"
        f"{_select('protector', 'protected by', ())}"
        f"<fieldset><legend>window</legend>\n{windows}</fieldset>\n"
        '<label>differences to <select data-role="limit">'
        + "".join(f'<option value="{v}">&#177;{v} HU</option>' for v in (10, 25, 50, 200, 500))
        + "</select></label>\n"
        '<label><input type="checkbox" data-role="guides" checked> guides</label>\n</div>\n'
        '<div class="scales"><span data-role="scale"></span></div>\n'
    )


def _select(role: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    held = "".join(f'<option value="{escape(v)}">{escape(text)}</option>' for v, text in options)
    return f'<label>{label} <select data-role="{role}">{held}</select></label>\n'


def _plane(name: str) -> str:
    return (
        f'<div class="plane"><canvas data-role="{name}" tabindex="0" role="img" width="10" '
        f'height="10"></canvas>\n<label>{name} <output data-role="{name}-slice"></output>'
        f'<input type="range" min="0" value="0" data-role="{name}-slider"></label>\n'
        f'<button type="button" data-role="{name}-save">Save {name} picture</button></div>\n'
    )


def _fitting(galleries: Sequence[Gallery]) -> tuple[float, list[list[str]]]:
    """The largest region whose voxels fit into the page, and these."""
    for side in _SIDES_MM:
        volumes = [_volumes(g, side) for g in galleries]
        if sum(len(v) for held in volumes for v in held) <= LIMIT_BYTES:
            break
    return side, volumes


def _volumes(gallery: Gallery, side: float) -> list[str]:
    """Every volume as what it adds to the one it was made from, deflated, in base 64.

    Untouched ones first, tampered ones after: protected ones add to the original, and tampered
    ones to what was tampered with.
    """
    region = gallery.region[(slice(None), slice(None), *_box(gallery, side))]
    untouched, tampered = region
    added = [untouched[0], *(untouched[1:] - untouched[0]), *(tampered - untouched)]
    return [_packed(volume) for volume in added]


def _packed(volume: NDArray[np.int16]) -> str:
    """Low bytes, then high bytes: these are nearly all alike, and deflate to nothing."""
    words = np.ascontiguousarray(volume, "<i2").view(np.uint8).reshape(-1, 2)
    return b64encode(zlib.compress(words.T.tobytes(), 6)).decode("ascii")


def _box(gallery: Gallery, side: float) -> tuple[slice, ...]:
    """The part of the region that is ``side`` mm around the position; all of it if it is less."""
    place = gallery.place
    if side == SIDE_MM:
        return (slice(None),) * 3
    parts = []
    lengths = gallery.region.shape[2:]
    for at, first, step, length in zip(
        place.position, place.start, place.spacing, lengths, strict=True
    ):
        half = round(side / 2 / step)
        parts.append(slice(max(at - first - half, 0), min(at - first + half + 1, length)))
    return tuple(parts)


def _card(gallery: Gallery, side: float) -> dict[str, object]:
    """What the script needs to know about a gallery; lengths in voxels ``[z, y, x]``.

    ``marked`` rows of every axial slice carry the mark in the voxels: the drawn one covers them.
    """
    place, box = gallery.place, _box(gallery, side)
    offset = [part.start or 0 for part in box]
    start = [a + b for a, b in zip(place.start, offset, strict=True)]
    height, width = gallery.region.shape[3:]
    band = band_rows(width)
    ends = []
    for axis in place.axes:
        along = int(np.argmax(np.abs(axis)))
        ends.append(_ENDS[along][:: 1 if axis[along] > 0 else -1])
    return {
        "action": place.action,
        "names": place.names,
        "shape": gallery.region[0, 0][box].shape,
        "start": start,
        "at": [p - s for p, s in zip(place.position, start, strict=True)],
        "world": place.world,
        "axes": place.axes,
        "spacing": place.spacing,
        "ends": ends,
        "marked": max(band - (height - (box[1].stop or height)), 0),
        "cube": [[a - s, b - s] for (a, b), s in zip(place.cube, start, strict=True)],
    }


def _colours() -> list[list[int]]:
    """256 colours from minus to plus."""
    ramp = np.asarray(matplotlib.colormaps[DIVERGING](np.linspace(0, 1, 256)))[:, :3]
    colours: list[list[int]] = np.rint(ramp * 255).astype(int).tolist()
    return colours
