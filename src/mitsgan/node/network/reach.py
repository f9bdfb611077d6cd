"""Why a peer is not reached: pynetdicom tells its log alone, which is silent here."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import cast

from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE

from mitsgan.node.config import Destination
from mitsgan.node.network.tls import client_context, reason_of

_LONGEST = 5.0
"""Seconds to look for the reason; that the peer is not reached is known by then."""
_REFUSAL = 1.0
"""Seconds in which a peer tells that it does not believe our certificate: in TLS 1.3 only after the
handshake."""


def why_not(association: Association, destination: Destination) -> str:
    """Why an association with a peer did not come about, for people.

    Args:
        association: which is not established.
        destination: the peer.

    Raises:
        ConfigurationError: a certificate or key cannot be read.
    """
    if association.is_rejected:
        answer = cast(A_ASSOCIATE, association.acceptor.primitive)
        reason = answer.reason_str
        # Titles keep their capitals: "called AE title not recognised".
        return f"rejected the association: {reason[:1].lower()}{reason[1:]}"
    return f"cannot be reached: {_obstacle(destination)}"


def _obstacle(destination: Destination) -> str:
    """What is in the way of a connection, tried once more without DICOM."""
    where = destination.address, destination.port
    try:
        with socket.create_connection(where, min(_LONGEST, destination.timeout_seconds)) as plain:
            if destination.tls is None:
                return "it takes connections, but no association; does it want TLS?"
            context = client_context(destination.tls)
            with context.wrap_socket(plain, server_hostname=destination.address) as secure:
                secure.settimeout(_REFUSAL)
                with contextlib.suppress(TimeoutError):
                    secure.recv(1)
        return "it takes connections, but no association"
    except (ssl.SSLEOFError, ConnectionResetError):
        return "it takes connections, but ends the TLS handshake; does it want none?"
    except ssl.SSLError as error:
        return f"TLS: {reason_of(error)}"
    except OSError as error:
        return (error.strerror or str(error)).lower()
