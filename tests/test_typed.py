"""JSON and TOML into dataclasses, with words for whoever must mend the file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from mitsgan.errors import DataError, ResultError, SettingsError
from mitsgan.settings import at_least
from mitsgan.typed import convert, read_json, read_toml, to_json, to_tree


@dataclass(frozen=True)
class Entry:
    kind: Literal["inject", "remove"]
    shape: tuple[int, int, int] = (1, 2, 3)
    weights: Path | None = None
    hu: float | None = None
    share: dict[str, float] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        at_least("hu", self.hu or 0, 0)
        if self.kind == "remove" and self.note == "odd":
            raise ValueError("remove is never odd")


@dataclass(frozen=True)
class File:
    entries: tuple[Entry, ...]
    budget: float | Entry = 10.0
    on: bool = True


def tree(**changes: Any) -> dict[str, Any]:
    """A file with one entry."""
    return {"entries": [{"kind": "inject", **changes}]}


def test_reads_what_is_right(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        'budget = 3\n[[entries]]\nkind = "remove"\nshape = [4, 5, 6]\nweights = "w"\nhu = 2\n'
        "[entries.share]\nlung = 0.5\n"
    )
    read = read_toml(tmp_path / "a.toml", File)
    assert read.entries == (Entry("remove", (4, 5, 6), tmp_path / "w", 2.0, {"lung": 0.5}),)
    assert read.budget == 3.0
    assert isinstance(read.entries[0].hu, float)


@pytest.mark.parametrize(
    "wrong, said",
    [
        (tree(kind="add"), 'entries[0].kind: expected one of "inject", "remove", found "add"'),
        ({"entries": [{}]}, "entries[0].kind is missing"),
        ({}, "entries is missing"),
        (tree(shape=[1, 2]), "entries[0].shape: expected a list of 3, found [1, 2]"),
        (tree(shape=[1, 2, 0.5]), "entries[0].shape[2]: expected a whole number, found 0.5"),
        (tree(weights=3), "entries[0].weights: expected a path, found 3"),
        (tree(hu="x"), 'entries[0].hu: expected a number, found "x"'),
        (tree(hu=True), "entries[0].hu: expected a number, found true"),
        ({"entries": [], "budget": math.nan}, "budget: expected a number, found nan"),
        (tree(share={"a": "b"}), "entries[0].share[...]: expected a number, found `str`"),
        (tree(hu=-1), "`hu` must be 0 or more, found -1"),
        (tree(kind="remove", note="odd"), "entries[0]: remove is never odd"),
        (tree(hus=1), "entries[0].hus: no such key; there are: kind, shape, weights, hu"),
        ({"entries": 3}, "entries: expected a list, each a table with kind, shape, "),
        ({"entries": [], "budget": {"kind": 1}}, "budget.kind: expected one of"),
        ({"entries": [], "budget": {"kind": "inject", "b": 1}}, "budget.b: no such key"),
        ({"entries": [], "on": 1}, "on: expected true or false, found 1"),
        ({"entries": [], "of": 1}, "of: no such key; there are: entries, budget, on"),
        (3, "expected a table with entries, budget, on, found 3"),
        (tree(note=["x" * 99]), 'expected text, found ["xxx'),
    ],
)
def test_says_what_is_wrong_and_where(wrong: object, said: str) -> None:
    with pytest.raises(ResultError) as caught:
        convert(wrong, File, "a.json")
    assert str(caught.value).startswith("a.json: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["{", b"\xff", ""])
def test_no_json(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=r"a\.json is no JSON"):
        read_json(path, File, error=DataError)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"b\.json cannot be read: No such file"):
        read_json(tmp_path / "b.json", File)
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        read_toml(tmp_path, File)


@pytest.mark.parametrize("data", [b"entries = ", b"\xff"])
def test_no_toml(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.toml").write_bytes(data)
    with pytest.raises(SettingsError, match=r"a\.toml is no TOML"):
        read_toml(tmp_path / "a.toml", File)


def test_a_path_is_made_by_whoever_knows_how(tmp_path: Path) -> None:
    def resolve(text: str) -> Path:
        if text.startswith("$"):
            raise ValueError("the variable is not set")
        return Path("/data") / text

    (tmp_path / "a.toml").write_text('entries = [{kind = "inject", weights = "w"}]')
    read = read_toml(tmp_path / "a.toml", File, resolve=resolve)
    assert read.entries[0].weights == Path("/data/w")
    (tmp_path / "a.toml").write_text('entries = [{kind = "inject", weights = "$w"}]')
    with pytest.raises(SettingsError, match=r"entries\[0\].weights: the variable is not set"):
        read_toml(tmp_path / "a.toml", File, resolve=resolve)


def test_a_home_that_nobody_knows_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('entries = [{kind = "inject", weights = "~nosuchuser/w"}]')
    with pytest.raises(SettingsError, match=r"weights: nobody knows the folder that ~ stands for"):
        read_toml(tmp_path / "a.toml", File, resolve=lambda text: Path(text).expanduser())


def test_json_has_no_infinity_and_knows_paths_and_numpy() -> None:
    file = File((Entry("inject", weights=Path("w"), hu=math.inf),), 2.0)
    assert to_tree(file)["entries"][0]["weights"] == "w"
    read = json.loads(to_json(file), parse_constant=pytest.fail)
    assert read["entries"][0]["hu"] is None
    assert to_tree({"a": np.float32(0.5), "b": np.arange(2)}) == {"a": 0.5, "b": [0, 1]}
    assert convert(json.loads(to_json(file)), File, "here").budget == 2.0


def test_names_of_files_that_are_no_utf8_are_written_and_come_back(tmp_path: Path) -> None:
    path = Path("m\udcfcller")  # what Python makes of Latin-1
    text = to_json(Entry("inject", weights=path, note="ü"))
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    assert read_json(tmp_path / "a.json", Entry).weights == path
    assert "ü" in text


@dataclass(frozen=True)
class Peers:
    named: dict[str, Entry]
    first: Entry | None = None


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"named": {"a": {"kind": "inject"}, "b": {"kind": 1}}}, "named.b.kind: expected one of "),
        ({"named": {"a": {"kind": "inject", "hu": -1}}}, "named.a: `hu` must be 0 or more"),
        ({"named": {"a": {"hu": 1}}}, "named.a.kind is missing"),
        ({"named": {}, "first": {"kind": "inject", "hu": -1}}, "first: `hu` must be 0 or more"),
        ({"named": {}, "first": {"kind": "inject", "shape": [1, "x", 2]}}, "first.shape[1]: "),
        ({"named": {"a": {"kind": "remove", "note": "odd"}}}, "named.a: remove is never odd"),
    ],
)
def test_tells_which_of_several_tables_is_wrong(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        convert(wrong, Peers, "it", error=SettingsError)
    assert str(raised.value).startswith(f"it: {said}")


def test_what_was_read_is_written_with_its_defaults() -> None:
    """They may be others in the version that reads it again."""
    read = convert({"named": {"a": {"kind": "inject"}}}, Peers, "it")
    assert to_tree(read) == to_tree(Peers({"a": Entry("inject")}))
    assert to_tree(read)["named"]["a"]["shape"] == [1, 2, 3]
