"""A journal gives back what was kept, and refuses what is not its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from mitsgan.errors import OutputError
from mitsgan.evaluate.journal import Journal


@dataclass(frozen=True)
class Measured:
    """What a step gives."""

    x: tuple[float, ...]


def never() -> int:
    raise AssertionError("computed twice")


def unmeasured() -> Measured:
    raise AssertionError("measured twice")


def test_steps_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "result.json.partial"
    first = Journal(path, {"scan": 1})
    assert first.step("a", Measured, lambda: Measured((0.1, 2))) == Measured((0.1, 2))
    assert first.step("a", Measured, unmeasured) == Measured((0.1, 2))
    again = Journal(path, {"scan": 1})
    assert again.step("a", Measured, unmeasured) == Measured((0.1, 2))
    assert again.step("b", int, lambda: 3) == 3
    assert Journal(path, {"scan": 1}).step("b", int, never) == 3


def test_a_line_cut_off_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, {})
    journal.step("a", int, lambda: 1)
    journal.step("b", int, lambda: 2)
    path.write_bytes(path.read_bytes()[:-5])
    again = Journal(path, {})
    assert again.step("a", int, never) == 1
    assert again.step("b", int, lambda: 4) == 4
    assert Journal(path, {}).step("b", int, never) == 4


@pytest.mark.parametrize("text", ["not json\n", "{}\n[]\n", "3\n", "\n"])
def test_what_is_no_journal_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal"
    path.write_text(text)
    with pytest.raises(OutputError, match="remove"):
        Journal(path, {})
    assert path.read_text() == text


def test_anothers_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, {"seed": 1})
    with pytest.raises(OutputError, match="other options"):
        Journal(path, {"seed": 2})


def test_without_a_file_nothing_is_kept(tmp_path: Path) -> None:
    journal = Journal(None, {})
    assert journal.step("a", int, lambda: 1) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_was_kept_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, {}).keep("a", {"y": 1})
    with pytest.raises(OutputError, match=r"step 'a': .*x is missing"):
        Journal(path, {}).step("a", Measured, unmeasured)
