"""What passive detectors make of a public set: attacked places against untouched ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mitsgan.errors import DataError, ScanError
from mitsgan.evaluate.passive.search import PassiveDetector
from mitsgan.evaluate.statistics import auc
from mitsgan.jobs.tampered_sets.labelled import LabelledScan
from mitsgan.progress import Progress, silent


@dataclass(frozen=True)
class Row:
    """One detector and one kind of tampering by one method.

    Attributes:
        n, untouched: places of each kind.
        auc: of one against the other.
        iou: mean over the tampered places whose extent the set says; None where it says none.
    """

    detector: str
    method: str
    label: str
    n: int
    untouched: int
    auc: float
    iou: float | None


@dataclass
class _Scores:
    tampered: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class SetEvaluation:
    """A set.

    Attributes:
        scans: that were searched.
        skipped: names of those that were not, and why.
        rows: of every detector, method and kind.
    """

    scans: int
    skipped: tuple[str, ...]
    rows: tuple[Row, ...]


def evaluate_set(
    scans: Iterable[LabelledScan],
    detectors: Sequence[tuple[PassiveDetector, float]],
    *,
    progress: Progress = silent,
) -> SetEvaluation:
    """Search every scan, and compare the scores at its places.

    Args:
        scans: of the set, read one by one.
        detectors: each with the score from which on it flags.
        progress: told the scans as they are done; how many there are is not known.

    Raises:
        DataError: no kind of tampering has places both tampered and untouched.
    """
    tampered: dict[tuple[str, str, str], _Scores] = {}
    untouched: dict[tuple[str, str], list[float]] = {}
    skipped, count = [], 0
    for one in scans:
        try:
            scan = one.read()
            maps = [(found.name, found.search(scan).scores, least) for found, least in detectors]
        except (ScanError, DataError) as error:
            skipped.append(f"{one.name}: {error}")
            continue
        count += 1
        progress("searching", count, 0, one.name)
        box = one.tampered() if one.tampered is not None else None
        for name, scores, least in maps:
            for place in one.places:
                score = scores.at(place.voxel(scan))
                if place.label == "untouched":
                    untouched.setdefault((name, place.against), []).append(score)
                    continue
                kept = tampered.setdefault((name, one.method, place.label), _Scores())
                kept.tampered.append(score)
                if box is not None:
                    kept.overlaps.append(scores.overlap(least, box))
    rows = tuple(
        Row(
            detector=name,
            method=method,
            label=label,
            n=len(kept.tampered),
            untouched=len(untouched[name, label]),
            auc=auc(kept.tampered, untouched[name, label]),
            iou=sum(kept.overlaps) / len(kept.overlaps) if kept.overlaps else None,
        )
        for (name, method, label), kept in tampered.items()
        if (name, label) in untouched
    )
    if not rows:
        raise DataError("no kind of tampering has places both tampered and untouched in this set")
    return SetEvaluation(count, tuple(skipped), rows)
