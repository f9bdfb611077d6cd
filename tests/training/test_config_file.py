"""Configuration files: what they may say, what is told where they say something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitsgan.errors import DataError, OutputError
from mitsgan.training.config_file import check_same, read_config, write_config

KEYS: dict[str, Any] = {
    "scans": tuple[Path, ...],
    "output": Path,
    "classifier": Path | None,
    "action": Literal["inject", "remove"],
    "width": tuple[int, int],
    "steps": int,
    "rate": float,
    "held_out": bool,
    "licence": str,
}


def config(folder: Path, text: str) -> Path:
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_have_the_types_of_their_keys(tmp_path: Path) -> None:
    path = config(tmp_path, 'scans = ["a", "/b"]\nrate = 1\nwidth = [1, 2]\nheld_out = true\n')
    found = read_config(path, KEYS)
    assert found == {
        "scans": (tmp_path / "a", Path("/b")),
        "rate": 1.0,
        "width": (1, 2),
        "held_out": True,
    }
    assert type(found["rate"]) is float


@pytest.mark.parametrize(
    "text, said",
    [
        ("stepps = 3", "unknown key stepps; expected some of scans, output"),
        ("steps = 3.5", "steps is 3.5; expected a whole number"),
        ("steps = true", "steps is true; expected a whole number"),
        ('rate = "fast"', 'rate is "fast"; expected a number'),
        ("held_out = 1", "held_out is 1; expected true or false"),
        ("licence = 1", "licence is 1; expected text"),
        ("classifier = 1", "classifier is 1; expected a path"),
        ('action = "paint"', 'action is "paint"; expected "inject" or "remove"'),
        ("width = [1]", r"width is \[1\]; expected a list of 2, each a whole number"),
        ("width = [1, 2.5]", r"width\[1\] is 2.5; expected a whole number"),
        ('scans = "a"', 'scans is "a"; expected a list, each a path'),
        ("steps = ", "is no TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_with_key_file_and_what_to_say(
    text: str, said: str, tmp_path: Path
) -> None:
    path = config(tmp_path, text)
    with pytest.raises(DataError, match=said) as error:
        read_config(path, KEYS)
    assert str(error.value).startswith(str(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.toml does not exist"):
        read_config(tmp_path / "none.toml", KEYS)


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, st.floats(allow_nan=False), st.integers(-(2**63), 2**63 - 1), st.booleans())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, text: str, rate: float, steps: int, held: bool
) -> None:
    path = tmp_path_factory.mktemp("config") / "a.toml"
    values = {"licence": text, "rate": rate, "steps": steps, "held_out": held, "width": (3, 4)}
    write_config(path, {**values, "classifier": None}, "a comment")
    assert read_config(path, KEYS) == values


def test_paths_are_written_from_the_root_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    write_config(Path("run/a.toml"), {"scans": (Path("ä b"),)}, "a comment")
    assert read_config(Path("run/a.toml"), KEYS) == {"scans": (tmp_path / "ä b",)}


def test_a_contradiction_names_both_values(tmp_path: Path) -> None:
    path = config(tmp_path, 'steps = 3\nlicence = "MIT"\n')
    check_same(path, KEYS, {"steps": 3})
    check_same(path, KEYS, {"classifier": None})
    with pytest.raises(OutputError, match="holds a run with steps = 3, found 4"):
        check_same(path, KEYS, {"steps": 4})
    with pytest.raises(OutputError, match="with held_out = nothing, found true"):
        check_same(path, KEYS, {"held_out": True})
