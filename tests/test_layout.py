"""docs/layout.md is true: every room has its row, files are short, no folder is full."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from tests.test_imports import MAY_IMPORT

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "layout.md").read_text()

LONGEST_FILE = 350
FULLEST_FOLDER = 16

KINDS = ("*.py", "*.md", "*.json", "*.toml", "*.safetensors", "*.svg", "*.png")
"""What folders are counted by."""

SPARED = {"__pycache__", "api"}
"""Folders of what is made anew (docs/api is the site's)."""


def section(title: str) -> str:
    """What stands below a heading of the page."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_column(text: str) -> list[list[str]]:
    """The names in the first column of a table, row by row."""
    return [re.findall("`([^`]+)`", row.split("|")[1]) for row in text.splitlines() if "| `" in row]


def files(*patterns: str) -> list[Path]:
    """Files of the repository, without what is made anew."""
    rooms = ("src", "tests", "tools", "benchmarks", "docs")
    paths = (path for room in rooms for p in patterns for path in (ROOT / room).rglob(p))
    return sorted(p for p in paths if p.is_file() and not SPARED & set(p.parts))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_room_has_a_row() -> None:
    rooms = {name.rstrip("/") for names in first_column(section("Rooms")) for name in names}
    assert rooms == set(MAY_IMPORT)
    package = ROOT / "src" / "mitsgan"
    there = {
        path.stem
        for path in package.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert there - {"__init__", "__main__"} == rooms


def test_every_path_that_the_page_names_is_there() -> None:
    package = ROOT / "src" / "mitsgan"
    for name in re.findall(r"`([a-z_]+(?:/[a-z_.]*)+)`", PAGE):
        inside_node = package / "node" / name
        assert any(p.exists() for p in (ROOT / name, package / name, inside_node)) or (
            list(package.glob(f"*/{name}"))
        ), f"layout.md names {name}"


def test_no_file_is_long() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in files("*.py")}
    assert len(lengths) > 500, "found too few files: have they moved?"
    assert not {name: n for name, n in lengths.items() if n > LONGEST_FILE}


def full_folders(paths: list[Path]) -> dict[str, int]:
    """Folders with more files than are seen at once; a package's own file does not count."""
    counts = Counter(named(path.parent) for path in paths if path.name != "__init__.py")
    return {name: n for name, n in counts.items() if n > FULLEST_FOLDER}


def test_no_folder_is_full_unless_its_files_are_alike() -> None:
    rows = first_column(section("Folders of files that are alike"))
    alike = {name for names in rows for name in names}
    full = full_folders(files(*KINDS))
    assert set(full) == alike, "layout.md names the folders that hold more, and why"


@pytest.mark.parametrize("count, seen", [(FULLEST_FOLDER, False), (FULLEST_FOLDER + 1, True)])
def test_a_full_folder_is_seen(count: int, seen: bool) -> None:
    paths = [ROOT / "src" / "mitsgan" / "cellar" / f"{n}.py" for n in range(count)]
    paths.append(paths[0].with_name("__init__.py"))
    assert bool(full_folders(paths)) == seen
