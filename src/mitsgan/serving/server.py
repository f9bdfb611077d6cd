"""An HTTP server in a thread of its own, for pages that only this machine's user is to see.

Needs uvicorn, which the extras `node` and `studio` install.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

_CONNECTIONS = 100
"""At most, at once: each takes a file handle of a process that has other things to do."""
_PATIENCE = 10.0
"""Seconds that a connection may be open without asking anything."""


class _Connection(H11Protocol):
    """A connection of uvicorn's with bounds; it has none for peers that are silent."""

    _timer: asyncio.TimerHandle | None = None
    _last: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, if there are not too many."""
        super().connection_made(transport)
        if len(self.connections) > _CONNECTIONS:
            transport.abort()
        else:
            self._timer = self.loop.call_later(_PATIENCE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """End it, unless it is being answered, or has asked something since the last look."""
        asked = cast("RequestResponseCycle | None", self.cycle)
        answering = asked is not None and not asked.response_complete
        if not answering and asked is self._last:
            self.transport.abort()
            return
        self._last = asked
        self._timer = self.loop.call_later(_PATIENCE, self._look)


class HttpServer:
    """Serves an ASGI application in a thread of its own."""

    def __init__(
        self,
        application: Any,
        address: str,
        port: int,
        sockets: Sequence[socket.socket] | None = None,
    ) -> None:
        """Prepare a server.

        Args:
            application: what answers.
            address, port: where it listens.
            sockets: listen on these instead, which are bound already.
        """
        config = uvicorn.Config(
            application,
            host=address,
            port=port,
            http=_Connection,
            ws="none",
            # Else who connects from here could say what address is told of it.
            proxy_headers=False,
            log_config=None,
            log_level="error",  # what peers do wrong would fill the log
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            backlog=_CONNECTIONS,  # so many are taken at once, before they are counted
        )
        self._where = address, port
        self._sockets = None if sockets is None else list(sockets)
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be listened at.
        """
        if self._sockets is None:
            # uvicorn's own thread would end with what is wrong, and nobody would know.
            family = socket.AF_INET6 if ":" in self._where[0] else socket.AF_INET
            self._sockets = [socket.create_server(self._where, family=family)]
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": self._sockets}, name="HTTP", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop, if it was started."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(5)
