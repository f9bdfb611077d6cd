"""Reports of results that are no measurements: verifications, and what else commands write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mitsgan.errors import counted
from mitsgan.evaluate.report.content import Headline, Report
from mitsgan.evaluate.report.provenance import facts, in_words
from mitsgan.evaluate.report.reading import Reported
from mitsgan.evaluate.report.table import Table
from mitsgan.jobs.candidates.result import CandidatesResult
from mitsgan.jobs.protect.tree import TreeProtection
from mitsgan.jobs.report.again import command_of
from mitsgan.jobs.verify.report import verification_report
from mitsgan.jobs.verify.result import Verification
from mitsgan.jobs.verify.tree import TreeVerification, tree_report
from mitsgan.typed import to_json

Json = dict[str, Any]

_ABOUT = ("schema", "kind", "version", "notes", "seconds", "unit")
_PATHS = ("source", "output")
"""Files by name, not by where they lie."""


def _verification(path: Path, tree: Json) -> Report:
    result = Verification.read(path)
    return verification_report(result, Path(result.source).name)


def _tree(path: Path, tree: Json) -> Report:
    return tree_report(TreeVerification.read(path))


def _protection(tree: Json) -> str:
    slices, change = tree["scan"]["shape"][0], tree["change"]
    done = "protected" if tree.get("mark") is None else "protected and marked"
    return (
        f"{counted(slices, 'slice')} of {Path(tree['source']).name} {done}; the largest change is "
        f"{change['largest']:g} HU, the RMS change {change['rms']:.2f} HU."
    )


def _protected_scans(tree: Json) -> Json:
    """A row for each scan, with what counts of its protection in place of all that was told."""
    rows = []
    for entry in tree["scans"]:
        protection = entry["protection"] or {}
        change, notes = protection.get("change") or {}, protection.get("notes") or ()
        rows.append(
            {
                "scan": entry["scan"],
                "output": entry["output"],
                "largest change, HU": change.get("largest"),
                "RMS change, HU": change.get("rms"),
                "why not, or notes": entry["reason"] or "; ".join(notes),
            }
        )
    return {**tree, "scans": rows}


def _restoration(tree: Json) -> str:
    who = f"sealed by {tree['signer']}" if tree["sealed"] else "sealed by nobody"
    back = f"{counted(tree['slices'], 'slice')} {'is' if tree['slices'] == 1 else 'are'} back"
    return f"{back}, and the digest of the original is the one kept: {who}."


def _sealing(tree: Json) -> str:
    sketch = "with" if tree["sketch"] else "without"
    return f"{counted(tree['slices'], 'slice')} sealed {sketch} a sketch, by {tree['signer']}."


_LEADS: Mapping[str, Callable[[Json], str]] = {
    "protection": _protection,
    TreeProtection.KIND: lambda tree: (
        f"Scans that were protected: {tree['protected']}; that were not: {tree['failed']}."
    ),
    "restoration": _restoration,
    "sealing": _sealing,
    "candidates": lambda tree: (
        f"{counted(len(tree['candidates']), 'place')} where a nodule might be."
    ),
    "training": lambda tree: "A training, with what it was made of and what it came to.",
    "cubes": lambda tree: "Cubes of scans, to train on.",
    "data check": lambda tree: (
        f"Of {counted(len(tree['scans']), 'scan')}, {tree['faulty']} with a fault that training "
        "stumbles over."
    ),
    "fetched": lambda tree: "Scans that were fetched.",
    "fetched weights": lambda tree: "Weights that were fetched.",
    "import": lambda tree: "An attacker that was imported.",
    "archive report": lambda tree: f"{len(tree.get('series', ()))} series of an archive.",
    "archive plan": lambda tree: "What is to become of an archive.",
    "archive run": lambda tree: "A run over an archive.",
}
"""The first sentence, by what a result is."""

_NUMBERS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "protection": (
        ("Largest change of any voxel", "change.largest", "HU"),
        ("RMS change", "change.rms", "HU"),
        ("Strength of the mark, RMS", "mark.rms", "HU"),
        ("Voxels, padding left out", "scan.voxels", ""),
    ),
    "restoration": (("Slices that are back", "slices", ""),),
    "sealing": (("Slices that are sealed", "slices", ""),),
    "candidates": (("Lung", "lung_ml", "ml"),),
}
"""Labels, where the number stands, and its unit."""


def _other(path: Path, tree: Json) -> Report:
    """Of any other result: its numbers above, all that it holds in tables."""
    kind = str(tree["kind"])
    tree = {
        **tree,
        **{key: Path(tree[key]).name for key in _PATHS if isinstance(tree.get(key), str)},
    }
    shown = _protected_scans(tree) if kind == TreeProtection.KIND else tree
    content = {key: value for key, value in shown.items() if key not in _ABOUT}
    tables = (
        CandidatesResult.read(path).tables if kind == CandidatesResult.KIND else _tables(content)
    )
    return Report(
        title=f"{kind[:1].upper()}{kind[1:]}",
        version=str(tree.get("version", "")),
        lead=_LEADS[kind](tree),
        command=command_of(kind, tree),
        config=to_json(tree),
        provenance={},
        headline=tuple(_numbers(kind, content)),
        tables=tuple(tables),
        limits=("It tells what a command did, and measures nothing of what that is worth.",),
        gaps=tuple(tree.get("notes") or ()),
        gaps_title="What is to be known",
    )


def _numbers(kind: str, content: Json) -> Iterator[Headline]:
    """The numbers that count, where a kind has some."""
    for label, path, unit in _NUMBERS.get(kind, ()):
        value: Any = content
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            yield Headline(label, value, unit)


def _tables(content: Json) -> Iterator[Table]:
    """Everything: lists of objects as they are, single facts together, as text."""
    for table in facts(content):
        id, title, rows = table.id.replace("provenance", "result"), table.title, table.rows
        if table.id == "provenance-other":
            title = "What it holds"
            known = (row for row in rows if row["value"] is not None)
            rows = tuple({**row, "value": in_words(row["value"])} for row in known)
        yield Table(id, title, table.columns, rows)


OTHERS: Mapping[str, Reported] = {
    Verification.KIND: _verification,
    TreeVerification.KIND: _tree,
    **dict.fromkeys(_LEADS, _other),
}
"""What makes the report of a result that measures nothing, by its kind."""
