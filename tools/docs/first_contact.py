"""The table of docs/first-contact.md: what strangers ask, and where the answer stands."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from drawing import plain

from mitsgan.evaluate.report.table import Column

ROOT = Path(__file__).parents[2]

_WORDS_PER_SECOND = 4.0
_OPENING = 5.0
"""Seconds to open a page, or to go to a heading of it."""


@dataclass(frozen=True)
class _Question:
    """Who asks what, on which page the answer stands below which heading, and its words."""

    who: str
    asks: str
    page: str
    heading: str
    words: str


_QUESTIONS = tuple(
    _Question(*line)
    for line in (
        ("all", "What is it?", "README.md", "mitsgan", "Protects CT scans against tampering"),
        ("all", "Is it for me?", "README.md", "mitsgan", "Not for"),
        ("all", "Does it stop an attack?", "README.md", "What it is worth", "does not stop"),
        ("all", "What do I type first?", "README.md", "Two commands", "make demo"),
        (
            "all",
            "May I use it on patients?",
            "README.md",
            "Limits, plainly",
            "Not a medical device",
        ),
        ("PACS", "Which Python?", "README.md", "Two commands", "Python >= 3.11"),
        (
            "PACS",
            "Does a reader see it?",
            "README.md",
            "Six questions",
            "No voxel moves by more than",
        ),
        ("PACS", "What changes in my files?", "README.md", "Six questions", "new UIDs"),
        ("PACS", "What does it cost?", "README.md", "Six questions", "Seconds for a series"),
        ("PACS", "Do I get the original back?", "docs/start-pacs.md", "", "Get the original back"),
        (
            "PACS",
            "What do the exit codes mean?",
            "README.md",
            "The layers",
            "0 intact, 4 processed",
        ),
        ("PACS", "Can it stand in the route?", "docs/start-pacs.md", "", "a DICOM node"),
        ("PACS", "What of a whole archive?", "docs/archive.md", "", "many thousand series"),
        ("PACS", "May I compress or anonymise?", "README.md", "Six questions", "May I compress"),
        ("PACS", "What if the seal is lost?", "README.md", "Six questions", "if the seal is lost"),
        ("research", "What is disruption?", "docs/concepts.md", "The measure", "root mean square"),
        ("research", "Beside which controls?", "docs/concepts.md", "The measure", "Controls"),
        ("research", "What does gain mean?", "docs/layout.md", "Words that mean one thing", "gain"),
        ("research", "What came out?", "docs/benchmark.md", "", "three findings"),
        (
            "research",
            "How do I make it again?",
            "docs/benchmark.md",
            "Reproduce",
            "mitsgan benchmark",
        ),
        ("research", "How do I add mine?", "docs/start-research.md", "", "of your own"),
        ("auditor", "Is this scan genuine?", "docs/start-audit.md", "", "mitsgan verify SCAN"),
        ("auditor", "What does the verdict mean?", "docs/start-audit.md", "", "bit for bit"),
        ("auditor", "What is missed?", "docs/detection.md", "", "0 of 10"),
        (
            "auditor",
            "Can I check without it?",
            "docs/start-audit.md",
            "",
            "Check without this software",
        ),
    )
)


def table() -> str:
    """All questions, a row each.

    Raises:
        ValueError: an answer does not stand where it should.
    """
    columns = ("who", "asks", "answer", "words", Column("", "seconds to find", digits=0))
    return plain(columns, [_row(question) for question in _QUESTIONS])


def _row(question: _Question) -> tuple[str | float, ...]:
    text = (ROOT / question.page).read_text(encoding="utf-8")
    if question.heading:
        heading = re.search(rf"^#+ {re.escape(question.heading)}$", text, re.MULTILINE)
        if heading is None:
            raise ValueError(f"{question.page} has no heading {question.heading!r}")
        text = text[heading.end() :]
    plain_text = re.sub(r"\]\([^)]*\)|[*`\[\]]", "", text)
    before, answer, _ = plain_text.partition(question.words)
    if not answer:
        raise ValueError(f"{question.page} does not say {question.words!r}")
    read = len(f"{before}{answer}".split()) / _WORDS_PER_SECOND
    seconds = _OPENING * math.ceil((_OPENING + read) / _OPENING)
    name = question.heading or Path(question.page).stem
    place = question.page.removeprefix("docs/") if "/" in question.page else f"../{question.page}"
    link = f"{place}#{_anchor(question.heading)}" if question.heading else place
    return question.who, question.asks, f"[{name}]({link})", question.words, seconds


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
