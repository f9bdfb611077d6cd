"""A connection of pynetdicom's with bounds, whose threads wait for work.

pynetdicom's look for it a thousand times a second: each PDU that is sent and each message that is
answered lies for up to a millisecond, which of an object in PDUs of 16 KiB makes 40. Here
they wait until there is something, so that nothing lies, and silent associations cost little.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, cast

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

_READ = 1 << 18

_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Confirm at once what has come; Linux alone has it."""

_WAIT = 0.05
"""Seconds that an association's connection is watched at once; then timers are looked at."""
_TURN = 0.005
"""The same for its messages; then whether the peer wants to release it."""


class _ToSend(queue.Queue[Any]):
    """What an association has to send, which tells of itself."""

    def __init__(self, wake: Callable[[], None]) -> None:
        super().__init__()
        self._wake = wake

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add something."""
        super().put(item, block, timeout)
        self._wake()


class _Messages(queue.Queue[Any]):
    """Messages that have come; who looks for one waits a moment for it."""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next one.

        Raises:
            queue.Empty: there is none.
        """
        return super().get(timeout=timeout if block else _TURN)


class Connection(AssociationSocket):
    """A connection that takes no PDU above a length; reads in large pieces."""

    longest: int = 1 << 24

    _bell: socket.socket
    _ear: socket.socket

    @classmethod
    def of_server(cls, association: Association, connection: socket.socket) -> Connection:
        """The connection of an association that has not begun yet."""
        made = cls(association, client_socket=connection)
        # The first socket has told of the connection already.
        association.dul.event_queue.get_nowait()
        made._attend(association)
        association.dimse.msg_queue = _Messages()
        return made

    @classmethod
    def of_client(cls, association: Association) -> Connection:
        """Take the connection over of an association that is established, and silent."""
        made = cls.__new__(cls)
        made.__dict__.update(vars(association.dul.socket))
        made._attend(association)
        return made

    def _attend(self, association: Association) -> None:
        """Become the connection of an association."""
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        association.dul.socket = self
        association.dul.to_provider_queue = _ToSend(self.wake)
        association.dul._run_loop_delay = 0

    def wake(self) -> None:
        """Let who watches the connection look for something else."""
        with contextlib.suppress(OSError):  # it is closed, or was woken often enough
            self._bell.send(b"\0")

    @property
    def ready(self) -> bool:
        """Whether there is something to read; waits a moment for it."""
        connection = self.socket
        if connection is None or not self._is_connected:
            time.sleep(_WAIT / 10)
            return False
        if isinstance(connection, ssl.SSLSocket) and connection.pending():
            return True
        try:
            there, _, _ = select.select([connection, self._ear], [], [], _WAIT)
            if self._ear in there:
                self._ear.recv(4096)
        except (OSError, ValueError):  # closed by somebody else
            self.event_queue.put("Evt17")
            return False
        return connection in there

    def close(self) -> None:
        """Close it."""
        super().close()
        self._bell.close()
        self._ear.close()

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, or fewer where the peer has gone.

        Raises:
            OSError: more than `longest`, or the peer was silent for too long.
        """
        if nr_bytes > self.longest:
            raise OSError(f"a PDU of {nr_bytes} bytes is too long")
        connection = cast(socket.socket, self.socket)
        data = bytearray(nr_bytes)
        view = memoryview(data)
        done = 0
        while done < nr_bytes:
            count = connection.recv_into(view[done : done + _READ])
            if not count:
                break
            done += count
            if done < nr_bytes and _QUICK_ACK is not None:
                # Peers that write a PDU in two parts, as dcmtk does, hold the second back until
                # the first is confirmed, which a system leaves for 40 ms.
                connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        view.release()
        del data[done:]
        return data
