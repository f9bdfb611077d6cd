"""What processes that train tell reaches who started them, however they end."""

import pytest

from mitsgan.errors import DataError
from mitsgan.training.messages import Messages


def nothing() -> None:
    raise AssertionError("there is nothing to stop")


def test_all_is_read_before_the_end() -> None:
    heard: list[tuple[object, ...]] = []
    messages = Messages(lambda *said: heard.append(said), nothing)
    for number in range(100):
        messages.queue.put(("working", number, 100))
    messages.queue.put(DataError("no lung"))
    messages.queue.put(DataError("no lung either"))
    assert str(messages.close()) == "no lung"
    assert heard == [("working", number, 100) for number in range(100)]
    assert str(messages.close()) == "no lung"


@pytest.mark.timeout(20)
def test_a_writer_that_was_killed_while_it_wrote_holds_nobody_up() -> None:
    messages = Messages(lambda *_: None, nothing)
    messages.queue._wlock.acquire()  # type: ignore[attr-defined]
    assert messages.close() is None


def test_who_watches_may_stop_it() -> None:
    stopped: list[bool] = []

    def watch(phase: str, done: int, total: int, note: str = "") -> None:
        raise KeyError("enough")

    messages = Messages(watch, lambda: stopped.append(True))
    for number in range(3):
        messages.queue.put(("working", number, 3))
    assert isinstance(messages.close(), KeyError)
    assert stopped == [True]
