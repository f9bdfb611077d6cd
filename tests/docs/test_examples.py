"""Every example in the docs and in docstrings runs."""

from __future__ import annotations

import doctest
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import mitsgan as mg

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)

ELSEWHERE = {
    "docs/seal-check.md": "tests/seal/test_docs.py",  # scripts with arguments
    "docs/extending.md": "tests/docs/test_extending.py",  # files of a package
}
"""Pages whose examples need more than to be run in order, and the tests that run these."""


def pages() -> list[str]:
    """Pages with examples."""
    paths = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return sorted(str(p.relative_to(ROOT)) for p in paths if BLOCK.search(p.read_text()))


def modules() -> list[str]:
    """Modules with examples in their docstrings."""
    source = ROOT / "src"
    paths = [p for p in source.rglob("*.py") if ">>> " in p.read_text()]
    names = [".".join(p.relative_to(source).with_suffix("").parts) for p in paths]
    return sorted(name.removesuffix(".__init__") for name in names)


def report_page(folder: Path) -> Mapping[str, Any]:
    """What docs/report.md takes for granted."""
    from mitsgan.attack import ATTACKERS, plan_attack
    from mitsgan.phantom.chest import chest

    original = chest((40, 128, 128), (4.0, 2.8, 2.8))
    position = original.geometry.to_voxel((-75, 10, 20))
    return {
        "folder": folder,
        "original": original,
        "protected": mg.protect(original, protector="noise").scan,
        "attacker": ATTACKERS.get("narrow").make("inject"),
        "plan": plan_attack(original.hu(), original.spacing, position, "inject"),
    }


def readme(folder: Path) -> Mapping[str, Any]:
    """The scan of README.md's reader."""
    from mitsgan.files.dicom.phantom import phantom_series
    from mitsgan.phantom.chest import chest

    phantom_series(chest((16, 64, 64), (6.0, 5.6, 5.6)), folder / "path" / "to" / "series")
    return {}


def tutorial(folder: Path) -> Mapping[str, Any]:
    """The protected series that docs/tutorial.md paints into."""
    from mitsgan.files.dicom.phantom import phantom_series
    from mitsgan.phantom.chest import chest

    phantom_series(chest((48, 208, 208), (4.0, 1.8, 1.8)), folder / "out")
    return {}


GIVEN: Mapping[str, Callable[[Path], Mapping[str, Any]]] = {
    "README.md": readme,
    "docs/report.md": report_page,
    "docs/tutorial.md": tutorial,
}
"""Pages that go on from what their reader has."""

LONG = {"docs/python.md"}
"""Pages that train and evaluate."""


def test_pages_of_scripts_are_tested_where_it_says() -> None:
    for page, test in ELSEWHERE.items():
        assert page in pages()
        assert Path(page).name in (ROOT / test).read_text()


@pytest.mark.usefixtures("few_samples")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if page in LONG else ())
        for page in pages()
        if page not in ELSEWHERE
    ],
)
def test_examples_of_a_page_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mitsgan.training.attacker.TABLE_CUBES", 8)  # 600 take a while
    names: dict[str, Any] = dict(GIVEN[page](tmp_path)) if page in GIVEN else {}
    text = (ROOT / page).read_text()
    for match in BLOCK.finditer(text):
        line = text[: match.start(1)].count("\n")
        code = "\n" * line + match[1]  # so that a traceback names the line of the page
        exec(compile(code, page, "exec"), names)


@pytest.mark.usefixtures("few_samples")
@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_run(name: str) -> None:
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(import_module(name), optionflags=flags)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_door_begins_with_ten_lines() -> None:
    text = (ROOT / "docs" / "python.md").read_text()
    first = BLOCK.search(text)
    assert first is not None
    assert text[: first.start()].count("\n") <= 5
    assert sum(bool(line) for line in first[1].splitlines()) <= 10
