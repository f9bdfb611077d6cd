"""What processes that train tell the one that started them: progress, and errors."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from threading import Thread

from mitsgan.errors import MitsganError
from mitsgan.progress import Progress


class Messages:
    """Reads what processes put into ``queue``: arguments of a `Progress`, or a `MitsganError`.

    Args:
        progress: told what they tell.
        stop: ends the processes; called where ``progress`` raises.
    """

    def __init__(self, progress: Progress, stop: Callable[[], None]) -> None:
        self.queue = multiprocessing.get_context("spawn").SimpleQueue()
        self._error: BaseException | None = None
        self._reader = Thread(target=self._read, args=(progress, stop), daemon=True)
        self._reader.start()

    def close(self) -> BaseException | None:
        """Read what is left; the first error."""
        if self._reader.is_alive():
            self.queue.put(None)
            self._reader.join()
        return self._error

    def _read(self, progress: Progress, stop: Callable[[], None]) -> None:
        while (message := self.queue.get()) is not None:
            if isinstance(message, MitsganError):
                self._error = self._error or message
            elif self._error is None:
                try:
                    progress(*message)
                except BaseException as error:  # noqa: BLE001 - whoever watches wants it to end
                    self._error = error
                    stop()
