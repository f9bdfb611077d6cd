"""Every number in the running text of the front page is what code, weights or results say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mitsgan.attack import SURROGATES, surrogate_path
from mitsgan.cli.verify import EXIT_CODES
from mitsgan.evaluate.mark.result import MarkEvaluation
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.mark.content import CELL_MM
from mitsgan.networks import load_weights

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
PAGES = ("README.md", "docs/start-pacs.md", "docs/start-research.md", "docs/start-audit.md")


def _oldest_python() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return f"Python {project['requires-python'].replace('>=', '>= ')} "


def _exit_codes() -> str:
    words = ("intact", "processed", "tampered", "unknown")
    return ", ".join(f"{EXIT_CODES[word]} {word}" for word in words)


def _training_scans() -> str:
    cards = [load_weights(surrogate_path(s, "inject"), "attacker")[1] for s in SURROGATES]
    few, most = (f(len(card["data"]) for card in cards) for f in (min, max))
    words = ("no", "one", "two", "three", "four")
    return f"trained on {words[few]} to {words[most]} public scans"


def _injections_missed() -> str:
    """What a model paints into thick slices: hardly any of it is found by the mark."""
    found = _mark("lungdx-a0001").attacks["inject"].cases["touched up"].found
    missed = found.count <= found.n / 20
    return "see what models paint into thick slices" if missed else "found"


def _mark(scan: str) -> MarkEvaluation:
    return MarkEvaluation.read(RESULTS / f"mark-{scan}.json")


CLAIMS: Mapping[str, Callable[[], str]] = {
    "Python >= 3.11 ": _oldest_python,
    "0 intact, 4 processed, 1 tampered, 3 unknown": _exit_codes,
    "by more than 10 HU unless": lambda: f"by more than {_default('max_hu'):g} HU unless",
    "(10 by default)": lambda: f"({_default('max_hu'):g} by default)",
    "trained on two to four public scans": _training_scans,
    "see what models paint into thick slices": _injections_missed,
    "every mean of 8 mm": lambda: f"every mean of {CELL_MM:g} mm",
}
"""What a page says, and what makes the same words out of code, weights and results."""

OF_OTHERS = ("97.6 % accuracy, IoU 83 %", "AUC 0.90 for injection, 0.96 for removal")
"""Numbers that others published."""

EXPLAINED = {"of the order of 10 to 40 HU": "docs/concepts.md"}
"""What is common knowledge of the field, and the page that explains it in the same words."""


def _default(name: str) -> float:
    return float(getattr(ProtectFile, name))


def prose(text: str) -> str:
    """The running text of a page: no generated blocks, code, targets of links."""
    text = re.sub(r"<!-- ([\w-]+) -->.*?<!-- /\1 -->", "", text, flags=re.DOTALL)
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    text = re.sub(r"^    .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\d+\. ", "", text, flags=re.MULTILINE)  # numbers of a list
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return re.sub(r"\s+", " ", re.sub(r"`[^`]*`", "", text))


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_is_what_code_and_results_say(claim: str) -> None:
    assert CLAIMS[claim]() == claim


@pytest.mark.parametrize("claim", EXPLAINED)
def test_what_is_common_knowledge_is_explained_in_the_same_words(claim: str) -> None:
    assert claim in prose((ROOT / EXPLAINED[claim]).read_text())


@pytest.mark.parametrize("page", [page for page in PAGES if (ROOT / page).exists()])
def test_no_number_stands_on_a_first_page_unchecked(page: str) -> None:
    """A number is generated between markers, or the table above says where it comes from."""
    text = prose((ROOT / page).read_text())
    for known in (*CLAIMS, *OF_OTHERS, *EXPLAINED):
        text = text.replace(known, "")
    unchecked = re.findall(r".{0,40}\d+.{0,30}", text)
    assert not unchecked, f"{page}: {unchecked}"


@pytest.mark.parametrize("word", ["fail visibly", "spoil", "shift densities"])
def test_no_page_claims_what_was_found_to_be_wrong(word: str) -> None:
    pages = [*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CITATION.cff"]
    assert [page.name for page in pages if word in page.read_text()] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=lambda page: page.name)
def test_paths_that_a_page_names_exist(page: Path) -> None:
    for path in re.findall(
        r"`((?:src/mitsgan|benchmarks|tools|tests)/[\w./-]+)`", page.read_text()
    ):
        is_to_be_filled_in = "YOUR-NAME" in path
        assert is_to_be_filled_in or (ROOT / path).exists(), f"{page.name} names {path}"
