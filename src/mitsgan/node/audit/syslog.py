"""Syslog (RFC 5424) over UDP (RFC 5426) or TLS (RFC 5425), as PS3.15 A.6 and A.7 want it."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from mitsgan.node.audit.messages import MINOR, SUCCESS
from mitsgan.node.config import Audit
from mitsgan.node.network.tls import client_context

_FACILITY = 10
"""Security and authorisation messages."""
_NOTICE, _WARNING, _ERROR = 5, 4, 3
_SEVERITIES = {SUCCESS: _NOTICE, MINOR: _WARNING}
_TIMEOUT = 5.0


def record(xml: str, outcome: int) -> str:
    """A syslog message around an audit message.

    Args:
        xml: the audit message.
        outcome: its outcome, from which the severity follows.
    """
    priority = 8 * _FACILITY + _SEVERITIES.get(outcome, _ERROR)
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = re.sub("[^!-~]", "-", socket.gethostname())[:255] or "-"
    return f"<{priority}>1 {moment} {host} mitsgan {os.getpid()} DICOM+RFC3881 - \ufeff{xml}"


def send(messages: Sequence[str], audit: Audit) -> None:
    """Send syslog messages to a collector.

    Raises:
        OSError: it cannot be reached. Some of them may have got there.
        ConfigurationError: the certificates cannot be read.
    """
    data = [message.encode() for message in messages]
    if audit.tls is None:
        _send_udp(data, audit)
    else:
        _send_tls(data, audit)


def _send_udp(messages: Sequence[bytes], audit: Audit) -> None:
    """One datagram each; nobody says whether it came."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        audit.address, audit.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as sender:
        sender.connect(address)
        for message in messages:
            sender.send(message)


def _send_tls(messages: Sequence[bytes], audit: Audit) -> None:
    """Each with its length before it, in one connection, which the collector is seen to close."""
    assert audit.tls is not None
    context = client_context(audit.tls)
    plain = socket.create_connection((audit.address, audit.port), timeout=_TIMEOUT)
    with plain, context.wrap_socket(plain, server_hostname=audit.address) as connection:
        for message in messages:
            connection.sendall(b"%d %b" % (len(message), message))
        # Syslog has no answer. That the collector ends the connection after we did says that it
        # has read up to there; one that only breaks it, or does nothing, has not.
        with suppress(ssl.SSLError):
            connection.unwrap()
