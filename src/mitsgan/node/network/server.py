"""pynetdicom's server with bounds: long PDUs, silent peers and slow TLS handshakes end.

pynetdicom waits for ever for the rest of a PDU, reads one of any length, and does the handshake of
one peer before it looks at the next; a health check or a hostile peer could hold it up.
"""

from __future__ import annotations

import hashlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import (
    AssociationServer,
    RequestHandler,
    ThreadedAssociationServer,
)

from mitsgan.node.config import Listen
from mitsgan.node.network.connection import Connection
from mitsgan.node.network.tls import reason_of, server_context

LOG = logging.getLogger("mitsgan.node")

LONGEST_MESSAGE = 16 << 20
"""Bytes of a message that are kept in memory: more than any request for storage commitment has."""

_HANDSHAKES = 400
"""At once: each takes a file handle and a thread, before anything is known of the peer."""

Refused = Callable[[str, str, str], None]
"""Told the AE title, "" where there is none yet, the address, and why."""


class _Handler(RequestHandler):
    """Starts an association whose connection is bounded."""

    def handle(self) -> None:
        """Do the TLS handshake if there is one, then start."""
        server = cast("Server", self.server)
        connection = self.request
        try:
            connection.settimeout(server.listen.association_seconds)
            if isinstance(connection, ssl.SSLSocket):
                _shake_hands(connection, server, str(self.client_address[0]))
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
        bounded = Connection.of_server(association, cast(socket.socket, self.request))
        # The longest PDU that was agreed on, and its header; requests come before any agreement.
        bounded.longest = max(server.listen.max_pdu + 6, 1 << 20)
        association.dul.artim_timer.timeout = server.listen.association_seconds
        _bound_messages(association)
        _end_on_nonsense(association)
        return association


def _end_on_nonsense(association: Association) -> None:
    """End the connection of a peer whose PDU pynetdicom decodes and then cannot use.

    Its thread would end with a traceback, and the peer wait until the association's time is over.
    """
    dul = association.dul
    act = dul.state_machine.do_action

    def act_or_end(event: str) -> None:
        try:
            act(event)
        except Exception as error:  # noqa: BLE001 - whatever a peer made it do
            LOG.warning("a PDU of %s makes no sense: %s", association.requestor.address, error)
            association.is_aborted, association.is_established = True, False
            association._kill = dul._kill_thread = True
            if dul.socket is not None:
                dul.socket.close()

    dul.state_machine.do_action = act_or_end  # type: ignore[method-assign]


def _bound_messages(association: Association) -> None:
    """Abort an association whose message, but for an object that goes to the disk, is too long.

    pynetdicom keeps it in memory until its last part comes. Anybody may ask for an echo.
    """
    dimse = association.dimse
    take = dimse.receive_primitive

    def take_bounded(primitive: P_DATA) -> None:
        take(primitive)
        message = dimse.message
        if message is None:
            return
        held = (message.encoded_command_set, message.data_set)
        if sum(cast(BytesIO, part).tell() for part in held) > LONGEST_MESSAGE:
            LOG.warning("a message of %s is too long", association.requestor.address)
            message.encoded_command_set = message.data_set = BytesIO()
            association.dul.event_queue.put("Evt19")

    dimse.receive_primitive = take_bounded  # type: ignore[method-assign]


def _shake_hands(connection: ssl.SSLSocket, server: Server, address: str) -> None:
    """Do the TLS handshake; tell of a peer that shows no certificate that is believed.

    Its address is known from before: of one that has left meanwhile nobody can tell it.

    Raises:
        OSError: it failed, or there are too many at once.
    """
    if not server.handshakes.acquire(blocking=False):
        raise OSError("too many TLS handshakes at once")
    try:
        connection.do_handshake()
    except ssl.SSLEOFError:  # a health check
        raise
    except ssl.SSLError as error:
        reason = f"TLS: {reason_of(error)}"
        LOG.warning("rejected a connection of %s: %s", address, reason)
        server.refused("", address, reason)
        raise
    finally:
        server.handshakes.release()


class Server(ThreadedAssociationServer):
    """Listens with the bounds of a configuration."""

    def __init__(self, *args: Any, listen: Listen, refused: Refused, **kwargs: Any) -> None:
        """As pynetdicom's, with where to listen, and who is told of peers that TLS refuses."""
        self.listen, self.refused = listen, refused
        self.handshakes = threading.BoundedSemaphore(_HANDSHAKES)
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


__all__ = ["AssociationServer", "Connection", "Server", "peer_certificate"]
