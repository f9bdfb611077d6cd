"""What README.md says first, in words, drawn from the committed results."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmark_digest import first_appearance
from benchmark_pages import SUMMARY
from result_tables import RESULTS
from sketch_tables import found_by_mark, found_by_sketch

from mitsgan.evaluate.benchmark.result import Benchmark

_MARKED = {"lidc-0001": "2.5 mm slices", "lungdx-a0001": "5 mm slices, sharp kernel"}
_PAINTED_IN, _REMOVED = "lesion painted in by a model", "lesion removed by a model"


def in_words() -> str:
    """Whether attacks fail, whether they are found, and whether the original comes back."""
    return "\n".join(f"- {sentence}" for sentence in _sentences())


def _sentences() -> Iterator[str]:
    looks = first_appearance(Benchmark.read(SUMMARY), "textured", "inject")
    n = looks["n"]
    without, protected = (
        round(looks[key] * n / 100) for key in ("nodule_original", "nodule_protected")
    )
    yield (
        f"**Disruption does not stop an attack.** On `{looks['scan']}`, a chest CT that no "
        f"training saw, {without} of {n} nodules that a simulated attacker paints in pass for "
        f"nodules without protection, and {protected} of {n} with it, within {looks['budget']}."
    )
    yield (
        "**The sketch in the seal finds it**: "
        f"{found_by_sketch(_PAINTED_IN)} lesions painted in and {found_by_sketch(_REMOVED)} "
        "removed by models, on the three scans that it was designed on."
    )
    marks = "; ".join(
        f"on `{scan}` ({slices}) {found_by_mark(scan, _PAINTED_IN)} painted in and "
        f"{found_by_mark(scan, _REMOVED)} removed"
        for scan, slices in _MARKED.items()
    )
    yield f"**The mark finds it in part**, with a secret key and no file beside the scan: {marks}."
    rows = json.loads((RESULTS / "restore.json").read_text(encoding="utf-8"))["results"]
    same = sum(row["same_bytes"] for row in rows)
    yield (
        f"**The original comes back**: every byte of it in {same} of {len(rows)} series protected "
        "and restored, with and without a mark."
    )
