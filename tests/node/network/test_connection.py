"""Connections that wait for work: what they hold ends with them, and nothing is lost on them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event

from mitsgan.node.config import Destination
from mitsgan.node.send import PeerError, echo, items, send
from node_peers import free_port, wait_for

CT = "1.2.840.10008.5.1.4.1.1.2"
# pynetdicom leaves a socket that was refused to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


class Peer:
    """A plain storage SCP of pynetdicom's."""

    def __init__(self) -> None:
        self.uids: list[str] = []
        ae = AE("PEER")
        ae.add_supported_context(CT)
        ae.add_supported_context("1.2.840.10008.1.1")
        port = free_port()
        handlers = [(evt.EVT_C_STORE, self._store)]
        self._server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
        self.destination = Destination(ae_title="PEER", address="127.0.0.1", port=port)

    def _store(self, event: Event) -> int:
        self.uids.append(str(event.request.AffectedSOPInstanceUID))  # type: ignore[union-attr]
        return 0

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.stop()


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are told by Linux alone")
def test_what_an_association_has_opened_is_closed_with_it(peer: Peer) -> None:
    echo("NODE", peer.destination)
    before = open_files()
    for _ in range(10):
        echo("NODE", peer.destination)
    wait_for(lambda: open_files() <= before, 60, "connections to be closed")


def test_every_object_arrives_once_and_in_order(peer: Peer, phantom: Path) -> None:
    sent: list[str] = []
    files = items(phantom)
    send("NODE", peer.destination, files, lambda item: sent.append(item.sop_uid))
    assert sent == peer.uids == [item.sop_uid for item in files]


def test_a_peer_that_is_not_there_is_told() -> None:
    nobody = Destination(ae_title="PEER", address="127.0.0.1", port=free_port())
    with pytest.raises(PeerError, match="cannot be reached"):
        echo("NODE", nobody)
