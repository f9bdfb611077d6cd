"""The anatomy of the phantom, in LPS mm: where each organ lies, and its HU.

x grows to the patient's left, y to the back, z to the head. The proportions are those of an
average adult; the HU values are the usual ones of a scan without contrast medium.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from mitsgan.phantom import surfaces
from mitsgan.phantom.shapes import Array, Canvas, Point, ellipse, intersection
from mitsgan.phantom.tree import Points, Segment, grow
from mitsgan.phantom.tubes import paint_tubes

NODULE_LPS: Point = (-78.0, 22.0, 12.0)
"""Centre of the solid nodule, in the right upper lobe."""
NODULE_DIAMETER = 12.0
"""mm."""

AIR, LUNG, FAT, SKIN, MUSCLE, BLOOD, LIVER = -995, -850, -100, -10, 52, 42, 58
CARTILAGE, DISC, SPONGY, CORTICAL = 95, 75, 190, 620

_SLAB = 16
"""Slices painted at once; bounds the memory of the distances."""
_CARINA: Point = (0.0, 14.0, 24.0)
_HILA: tuple[Point, Point] = ((-40.0, 12.0, 4.0), (42.0, 14.0, 4.0))


@dataclass(frozen=True)
class Tissue:
    """What the texture depends on, each ``[z, y, x]`` in 0 to 1.

    Attributes:
        lung: how much of a voxel is parenchyma.
        soft: how much is soft tissue or bone.
        depth: how deep in the body it lies; 0 outside.
    """

    lung: Array
    soft: Array
    depth: Array


def paint_chest(canvas: Canvas, seed: int) -> Tissue:
    """Paint the whole chest; ``seed`` decides the course of the vessels."""
    tissue = Tissue(*(np.zeros_like(canvas.hu) for _ in range(3)))
    for start in range(0, len(canvas.z), _SLAB):
        part = slice(start, start + _SLAB)
        slab = Canvas(canvas.hu[part], canvas.x, canvas.y, canvas.z[part], canvas.blur)
        _paint_slab(slab, Tissue(tissue.lung[part], tissue.soft[part], tissue.depth[part]))
    _paint_mediastinum(canvas)
    _paint_trees(canvas, grow_trees(seed))
    canvas.paint_ellipsoid(NODULE_LPS, (NODULE_DIAMETER / 2,) * 3, 38)
    # What was painted into the lung is no parenchyma.
    tissue.lung[...] *= np.clip((-450 - canvas.hu) / 250, 0, 1)
    tissue.lung[...] *= np.clip((canvas.hu - AIR) / 60, 0, 1)
    return tissue


def _paint_slab(canvas: Canvas, tissue: Tissue) -> None:
    """Everything that runs through the whole body: its wall, the lungs, the ribs, the spine."""
    x, y, z = canvas.x, canvas.y[:, None], canvas.z[:, None, None]
    body = surfaces.body(x, y, z)
    cage = surfaces.cage(x, y, z)
    lung = surfaces.lung(x, y, z)
    tissue.depth[...] = np.clip(-body / 90, 0, 1)
    _paint_table(canvas)
    canvas.fill(body, SKIN)
    canvas.fill(body + 2, FAT)
    # The fat under the skin is thicker at the flanks and thinner over the spine.
    canvas.fill(body + 11 + 5 * np.abs(x) / 150 - 3 * np.cos(y / 30), MUSCLE)
    _paint_wall(canvas, cage)
    below = surfaces.diaphragm(x, y) - z
    inside = cage + 3
    canvas.fill(intersection(inside, 3 - below, 4), FAT)
    canvas.fill(intersection(intersection(inside, 1.5 - below, 4), x - 48, 6), LIVER)
    _paint_spine(canvas)
    canvas.fill(intersection(intersection(inside, surfaces.spine_bed(x, y, z), 4), below, 4), FAT)
    tissue.soft[...] = canvas.cover(body + 2)
    # Gravity: the back of the lung carries more blood and less air.
    gradient = np.broadcast_to(LUNG + 0.55 * (y + 10), canvas.hu.shape)
    canvas.fill(lung, gradient.astype(np.float32))
    tissue.lung[...] = canvas.cover(lung)
    tissue.soft[...] -= tissue.lung
    # The oblique fissures: a sheet thinner than any voxel.
    sheet = (z - 20 + 1.1 * y - 0.0035 * (np.abs(x) - 70) ** 2) / 1.5
    canvas.hu[...] += tissue.lung * 90 / max(canvas.blur, 1.0) * np.exp(-((sheet / 0.8) ** 2))


def _paint_table(canvas: Canvas) -> None:
    """The couch: a thin curved shell with foam in it, under the back."""
    x, y = canvas.x, canvas.y[:, None]
    top = y - 121 + x**2 / 700
    shell = np.maximum(np.maximum(-top, top - 26), np.abs(x) - 150 - 0 * y)[None]
    canvas.fill(np.broadcast_to(shell, canvas.hu.shape), -560)
    canvas.fill(np.broadcast_to(shell + 2.5, canvas.hu.shape), -930)


def _paint_wall(canvas: Canvas, cage: Array) -> None:
    """Ribs, their cartilage, fat between the muscles; breastbone, shoulder blades, clavicles."""
    x, y, z = canvas.x, canvas.y[:, None], canvas.z[:, None, None]
    around = np.arctan2(np.abs(x), y - 8) / np.pi  # 0 at the spine, 1 at the breastbone
    # From the spine each rib runs down and forward, and its cartilage up again.
    drop = 66 * np.clip(around, 0, 0.75) - 70 * np.clip(around - 0.78, 0, 1)
    side = np.where(x < 0, 0, 2.5)  # nobody is symmetric
    height = (z + drop + side + 13) % 27 - 13.5
    outward = cage - 5.5
    canvas.fill(ellipse(outward, height, 7.5, 12.5), MUSCLE - 12)
    canvas.fill(np.abs(cage - 12.5) - 1.2, FAT + 30)
    bony = np.maximum(0.07 - around, around - 0.76) * 250
    rib = intersection(ellipse(outward, height, 3.8, 6.4), bony, 2)
    canvas.fill(intersection(ellipse(outward, height, 3.4, 5.6), 0.95 - bony, 2), CARTILAGE)
    canvas.fill(rib, CORTICAL)
    canvas.fill(rib + 1.7, SPONGY)
    for sign in (-1, 1):
        canvas.paint_ellipsoid((sign * 118, -22, 84), (19, 30, 34), FAT + 5, sign * 0.5)
        for thickness, hu in ((3.4, CORTICAL), (1.6, SPONGY)):
            blade = (38 + thickness, thickness, 50 + thickness)
            canvas.paint_ellipsoid((sign * 97, 60, 70), blade, hu, -sign * 0.68)
        for radius, hu in ((6.5, CORTICAL), (4.6, SPONGY)):
            canvas.paint_tube((sign * 24, -64, 86), (sign * 84, -46, 92), radius, radius, hu)
            canvas.paint_tube((sign * 84, -46, 92), (sign * 128, -10, 104), radius, radius, hu)
    lean = -88 + 0.16 * np.clip(z + 20, 0, 200)
    breastbone = intersection(ellipse(x, y - lean, 19, 6.5, 2.6), np.abs(z - 25) - 62, 3)
    canvas.fill(breastbone, CORTICAL - 150)
    canvas.fill(breastbone + 1.6, SPONGY - 40)


def _paint_spine(canvas: Canvas) -> None:
    """Vertebrae 26 mm apart with their discs, arches and processes, and the canal."""
    x, y = canvas.x, canvas.y[:, None]
    z = (canvas.z[:, None, None] + 7) % 26 - 13  # 0 in the middle of each vertebra
    waist = 1.6 * (z / 10) ** 2
    wall = ellipse(x, y - 55, 17 + waist, 14 + 0.7 * waist, 2.2)
    canvas.fill(np.broadcast_to(wall, canvas.hu.shape), DISC)
    vertebra = intersection(wall, np.abs(z) - 10.2, 2)
    canvas.fill(vertebra, CORTICAL - 170)
    canvas.fill(vertebra + 1.5, SPONGY)
    reach = np.abs(x)
    arch = np.maximum(np.abs(np.hypot(x, y - 77) - 12.5) - 3.2, np.abs(z - 2) - 9)
    spinous = np.maximum(np.maximum(reach - 3.4, np.abs(y - 94) - 9), np.abs(z + 3) - 7)
    across = np.abs(y - 80 - 0.16 * (reach - 10)) - 4.5
    transverse = np.maximum(np.maximum(across, np.abs(reach - 24) - 14), np.abs(z - 3) - 5.5)
    bone = np.minimum(np.minimum(arch, spinous), transverse).astype(np.float32)
    canvas.fill(bone, CORTICAL - 60)
    canvas.fill(bone + 2, SPONGY + 60)
    canal = np.broadcast_to(ellipse(x, y - 76, 10, 8.5), canvas.hu.shape)
    canvas.fill(canal, -20)
    canvas.fill(canal + 2.5, 34)


def _paint_mediastinum(canvas: Canvas) -> None:
    """Heart, great vessels, gullet and lymph nodes in their bed of fat."""
    canvas.paint_ellipsoid((26, -26, -44), (56, 38, 41), BLOOD - 2, 0.45)
    canvas.paint_ellipsoid((-8, -20, -36), (24, 32, 38), BLOOD - 2)
    ascending: tuple[Point, ...] = ((-4, -22, -30), (-14, -24, 8), (-11, -16, 34), (4, -2, 46))
    descending: tuple[Point, ...] = ((4, -2, 46), (18, 20, 44), (25, 34, 30), (24, 38, -120))
    for radius, path in (
        (14.5, ascending),
        (12.0, descending),
        (9.0, ((-24, -12, -30), (-26, -10, 20), (-24, -12, 60))),  # superior vena cava
        (6.0, ((-24, -12, 60), (-32, -20, 100))),
        (6.0, ((-24, -12, 60), (26, -30, 78), (34, -24, 100))),
        (6.5, ((-8, -14, 46), (-14, -8, 100))),  # the arteries of neck and arms
        (4.5, ((8, 2, 46), (14, 2, 100))),
        (5.0, ((16, 14, 46), (26, 14, 100))),
        (13.0, ((16, -32, -14), (18, -22, 10))),  # pulmonary trunk and arteries
        (10.5, ((18, -20, 10), (4, -4, 6), (-22, 2, 4), _HILA[0])),
        (10.0, ((18, -20, 10), (34, 0, 8), _HILA[1])),
        (8.0, ((10, 12, -18), (-30, 14, -14))),  # left atrium and pulmonary veins
        (8.0, ((10, 12, -18), (36, 16, -12))),
        (12.5, ((-22, -8, -70), (-26, -2, -120))),  # inferior vena cava
    ):
        for start, stop in pairwise(path):
            canvas.paint_tube(start, stop, radius, radius, BLOOD)
    gullet: tuple[Point, ...] = ((4, 28, 110), (6, 30, 20), (10, 26, -100))
    for start, stop in pairwise(gullet):
        canvas.paint_tube(start, stop, 6.5, 6.5, 32)
    canvas.paint_ellipsoid((5, 29, 60), (2, 1.2, 9), -500)
    for node in ((-14, 4, 22), (9, 8, 14), (-12, -2, 56), (2, -34, 40)):
        canvas.paint_ellipsoid((float(node[0]), float(node[1]), float(node[2])), (4, 3, 4), 35)
    # Spleen and a stomach with its bubble, under the left dome.
    canvas.paint_ellipsoid((92, 40, -112), (26, 36, 34), 48, 0.5)
    canvas.paint_ellipsoid((62, -18, -112), (36, 30, 30), 28)
    canvas.paint_ellipsoid((62, -36, -104), (20, 8, 14), AIR)


def _paint_trees(canvas: Canvas, trees: Trees) -> None:
    """Arteries, veins and airways of both lungs, and the windpipe."""
    paint_tubes(canvas, trees.vessels, BLOOD)
    # All walls before all lumens, or a wall would close the tube it branches from.
    walls = []
    for tube in trees.airways:
        wall = min(1.5, 0.35 * tube.radius + 0.4)
        walls.append(Segment(tube.start, tube.stop, tube.radius + wall, tube.end_radius + wall))
    paint_tubes(canvas, walls, 10)
    paint_tubes(canvas, trees.airways, AIR)


@dataclass(frozen=True)
class Trees:
    """What branches in the lungs."""

    vessels: tuple[Segment, ...]
    airways: tuple[Segment, ...]


@lru_cache(maxsize=8)
def grow_trees(seed: int) -> Trees:
    """Vessels and airways of a seed, whatever grid they are painted on."""
    rng = np.random.default_rng(seed).spawn(1)[0]
    vessels: list[Segment] = []
    airways = [
        Segment((0, 6, 120), _CARINA, 8.8, 8.4),
        Segment(_CARINA, (-30, 14, 8), 6.6, 5.8),
        Segment(_CARINA, (34, 17, 4), 5.8, 5.0),
    ]
    for hilum, sign in zip(_HILA, (-1, 1), strict=True):
        x, y, z = hilum
        for drift, leaves in ((0.0, 700), (-9.0, 520)):
            root = (x, y + drift, z + 1.5 * drift)
            targets = _points_in_lung(sign, leaves, rng, depth=3.0)
            vessels += grow(root, targets, rng, tip_radius=0.65)
        bronchi = _points_in_lung(sign, 26, rng, depth=18.0)
        start = (-30.0, 14.0, 8.0) if sign < 0 else (34.0, 17.0, 4.0)
        airways += grow(start, bronchi, rng, tip_radius=1.0, exponent=2.1)
    return Trees(tuple(vessels), tuple(airways))


def _points_in_lung(sign: int, count: int, rng: np.random.Generator, *, depth: float) -> Points:
    """Random LPS points in the lung on one side, ``depth`` mm below its surface, ``[n, 3]``.

    None lies near the nodule, which is to stand free.
    """
    box = rng.uniform((20, -90, -110), (130, 95, 100), (24 * count, 3))
    box[:, 0] *= sign
    x, y, z = box.T.astype(np.float32)
    free = np.linalg.norm(box - NODULE_LPS, axis=1) > 2 * NODULE_DIAMETER
    inside: Points = box[(surfaces.lung(x, y, z) < -depth) & free][:count]
    return inside
