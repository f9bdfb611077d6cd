"""What went into a run, as tables: lists of objects each their own, single facts together."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mitsgan.evaluate.report.content import Json
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column, Table

_LABELS = {
    "sha256": "SHA-256",
    "spacing_mm": "spacing, mm [z, y, x]",
    "shape": "voxels [z, y, x]",
    "origin_lps_mm": "origin, mm (LPS)",
    "axes_lps": "axes (LPS)",
    "rms": "RMS",
}
_SIZES = ("shape", "spacing_mm")
"""What is so much by so much; other numbers in a row are places, or each its own."""

_FIRST = ("role", "name")
"""What an object is: columns that stand before all others."""


def facts(provenance: Json) -> list[Table]:
    """Tables of a provenance: one per list of objects, and one of everything else."""
    tables, single = [], []
    for key, value in provenance.items():
        if isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            names = dict.fromkeys(name for item in value for name in item)
            keys = sorted(names, key=lambda name: name not in _FIRST)
            columns = tuple(Column(name, _label(name)) for name in keys)
            rows = tuple({name: _cell(item.get(name), name) for name in keys} for item in value)
            tables.append(Table(f"provenance-{key}", _label(key), columns, rows))
        else:
            single.append({"what": _label(key), "value": _cell(value, key)})
    if single:
        columns = (Column("what", "what"), Column("value", "value"))
        tables.append(Table("provenance-other", "other", columns, tuple(single)))
    return tables


def _label(key: str) -> str:
    return _LABELS.get(key, key.replace("_", " "))


def _cell(value: object, key: str = "") -> Cell:
    """A JSON value on one line; ``key`` says what it is."""
    if isinstance(value, list | Mapping) and not value:
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list) and all(isinstance(v, int | float) for v in value):
        return (" x " if key in _SIZES else ", ").join(f"{v:g}" for v in value)
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ", ".join(value)
    if isinstance(value, list) and all(isinstance(v, list) for v in value):
        return "; ".join(f"{_cell(v)}" for v in value)
    if isinstance(value, Mapping):
        parts = {str(k): _cell(v, str(k)) for k, v in value.items()}
        told = {_label(k): cell for k, cell in parts.items() if cell is not None}
        return ", ".join(f"{k} {in_words(cell)}" for k, cell in told.items())
    return json.dumps(value, ensure_ascii=False)


def in_words(cell: Cell) -> str:
    """A cell within a sentence."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.6g}" if isinstance(cell, float) else f"{cell}"
