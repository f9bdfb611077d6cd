"""Phases are told from beginning to end, and timed."""

from __future__ import annotations

import pytest

from mitsgan.progress import Phases

Call = tuple[str, int, int, str]


class Log:
    """A progress that keeps what it is told, and may stop the work."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.calls: list[Call] = []
        self.stop_at = stop_at

    def __call__(self, phase: str, done: int, total: int, note: str = "") -> None:
        self.calls.append((phase, done, total, note))
        if len(self.calls) == self.stop_at:
            raise KeyboardInterrupt


def test_a_phase_begins_unknown_and_ends_whole() -> None:
    log = Log()
    phases = Phases(log)
    with phases.phase("read", "reading chest") as step:
        step(1, 3, "a.dcm")
    assert log.calls == [
        ("reading chest", 0, 0, ""),
        ("reading chest", 1, 3, "a.dcm"),
        ("reading chest", 3, 3, ""),
    ]


def test_an_end_is_told_once() -> None:
    log = Log()
    with Phases(log).phase("read", "reading") as step:
        step(2, 2)
    assert log.calls[1:] == [("reading", 2, 2, "")]


def test_a_phase_without_steps_ends_too() -> None:
    log = Log()
    with Phases(log).phase("lung", "finding the lung"):
        pass
    assert log.calls[-1] == ("finding the lung", 1, 1, "")


def test_phases_of_one_key_add_up() -> None:
    phases = Phases()
    for what in ("reading a", "reading b"):
        with phases.phase("read", what):
            pass
    assert list(phases.seconds) == ["read"]
    assert 0 < phases.seconds["read"] <= phases.elapsed


def test_an_exception_of_the_callback_reaches_the_caller_and_ends_nothing() -> None:
    log = Log(stop_at=2)
    phases = Phases(log)
    with pytest.raises(KeyboardInterrupt), phases.phase("read", "reading") as step:
        step(1, 3)
    assert log.calls[-1] == ("reading", 1, 3, "")
    assert phases.seconds == {}
