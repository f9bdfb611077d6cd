"""What a diagnosis rests on, in the original and in the protected scan, beside a null.

The null is the original with noise of the RMSE that the protection has outside the body, in it and
in the lung (`rescan`): what moves no further than under it moved no further than a slightly lower
dose would have moved it. Definitions and
tolerances: docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mitsgan.evaluate.diagnosis import edge, homogeneous
from mitsgan.evaluate.diagnosis.edge import edge_width, find_edges
from mitsgan.evaluate.diagnosis.homogeneous import Patches, find_patches, noise_spectrum
from mitsgan.evaluate.diagnosis.invariant import Invariant
from mitsgan.evaluate.diagnosis.lung_density import density_features, histogram
from mitsgan.evaluate.diagnosis.nodule_calls import NULLS, ClassifierSites, ask, call_invariants
from mitsgan.evaluate.diagnosis.nodule_volume import segment_nodule
from mitsgan.evaluate.diagnosis.rescan import Level, rescan
from mitsgan.evaluate.diagnosis.texture import cooccurrence, texture_features
from mitsgan.evaluate.metrics.regions import RegionOfInterest
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.scan.scan import Scan
from mitsgan.settings import Place


@dataclass(frozen=True)
class Tolerance:
    """How far a figure may move, and who says so.

    Attributes:
        limit: in the figure's unit, or in per cent of the original.
        unit: which of the two.
        source: the reference.
    """

    limit: float
    unit: Literal["absolute", "percent"]
    source: str


_LUNG_DENSITY = "QIBA Profile: Computed Tomography: Lung Densitometry (RSNA, 2020), claim"
_NODULE = "Callister et al., BTS guidelines, Thorax 70 Suppl 2, 2015: growth is 25 % or more"

TOLERANCES: Mapping[str, Tolerance] = {
    "LAA-950": Tolerance(3.7, "absolute", _LUNG_DENSITY),
    "Perc15": Tolerance(11.0, "absolute", f"{_LUNG_DENSITY} with volume adjustment"),
    "soft tissue, mean": Tolerance(
        5.0, "absolute", "ACR CT Quality Control Manual (2017): water 0 HU within 5"
    ),
    "nodule volume": Tolerance(25.0, "percent", _NODULE),
}
"""For every other figure no tolerance is claimed."""

_APART = 1_000_003
"""Between seeds of re-scans, so that those of neighbouring seeds differ."""

_Figures = dict[str, tuple[str, float | None]]
"""Name to unit and value; None where it could not be measured."""


@dataclass(frozen=True)
class Sites:
    """Where figures are measured: found once, in the original.

    Attributes:
        lung: deep in the lung, or None where there is none.
        patches: homogeneous soft tissue.
        edges: between lung and chest wall.
        nodules: LPS mm.
        openings: the rule of `segment_nodule` for each nodule, None where it failed.
    """

    lung: RegionOfInterest | None
    patches: Patches
    edges: Sequence[edge.Edge]
    nodules: Sequence[Place]
    openings: Sequence[float | None]


def find_places(
    original: Scan,
    lung: RegionOfInterest | None,
    deep_lung: RegionOfInterest | None,
    nodules: Sequence[Place],
) -> tuple[Sites, list[str]]:
    """Find what can be measured, and say what cannot.

    Args:
        original: the scan before protection.
        lung: its lung, or None.
        deep_lung: the lung without its border.
        nodules: where nodules are known to be, LPS mm.

    Raises:
        PositionError: a nodule lies outside the scan.
    """
    gaps = []
    segmented = [segment_nodule(original, place) for place in nodules]
    for place, nodule in zip(nodules, segmented, strict=True):
        if nodule is None:
            gaps.append(
                f"nodule at {', '.join(f'{v:g}' for v in place)} mm (LPS): no tissue there that "
                "can be parted from its surroundings"
            )
    patches = find_patches(original)
    if len(patches.places) < homogeneous.FEWEST:
        gaps.append(
            f"only {len(patches.places)} homogeneous soft-tissue patches of 20 mm: no mean, "
            "deviation or noise spectrum there; the re-scan noise is white"
        )
        patches = Patches((), patches.size)
    elif noise_spectrum(patches.values(original), original.spacing) is None:
        gaps.append(
            "pixels are too large for a noise spectrum of 20 mm patches; the re-scan noise is white"
        )
    edges = [] if lung is None else find_edges(original, lung)
    if lung is not None and len(edges) < edge.FEWEST:
        gaps.append(f"only {len(edges)} plain edges between lung and chest wall: no edge response")
        edges = []
    openings = [None if nodule is None else nodule.opening_mm for nodule in segmented]
    return Sites(deep_lung, patches, edges, nodules, openings), gaps


def invariants(
    original: Scan,
    protected: Scan,
    places: Sites,
    levels: Sequence[Level],
    seed: int,
    *,
    calls: tuple[ClassifierSites, NoduleClassifier] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Invariant]:
    """Measure every figure in the original, the protected scan and the null.

    Args:
        original, protected: the scans.
        places: from `find_places`.
        levels: RMSE of the protection by region, and so of the null's noise.
        seed: of that noise.
        calls: where the nodule classifier is asked as well, and which; that takes more re-scans.
        say: told what is being done.

    """
    say("figures of the original")
    first = _figures(original, original, places)
    say("figures of the protected scan")
    second = _figures(protected, original, places)
    say("figures under re-scan noise")
    again = rescan(original, levels, places.patches, seed)
    null = _figures(again, original, places)
    figures = []
    for name, (unit, value) in first.items():
        moved, rescanned = (
            None if value is None or other is None else other - value
            for _, other in (measured.get(name, (unit, None)) for measured in (second, null))
        )
        protected_value = second.get(name, (unit, None))[1]
        figure = Invariant(name, unit, value, protected_value, moved, rescanned)
        figures.append(_judged(figure))
    if calls is None:
        return figures
    say("calls of the nodule classifier")
    where, classifier = calls
    nulls = [ask(again, where, classifier)]
    for number in range(1, NULLS):
        other = rescan(original, levels, places.patches, seed + _APART * number)
        nulls.append(ask(other, where, classifier))
    before, after = (ask(scan, where, classifier) for scan in (original, protected))
    return figures + call_invariants(before, after, nulls, where, classifier.threshold)


def _judged(figure: Invariant) -> Invariant:
    """The figure with its tolerance, if one is claimed, and whether it is kept."""
    claimed = next((t for start, t in TOLERANCES.items() if figure.name.startswith(start)), None)
    if claimed is None:
        return figure
    limit = claimed.limit
    if claimed.unit == "percent":
        limit = 0.0 if figure.original is None else limit / 100 * abs(figure.original)
    within = None if figure.change is None else abs(figure.change) <= limit
    return replace(figure, tolerance=limit, tolerance_source=claimed.source, within=within)


def _figures(scan: Scan, original: Scan, places: Sites) -> _Figures:
    figures: _Figures = {}
    if places.lung is not None:
        density = density_features(histogram(scan, original, places.lung))
        names = {
            "LAA-950": ("%", "laa950"),
            "Perc15": ("HU", "perc15"),
            "lung, mean": ("HU", "mean"),
            "lung, deviation": ("HU", "deviation"),
            "lung, skewness": ("", "skewness"),
            "lung, kurtosis": ("", "kurtosis"),
            "lung, entropy": ("bits", "entropy"),
        }
        figures |= {name: (unit, density[key]) for name, (unit, key) in names.items()}
        texture = texture_features(cooccurrence(scan, original, places.lung))
        units = {"contrast": "levels²", "joint entropy": "bits"}
        figures |= {f"lung GLCM, {k}": (units.get(k, ""), v) for k, v in texture.items()}
    if places.patches.places:
        values = places.patches.values(scan)
        figures["soft tissue, mean"] = ("HU", float(values.mean()))
        figures["soft tissue, sigma"] = ("HU", float(values.std((1, 2)).mean()))
        spectrum = noise_spectrum(values, scan.spacing)
        if spectrum is not None:
            figures["NPS, peak frequency"] = ("1/mm", spectrum.peak)
            figures["NPS, mean frequency"] = ("1/mm", spectrum.mean)
            figures["NPS, area"] = ("HU²", spectrum.area)
    if places.edges:
        figures["edge 10-90 % width"] = ("mm", edge_width(scan, list(places.edges)))
    for place, opening in zip(places.nodules, places.openings, strict=True):
        if opening is not None:
            where = ", ".join(f"{v:g}" for v in place)
            nodule = segment_nodule(scan, place, opening_mm=opening)
            volume, mean = (nodule.volume_mm3, nodule.mean_hu) if nodule else (None, None)
            figures[f"nodule volume ({where})"] = ("mm³", volume)
            figures[f"nodule mean ({where})"] = ("HU", mean)
    return figures
