"""The surfaces that divide the phantom's chest, as signed distances in LPS mm.

x grows to the patient's left, y to the back, z to the head.
"""

from __future__ import annotations

import numpy as np

from mitsgan.phantom.shapes import Array, ellipse, ellipsoid, intersection, union


def body(x: Array, y: Array, z: Array) -> Array:
    """The skin."""
    up = np.clip((z + 60) / 160, 0, 1)
    return ellipse(x, y - 2, 163 - 8 * up**2, 115 - 14 * up**2, 2.2)


def taper(z: Array) -> Array:
    """How the rib cage narrows to the lungs' apices: 1 below, near 0 at z = 100."""
    up = np.clip((z + 60) / 162, 0, 0.995)
    return np.sqrt(1 - up**2.6)


def cage(x: Array, y: Array, z: Array) -> Array:
    """The inner side of the ribs."""
    s = taper(z)
    flat = ellipse(x, y - 14 * (1 - s), 128 * s, 20 + 64 * s, 2.3)
    # Where the cage closes at the top, a horizontal distance overstates the true one.
    steep = 118 * np.abs(taper(z + 1) - taper(z - 1)) / 2
    result: Array = flat / np.sqrt(1 + steep**2)
    return result


def diaphragm(x: Array, y: Array) -> Array:
    """Height z of the diaphragm: two domes, the right one higher, lowest at the back."""
    right = -56 - ((x + 64) ** 2 + (y + 12) ** 2) / 150
    left = -66 - ((x - 66) ** 2 + (y + 8) ** 2) / 150
    return -union(-right, -left, 12)


def mediastinum(x: Array, y: Array, z: Array) -> Array:
    """What lies between the lungs: great vessels, heart, the front of the spine."""
    behind = np.clip((y - 15) / 45, 0, 1)
    front = np.clip((-15 - y) / 45, 0, 1)
    width = 25 + 8 * behind - 15 * front + 7 * np.clip((40 - z) / 60, 0, 1) * (1 - front)
    column: Array = (np.abs(x - 3 * (1 - behind)) - width) * 0.9
    heart = ellipsoid((26, -26, -44), (62, 44, 46), 0.45)(x, y, z)
    arch = ellipsoid((16, 8, 44), (24, 36, 17), -0.3)(x, y, z)
    descending = np.hypot(x - 26, y - 36) - 16 + 0.6 * np.clip(z - 40, 0, 60)
    result = union(union(column, heart, 14), arch, 10)
    return union(result, descending.astype(np.float32), 10)


def lung(x: Array, y: Array, z: Array) -> Array:
    """Both lungs."""
    above = (diaphragm(x, y) - z) * np.float32(0.75)
    return intersection(intersection(cage(x, y, z), -mediastinum(x, y, z), 10), above, 8)


def spine_bed(x: Array, y: Array, z: Array) -> Array:
    """The part of the mediastinum in front of the spine, which fat fills between the organs."""
    spine = np.float32(20) - np.hypot(x, y - 57)
    return intersection(mediastinum(x, y, z) + 0.8, np.maximum(spine, y - 62), 4)
