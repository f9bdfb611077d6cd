from __future__ import annotations

from pathlib import Path

from mitsgan.node.conformance import statement
from mitsgan.node.services import CT_CLASSES, TRANSFER_SYNTAXES

PAGE = Path(__file__).parents[2] / "docs" / "node-conformance.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == statement(), "mitsgan node conformance > docs/node-conformance.md"


def test_every_class_and_syntax_is_in_it() -> None:
    for uid in (*CT_CLASSES, *TRANSFER_SYNTAXES):
        assert f"| {uid} |" in statement()
