"""An HTTP server in a thread of its own, for pages that only this machine's user is to see.

Needs uvicorn, which the extras `node` and `studio` install.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from typing import Any

import uvicorn


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
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            limit_concurrency=50,
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
