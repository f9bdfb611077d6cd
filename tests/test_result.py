"""A result is read back as it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from mitsgan.errors import ResultError
from mitsgan.result import Result


@dataclass(frozen=True, kw_only=True)
class Row(Result):
    KIND: ClassVar[str] = "row"
    SCHEMA: ClassVar[int] = 2

    name: str
    hu: float | None = None
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    seconds: dict[str, float] = field(default_factory=dict)


def test_comes_back_equal() -> None:
    row = Row(name="a", hu=0.1, spacing_mm=(2.5, 0.7, 0.7), seconds={"read": 0.25})
    assert Row.from_json(row.to_json()) == row
    assert list(json.loads(row.to_json()))[:3] == ["schema", "kind", "name"]


def test_a_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(Row(name="a").to_json())
    assert Row.read(tmp_path / "a.json") == Row(name="a")
    with pytest.raises(ResultError, match=r"b\.json cannot be read"):
        Row.read(tmp_path / "b.json")


@pytest.mark.parametrize("change", [{"schema": 1}, {"kind": "table"}, {"schema": None}])
def test_another_kind_or_schema_is_refused(change: dict[str, object]) -> None:
    text = json.dumps({**json.loads(Row(name="a").to_json()), **change})
    with pytest.raises(ResultError, match=r"x\.json: expected kind 'row' of schema 2, found kind"):
        Row.from_json(text, "x.json")


def test_a_key_more_is_refused() -> None:
    text = json.dumps({**json.loads(Row(name="a").to_json()), "extra": 1})
    with pytest.raises(ResultError, match="extra: no such key"):
        Row.from_json(text)
