"""pynetdicom's server with bounds: long PDUs, silent peers and slow TLS handshakes end.

pynetdicom waits for ever for the rest of a PDU, reads one of any length, and does the handshake of
one peer before it looks at the next; a health check or a hostile peer could hold it up. And its
threads look for work a thousand times a second; here they wait until there is some, so that
nothing lies for a millisecond, and silent associations cost little.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.transport import (
    AssociationServer,
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

from mitsgan.node.config import Listen
from mitsgan.node.tls import server_context

LOG = logging.getLogger("mitsgan.node")

_READ = 1 << 18

_WAIT = 0.05
"""Seconds that an association's connection is watched at once; then timers are looked at."""
_TURN = 0.005
"""The same for its messages; then whether the peer wants to release it."""

Refused = Callable[[str, str, str], None]
"""Told the AE title, "" where there is none yet, the address, and why."""


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


class BoundedSocket(AssociationSocket):
    """A connection that takes no PDU above a length; reads in large pieces."""

    longest: int = 1 << 24

    def __init__(self, association: Association, connection: socket.socket) -> None:
        super().__init__(association, client_socket=connection)
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)

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
        view.release()
        del data[done:]
        return data


class _Handler(RequestHandler):
    """Starts an association whose connection is bounded."""

    def handle(self) -> None:
        """Do the TLS handshake if there is one, then start."""
        server = cast("Server", self.server)
        connection = self.request
        try:
            connection.settimeout(server.listen.association_seconds)
            if isinstance(connection, ssl.SSLSocket):
                _shake_hands(connection, server)
            connection.settimeout(server.listen.idle_seconds)
            # Else an answer waits until the peer has confirmed the one before.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            server.shutdown_request(connection)
            return
        super().handle()

    def _create_association(self) -> Association:
        association = super()._create_association()
        server = cast("Server", self.server)
        bounded = BoundedSocket(association, cast(socket.socket, self.request))
        # The longest PDU that was agreed on, and its header; requests come before any agreement.
        bounded.longest = max(server.listen.max_pdu + 6, 1 << 20)
        # The first socket has told of the connection already.
        association.dul.event_queue.get_nowait()
        association.dul.socket = bounded
        association.dul.to_provider_queue = _ToSend(bounded.wake)
        association.dul._run_loop_delay = 0
        association.dimse.msg_queue = _Messages()
        association.dul.artim_timer.timeout = server.listen.association_seconds
        return association


def _shake_hands(connection: ssl.SSLSocket, server: Server) -> None:
    """Do the TLS handshake; tell of a peer that shows no certificate that is believed.

    Raises:
        OSError: it failed.
    """
    try:
        connection.do_handshake()
    except ssl.SSLEOFError:  # a health check
        raise
    except ssl.SSLError as error:
        address = str(connection.getpeername()[0])
        server.refused("", address, f"TLS: {error.reason or 'no handshake'}")
        raise


class Server(ThreadedAssociationServer):
    """Listens with the bounds of a configuration."""

    def __init__(self, *args: Any, listen: Listen, refused: Refused, **kwargs: Any) -> None:
        """As pynetdicom's, with where to listen, and who is told of peers that TLS refuses."""
        self.listen, self.refused = listen, refused
        super().__init__(*args, **kwargs)

    @classmethod
    def start(cls, ae: AE, listen: Listen, handlers: list[Any], refused: Refused) -> Server:
        """Listen in a thread of its own."""
        context = None if listen.tls is None else server_context(listen.tls)
        server = ae.make_server(
            (listen.address, listen.port),
            ssl_context=context,
            evt_handlers=handlers,
            server_class=cast(Any, cls),
            request_handler=_Handler,
            listen=listen,
            refused=refused,
        )
        ae._servers.append(cast(ThreadedAssociationServer, server))
        threading.Thread(target=server.serve_forever, name="storage SCP", daemon=True).start()
        return cast(Server, server)

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept a connection; its handshake comes later, in its own thread."""
        connection, address = cast(socket.socket, self.socket).accept()
        if self.ssl_context is not None:
            connection = self.ssl_context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def verify_request(self, request: object, client_address: object) -> bool:
        """Whether a connection is looked at: far too many are closed, whatever they want."""
        return len(self.active_associations) < 2 * self.listen.max_associations + 20

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that failed concerns nobody else."""
        LOG.exception("a connection failed")

    def stop(self) -> None:
        """Abort all associations, and listen no more."""
        for association in self.active_associations:
            association.abort()
        self.shutdown()


def peer_certificate(association: Association) -> str | None:
    """SHA-256 of the TLS certificate of a peer, hexadecimal; None without one."""
    wrapper = association.dul.socket
    connection = None if wrapper is None else wrapper.socket
    if not isinstance(connection, ssl.SSLSocket):
        return None
    certificate = connection.getpeercert(binary_form=True)
    return None if certificate is None else hashlib.sha256(certificate).hexdigest()


__all__ = ["AssociationServer", "BoundedSocket", "Server", "peer_certificate"]
