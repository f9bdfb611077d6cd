"""What the docs say comes from results, and what they link to is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_every_table_is_the_one_that_the_results_give() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    for target in targets:
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_is_in_the_site() -> None:
    """`make site` fails on a page that no list of contents names; this says so sooner."""
    docs = ROOT / "docs"
    trees = re.findall(r"```{toctree}\n(.*?)```", (docs / "index.md").read_text(), re.DOTALL)
    names = [line for tree in trees for line in tree.splitlines() if line and line[0] != ":"]
    listed = {path for name in names for path in docs.glob(f"{name}.md")}
    pages = set(docs.rglob("*.md")) - set((docs / "api").glob("*")) - {docs / "index.md"}
    assert pages - listed == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_out_of_the_site_lead_to_files(page: Path) -> None:
    """The site takes files along that it links to, and no folders."""
    for target in re.findall(r"\]\((\.\./[^)#]+)\)", page.read_text()):
        path = (page.parent / target).resolve()
        if "docs" in page.parts and not path.is_relative_to(ROOT / "docs"):
            assert path.is_file(), f"{page.name} links to the folder {target}"
