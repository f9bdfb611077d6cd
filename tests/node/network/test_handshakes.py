"""TLS before any association: peers that are turned away are told of, and silent ones bounded."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pynetdicom import AE
from tests.node.certificates import Party, parties

from mitsgan.errors import ConfigurationError
from mitsgan.node.config import Listen, Tls
from mitsgan.node.network import server
from mitsgan.node.network.tls import client_context, server_context
from node_peers import free_port, wait_for

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def of(party: Party) -> Tls:
    return Tls(certificate=party.certificate, key=party.key, authorities=party.authority)


@contextmanager
def listening(party: Party) -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """The port of a server with a certificate, and whom it refused."""
    refused: list[tuple[str, str, str]] = []
    listen = Listen(port=free_port(), tls=of(party))
    ae = AE("NODE")
    ae.add_supported_context("1.2.840.10008.1.1")
    started = server.Server.start(ae, listen, [], lambda *told: refused.append(told))
    yield listen.port, refused
    started.stop()


def test_a_stranger_who_leaves_at_once_is_told_of_all_the_same(tmp_path: Path) -> None:
    """Its connection is reset, so that nobody could ask where it came from."""
    (node,) = parties(tmp_path / "ours", "node")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with listening(node) as (port, refused):
        for _ in range(20):
            plain = socket.create_connection(("127.0.0.1", port))
            # Shows no certificate, which the server sees only after the handshake here.
            with suppress(OSError), context.wrap_socket(plain) as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_for(lambda: len(refused) == 20, 10, "twenty refusals")
    assert {(title, address) for title, address, _ in refused} == {("", "127.0.0.1")}


def test_silent_peers_are_not_waited_for_in_any_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HANDSHAKES", 3)
    (node,) = parties(tmp_path / "ours", "node")
    with listening(node) as (port, _):
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
        for peer in silent:
            peer.settimeout(1)
        ended = 0
        for peer in silent:
            with suppress(TimeoutError):
                ended += peer.recv(1) == b""
        assert ended == 2
        for peer in silent:
            peer.close()


def test_nobody_is_asked_for_the_passphrase_of_a_key(tmp_path: Path) -> None:
    """OpenSSL asks at the terminal, for each connection."""
    (node,) = parties(tmp_path, "node")
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", node.key, "-out", encrypted, "-passout", "pass:word"],
        check=True,
    )
    tls = Tls(certificate=node.certificate, key=encrypted, authorities=node.authority)
    for context in (server_context, client_context):
        with pytest.raises(ConfigurationError, match="the key is encrypted; name one without"):
            context(tls)
