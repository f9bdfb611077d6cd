"""Why a peer is not reached stands in the reason: that is what somebody has to mend."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pynetdicom import AE
from tests.node.certificates import Party, parties

from mitsgan.node.config import Destination, Tls
from mitsgan.node.network.tls import server_context
from mitsgan.node.send import PeerError, RefusedError, echo, items, send
from node_peers import free_port

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

VERIFICATION = "1.2.840.10008.1.1"


@contextmanager
def peer(title: str = "PEER", *, strict: bool = False, party: Party | None = None) -> Iterator[int]:
    """A peer that takes nothing but C-ECHO; where it listens."""
    ae = AE(title)
    ae.require_called_aet = strict
    ae.add_supported_context(VERIFICATION)
    port = free_port()
    context = None if party is None else server_context(tls(party))
    server = ae.start_server(("127.0.0.1", port), block=False, ssl_context=context)
    assert server is not None
    try:
        yield port
    finally:
        server.shutdown()


def tls(party: Party) -> Tls:
    return Tls(certificate=party.certificate, key=party.key, authorities=party.authority)


def reason(port: int, party: Party | None = None) -> str:
    """Why a peer gives no echo."""
    secure = None if party is None else tls(party)
    asked = Destination(
        ae_title="PEER", address="127.0.0.1", port=port, tls=secure, timeout_seconds=5
    )
    with pytest.raises(PeerError) as raised:
        echo("NODE", asked)
    return str(raised.value)


def test_a_wrong_title_is_told() -> None:
    with peer("OTHER", strict=True) as port:
        assert "rejected the association: called AE title not recogni" in reason(port)


def test_nobody_who_listens_is_told() -> None:
    assert reason(free_port()).endswith("cannot be reached: connection refused")


def test_a_certificate_that_has_ended_is_told(tmp_path: Path) -> None:
    (ours,) = parties(tmp_path / "ours", "node")
    (theirs,) = parties(tmp_path / "theirs", "peer", ended=True)
    theirs = Party(theirs.certificate, theirs.key, ours.authority)
    trusting = Party(ours.certificate, ours.key, tmp_path / "theirs" / "ca.crt")
    with peer(party=theirs) as port:
        assert "the peer's certificate: certificate has expired" in reason(port, trusting)


def test_a_peer_that_does_not_believe_our_certificate_is_told(tmp_path: Path) -> None:
    ours, theirs = (parties(tmp_path / name, "party")[0] for name in ("ours", "theirs"))
    trusting = Party(ours.certificate, ours.key, theirs.authority)
    with peer(party=theirs) as port:
        assert "TLS: tlsv1 alert" in reason(port, trusting)


def test_tls_on_one_side_alone_is_told(tmp_path: Path) -> None:
    (party,) = parties(tmp_path, "party")
    with peer(party=party) as port:
        assert "does it want TLS?" in reason(port)
    with closing_at_once() as port:
        assert "does it want none?" in reason(port, party)


@contextmanager
def closing_at_once() -> Iterator[int]:
    """A peer without TLS, which hangs up on whatever is no association."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.recv(4096)
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_a_class_that_a_peer_does_not_take_is_named(phantom: Path) -> None:
    with peer() as port:
        wanted = Destination(ae_title="PEER", address="127.0.0.1", port=port)
        with pytest.raises(RefusedError, match="takes no CT Image Storage"):
            send("NODE", wanted, items(phantom), lambda item: None)
