"""Every number that the detector decides by, in one place: what it means, and why it is so large.

Where a docstring says *design scans*, the value was chosen on `lidc-0001` and `lungfcp-0001`, so
that no untouched scan of docs/results/mark-alarms.json is called tampered, and the tampered
ones of docs/results/mark-lidc-0001.json are. A *z-score* is a sum over the standard deviation that
it has without a mark.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Detector:
    """Settings of `mitsgan.mark.find.detect.detect`.

    None of them is part of the pattern: other settings read the same marks.

    Raises:
        ValueError: a number is negative.
    """

    # --- Is there a mark, and whose? ---

    mark_score: float = 7.0
    """z-score from which a mark counts as there. Ten thousand guesses (positions, turns) reach it
    by chance once in a hundred million scans (normal tail, 1.3e-12 each)."""

    same_position: int = 5
    """1/100 mm. Positions this close are the same: headers round to 1/1000 or 1/8 mm, and a resaved
    series may round once more."""

    usual_share: float = 0.2
    """Share of the usual score of a slice; with less, its mark is looked for at other positions. A
    slice of the wrong position scores 0 on average. Design scans."""

    least_body: float = 0.1
    """Share of the usual number of body blocks that a slice needs to be looked for elsewhere."""

    near_hu: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 12.5)
    """Limits of classes of how near the mean of a cell is to another step. Noise of 10 HU moves
    means by 1 HU, blur of 0.5 mm by more at edges; beyond a quarter of a step, nothing is tried."""

    edges_hu: tuple[float, ...] = (40.0, 100.0, 200.0, 400.0, 800.0)
    """Limits of classes of how much of an edge runs along the border of a cell. Blur of 0.5 mm
    moves means by up to 25 HU where the lung ends; without them, it is a hole in the mark of an
    untouched `lidc-0001`."""

    # --- What the mark is expected to be: classes of tissue and noise ---

    tissues_hu: tuple[float, ...] = (-900.0, -500.0, -150.0, 200.0)
    """Limits between air, lung, what borders on it, soft tissue and bone."""

    noise_classes: int = 12
    """Classes of noise to each tissue, a factor of 2 apart in variance: from 1/64 to 64 times the
    usual one."""

    class_score: float = 4.0
    """z-score of a class of tissue and noise from which it counts as carrying the mark at all."""

    quietest: float = 0.04
    """Least variance of a block, as a share of the body's median: a block without any noise must
    not outweigh all others. Design scans."""

    smoothest: float = 0.25
    """Least variance of a block, as a share of that of the 64 mm around: smooth paint is expected
    to carry no less of the mark. What a generator repaints is about five times smoother than a
    noisy scan (docs/mark.md)."""

    metal_hu: float = 1400.0
    """Means of blocks from which they are metal, in which values saturate."""

    dense_hu: float = -720.0
    """Means of blocks from which they are denser than aerated lung, as all is that is injected into
    it. Design scans."""

    # --- Where it is clearly lost, before anything is searched ---

    judged_mm: float = 16.0
    """Side of the cubes that tell how evenly the mark survived. Half of a generator's cube."""

    clear_score: float = 4.0
    """z-score that such a cube is expected to have where it counts."""

    lost_share: float = 0.5
    """With less than this share of its mark, a cube has lost it, and nothing is learnt from it.
    Half-way between all of it and none."""

    dispersion: tuple[float, float] = (0.03, 0.1)
    """Limits of how unevenly the mark survived in a scan that nothing wore, as a share of what is
    expected. Beyond the larger one, it is paint or wear. Design scans."""

    # --- Wear by codecs and filters, see `mitsgan.mark.find.wear.worn` ---

    detail_classes: int = 13
    """Classes of fine detail in a worn scan, for each class of tissue and noise."""

    octave_classes: float = 1.5
    """Classes of detail to a factor of 2 of the variance around."""

    flattest_class: int = -8
    """The lowest of them: 8 classes below the variance around, a factor of 40."""

    wear_cell_mm: float = 40.0
    """Side of the cells in which wear is looked for: larger than what is painted."""

    flat_share: float = 0.25
    """A block with less than this share of the variance around is flat."""

    few_flat: float = 1e-3
    """Share of a cell's blocks that are flat by chance."""

    worn_cells: float = 0.4
    """Share of the cells in which flat blocks must lack the mark. Paint is in few places,
    wear all over."""

    worn_left: float = 0.75
    """Share of the mark that flat blocks may have left where nothing wore the scan: some scans are
    smooth in quiet places before they are marked (`lungdx-a0001`)."""

    worn_missing: float = 0.005
    """A scan is wholly worn where flat blocks lack so much more than that in `worn_cells`, as a
    share of all the mark of a cell; where they lack less, it is worn in proportion. In the design
    scans and `lungdx-a0001` 0 as written and behind noise, 0.012 and more behind JPEG 2000 at 6:1
    (docs/decisions/mark-wear.md)."""

    full_cell: float = 1 / 3
    """Share of the fullest cell's blocks that a cell needs to count."""

    wear_clear: float = 16.0
    """Expected product (a squared z-score) of a cell of one slice from which it can be a hole."""

    hole_share: float = 0.2
    """A hole has this much less of its mark than the same cell before and behind, as a share of
    what is expected: paint reaches over slices."""

    hole_scores: tuple[float, float] = (3.5, 4.5)
    """And by so many standard deviations: with fewer than the first it is none, with more than the
    second it is one for sure."""

    holes: int = 2
    """So many slices with holes are wear: one may be paint in a single slice."""

    detail_trust: float = 0.3
    """How far, before it was measured, what is left of the mark in a class of detail is taken to
    lie from what is left in its class of tissue and noise (standard deviation, relative). Design
    scans behind codecs."""

    unexplained: float = 0.4
    """Share of a worn scan's unevenness that classes of detail are taken not to explain. Design
    scans behind codecs."""

    worn_dispersion: float = 0.12
    """Unevenness that a worn scan has at least, as a share of what is expected."""

    worn_lost: float = 0.2
    """Share of a worn scan's body that may have lost most of the mark; beyond, nothing is said."""

    # --- Unevenness per size of window ---

    body_share: float = 0.125
    """Share of a window that must be body: a sum of few blocks is no normal variable."""

    tails: tuple[float, ...] = (0.84, 0.95, 0.99)
    """Of windows side by side, so many lie below the middle by no more than 1, 1.6 and 2.3 standard
    deviations (those of the normal distribution); more than noise explains is unevenness."""

    uneven_clear: float = 16.0
    """Expected product (a squared z-score) of a window from which it counts."""

    uneven_windows: int = 20
    """So many must count: of fewer, the 95 % quantile is an extreme value."""

    uneven_lost: float = 0.5
    """Where more of the body seems to be lost, it is wear rather than paint, and counts."""

    least_uneven: float = 0.05
    """Unevenness, as a share of what is expected, that is taken for granted; 3 % was too little on
    an untouched `lungdx-a0001`."""

    faint_hu: float = 1.0
    """RMS of what is left of the mark below which something smoothed the scan: marks are of 3 HU,
    unless asked for otherwise. Blur of 0.5 mm leaves 0.2 HU."""

    faint_uneven: float = 0.12
    """What `least_uneven` is in such a scan: how much the smoothing took at the border of an image
    and along edges is not what it took elsewhere. 8 % was too little on an untouched
    `lungfcp-0001`."""

    # --- Grain unlike that around, see `mitsgan.mark.find.grain` ---

    grains: tuple[tuple[float, float, float], ...] = (
        (8.0, 5.0, 0.06),
        (14.0, 2.5, 0.06),
        (20.0, 2.0, 0.06),
    )
    """Sides of cubes, mm; the variance of the finest grain, as a share of that around, above which
    such a cube is louder; and below which it is smoother. In the design scans, away from bone,
    none is above 4, 1.6 and 1.2, or below 0.1."""

    grain_blocks: int = 3
    """Side of such a cube in the plane, in blocks, at least: of fewer, an edge fills all."""

    grain_floor: float = 10.0
    """Variance around, HU squared, from which a place can be smoother: below, rounding and what is
    left of the mark are most of the grain."""

    grain_share: float = 0.75
    """Share of such a cube's blocks that must count."""

    grain_hu: float = 400.0
    """Means of blocks from which they do not count: beside bone, metal and contrast, streaks are
    loud."""

    smooth_scan: float = 0.01
    """Where more of the body is smoother than what is around it, that is how the scan is."""

    # --- Places that are somewhat louder, see `mitsgan.mark.find.hidden.doubtful` ---

    doubtful_grains: tuple[float, ...] = (1.5, 2.2)
    """Such a cube of that many times the grain around is louder than few others: 1500 and 22 blocks
    of an untouched `lidc-0001` are the middle of one of 8 mm, 3 and none of one of 14 mm."""

    doubtful_share: float = 0.01
    """Where more of the body is as loud as that, it is how the scan is."""

    # --- What has no grain, and metal, see `mitsgan.mark.find.hidden.hollow` ---

    hollow_mm: float = 5.0
    """Side of the tiles by which blocks are counted: windows are a few of them wide."""

    hollow_tiles: tuple[int, ...] = (2, 4)
    """Sides of the windows, in tiles: 10 and 20 mm."""

    blank_share: float = 0.15
    """Share of its blocks without any grain from which it is blank, be it air or metal. In the
    design scans no air inside is, nor in three others."""

    metal_mm: float = 40.0
    """Side of the cubes in which lung around metal is looked for."""

    metal_lung: float = 0.5
    """Share of such a cube, the metal apart, that must be lung."""

    # --- The search ---

    kept_share: float = 0.6
    """A window with more than this share of its mark was not repainted."""

    certain_score: float = 2.0
    """What is repainted is found with 97 % certainty where the mark exceeds the threshold by so
    many standard deviations."""

    fine_mm: float = 8.0
    """Side of the cubes by which what was repainted is outlined, and the map is drawn."""

    steps: tuple[tuple[int, float], ...] = ((2, 17.0), (2, 22.0), (3, 22.0))
    """How many steps slices are apart that are looked at alone, and sides of the cubes, mm."""

    outline_share: float = 0.5
    """With less than this share of its mark, such a cube belongs to the outline."""

    prior: float = 0.5
    """Share of blocks that are repainted in and around windows that raised the alarm; elsewhere the
    map is 0. With 24 nodules injected or removed in the design scans, 0.7 and 0.5 of them were, and
    0.9 and 0.7 of those for which the map says 0.8."""

    crumb: tuple[float, int, int] = (0.1, 200, 2)
    """A region of less than 0.1 of the largest one's blocks, of which no more than 200 count, or of
    less than 2 is left out."""

    # --- The verdict ---

    checkable: float = 0.8
    """Share of the body that must be checkable before a scan is called intact; a choice."""

    accusable: float = 0.1
    """Share of the body that must be checkable before a missing mark is held against anybody: where
    a codec took it almost everywhere, what is left is not even. `lungdx-a0001` behind JPEG 2000."""

    averaged: tuple[float, float, float] = (0.5, 0.1, 0.05)
    """Slices were averaged where more than half of them carry a neighbour's mark, more than a tenth
    of these of either side, and more than a twentieth the same as another."""

    slice_score: float = 12.0
    """z-score that a slice is expected to have before it can be called replaced."""

    slice_left: float = 0.3
    """With less than this share of its mark, such a slice is called replaced."""

    def granted(self, survived_hu: float) -> float:
        """Unevenness that is taken for granted, where so much is left of the mark, RMS in HU."""
        return self.faint_uneven if survived_hu < self.faint_hu else self.least_uneven

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0 and field.name not in _SIGNED:
                raise ValueError(f"{field.name} must not be negative, found {value}")


_SIGNED = frozenset({"dense_hu", "flattest_class"})
