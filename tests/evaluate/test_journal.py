"""A journal gives back what was kept, and refuses what is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mitsgan.errors import OutputError
from mitsgan.evaluate.journal import Journal


def never() -> int:
    raise AssertionError("computed twice")


def test_steps_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "result.json.partial"
    first = Journal(path, {"scan": 1})
    assert first.step("a", lambda: {"x": [0.1, 2]}) == {"x": [0.1, 2]}
    assert first.step("a", never) == {"x": [0.1, 2]}
    again = Journal(path, {"scan": 1})
    assert again.step("a", never) == {"x": [0.1, 2]}
    assert again.step("b", lambda: 3) == 3
    assert Journal(path, {"scan": 1}).step("b", never) == 3


def test_a_line_cut_off_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, {})
    journal.step("a", lambda: 1)
    journal.step("b", lambda: 2)
    path.write_bytes(path.read_bytes()[:-5])
    again = Journal(path, {})
    assert again.step("a", never) == 1
    assert again.step("b", lambda: 4) == 4
    assert Journal(path, {}).step("b", never) == 4


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
    assert journal.step("a", lambda: 1) == 1
    assert list(tmp_path.iterdir()) == []
