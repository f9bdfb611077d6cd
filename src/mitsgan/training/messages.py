"""What processes that train tell the one that started them: progress, and errors."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from threading import Event, Thread

from mitsgan.errors import MitsganError
from mitsgan.progress import Progress

_LOOK_AFTER_S = 0.05


class Messages:
    """Reads what processes put into ``queue``: arguments of a `Progress`, or a `MitsganError`.

    Args:
        progress: told what they tell.
        stop: ends the processes; called where ``progress`` raises.
    """

    def __init__(self, progress: Progress, stop: Callable[[], None]) -> None:
        self.queue = multiprocessing.get_context("spawn").SimpleQueue()
        self._error: BaseException | None = None
        self._ended = Event()
        self._reader = Thread(target=self._read, args=(progress, stop), daemon=True)
        self._reader.start()

    def close(self) -> BaseException | None:
        """Read what is left, once the processes have ended; the first error.

        Nothing is put into the queue for that: a process that was ended while it wrote holds its
        lock for ever.
        """
        self._ended.set()
        self._reader.join()
        return self._error

    def _read(self, progress: Progress, stop: Callable[[], None]) -> None:
        while True:
            if self.queue.empty():
                if self._ended.wait(_LOOK_AFTER_S) and self.queue.empty():
                    return
                continue
            message = self.queue.get()
            if isinstance(message, MitsganError):
                self._error = self._error or message
            elif self._error is None:
                try:
                    progress(*message)
                except BaseException as error:  # noqa: BLE001 - whoever watches wants it to end
                    self._error = error
                    stop()
