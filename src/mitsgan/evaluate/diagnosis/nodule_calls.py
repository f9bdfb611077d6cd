"""Whether a finding appears or disappears for the nodule classifier, beside re-scan noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from mitsgan.anatomy.candidates import find_candidates
from mitsgan.anatomy.places import cube_size, has_whole_block, lung_positions
from mitsgan.attack import cut_blocks, hu_volume
from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.attack.resample import zoom
from mitsgan.errors import MitsganError
from mitsgan.evaluate.diagnosis.invariant import Invariant
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.scan.scan import Scan

LUNG_PLACES = 200
"""Random places in the lung; a nodule is called at few of them, and should go on being so."""

NULLS = 3
"""Re-scans with which calls are compared: a call near the threshold flips in one and not in
another, and the most that flip in any of them is the tolerance."""

SOURCE = f"no more calls flip than in any of {NULLS} re-scans"

_Voxel = tuple[int, int, int]
_Calls = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class ClassifierSites:
    """Where a classifier is asked: found once, in the original.

    Attributes:
        groups: name to voxels ``[z, y, x]`` with a whole cube around them.
        nodules: which of ``groups`` hold one known nodule each.
    """

    groups: Mapping[str, Sequence[_Voxel]]
    nodules: frozenset[str]


def find_classifier_sites(
    original: Scan, nodules: Sequence[tuple[float, float, float]], seed: int
) -> tuple[ClassifierSites, list[str]]:
    """Known nodules (LPS mm), candidates, and random lung; and what there is none of, in words."""
    groups: dict[str, Sequence[_Voxel]] = {}
    gaps = []
    for place in nodules:
        text = ", ".join(f"{v:g}" for v in place)
        voxel = original.geometry.to_voxel(place)
        if _holds(original, voxel):
            groups[f"({text})"] = [voxel]
        else:
            gaps.append(f"nodule classifier at {text} mm (LPS): no whole 32 mm cube around it")
    known = frozenset(groups)
    try:
        positions = [c.position for c in find_candidates(original) if _holds(original, c.position)]
        if positions:
            groups["candidates"] = positions
        groups["lung places"] = lung_positions(original, LUNG_PLACES, seed)
    except MitsganError as error:
        gaps.append(f"nodule classifier in the lung: {error}")
    return ClassifierSites(groups, known), gaps


def ask(scan: Scan, places: ClassifierSites, classifier: NoduleClassifier) -> _Calls:
    """The probability of a nodule at every place."""
    volume = hu_volume(scan)
    size = cube_size(scan.spacing)
    calls = {}
    for name, voxels in places.groups.items():
        cubes = zoom(cut_blocks(volume, voxels, size), (SIDE, SIDE, SIDE))
        calls[name] = classifier.probability(cubes).tolist()
    return calls


def call_invariants(
    before: _Calls,
    after: _Calls,
    nulls: Sequence[_Calls],
    places: ClassifierSites,
    threshold: float,
) -> list[Invariant]:
    """What becomes of the classifier's calls, as figures beside the others.

    Args:
        before, after, nulls: from `ask`, of the original, the protected scan and re-scans.
        places: which of them are known nodules.
        threshold: from which on a probability calls a nodule.
    """
    figures = []
    for name, values in before.items():
        if name in places.nodules:
            numbers = (values[0], after[name][0], nulls[0][name][0])
            figures.append(_figure(f"nodule probability {name}", "", numbers))
            continue
        called = (sum(v >= threshold for v in calls[name]) for calls in (before, after, nulls[0]))
        figures.append(_figure(f"nodules called, {len(values)} {name}", "places", tuple(called)))
        moved = [
            fmean(abs(b - a) for a, b in zip(values, calls[name], strict=True))
            for calls in (after, nulls[0])
        ]
        label = f"nodule probability, mean move, {len(values)} {name}"
        figures.append(_figure(label, "", (0.0, moved[0], moved[1])))
    for name, values in before.items():
        flips = [
            sum((a >= threshold) != (b >= threshold) for a, b in zip(values, other, strict=True))
            for other in (calls[name] for calls in (after, *nulls))
        ]
        most = max(flips[1:])
        label = "1 nodule " + name if name in places.nodules else f"{len(values)} {name}"
        figure = _figure(f"calls that flip, {label}", "places", (0, flips[0], most))
        within = flips[0] <= most
        figures.append(replace(figure, tolerance=most, tolerance_source=SOURCE, within=within))
    return figures


def _figure(name: str, unit: str, values: tuple[float, ...]) -> Invariant:
    original, protected, null = (float(v) for v in values)
    return Invariant(name, unit, original, protected, protected - original, null - original)


def _holds(scan: Scan, voxel: Sequence[int]) -> bool:
    return bool(has_whole_block(voxel, cube_size(scan.spacing), scan.shape))
