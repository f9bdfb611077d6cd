"""A peer that leaves before it is asked for something is one that may be back, no fault of ours."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_context
from pynetdicom.events import EVT_C_FIND, Event
from pynetdicom.transport import ThreadedAssociationServer

from mitsgan.node.config import Destination
from mitsgan.node.send import PeerError, connected, echo, stored_at
from mitsgan.node.services import (
    COMMITMENT,
    COMMITMENT_INSTANCE,
    STUDY_ROOT_FIND,
    VERIFICATION,
)
from node_peers import free_port, wait_for

pytestmark = [
    # pynetdicom leaves sockets whose peer has gone to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def pacs() -> Iterator[tuple[ThreadedAssociationServer, Destination]]:
    port = free_port()
    ae = AE("PACS")
    for uid in (COMMITMENT, VERIFICATION):
        ae.add_supported_context(uid)
    server = ae.start_server(("127.0.0.1", port), block=False)
    assert server is not None
    yield server, Destination(ae_title="PACS", address="127.0.0.1", port=port)
    server.shutdown()


def test_a_peer_that_leaves_before_it_is_asked(
    pacs: tuple[ThreadedAssociationServer, Destination],
) -> None:
    server, to = pacs

    def ask() -> None:
        with connected("MITSGAN", to, [build_context(COMMITMENT)]) as association:
            server.active_associations[0].abort()
            wait_for(lambda: not association.is_established, 30, "the end of the association")
            association.send_n_action(Dataset(), 1, UID(COMMITMENT), UID(COMMITMENT_INSTANCE))

    with pytest.raises(PeerError, match=r"PACS at 127\.0\.0\.1:.* has left"):
        ask()


def test_a_fault_of_ours_is_none_of_the_peer(
    pacs: tuple[ThreadedAssociationServer, Destination],
) -> None:
    with (
        pytest.raises(RuntimeError, match="of ours"),
        connected("MITSGAN", pacs[1], [build_context(COMMITMENT)]),
    ):
        raise RuntimeError("of ours")


def test_a_peer_that_aborts_instead_of_answering_is_not_waited_for() -> None:
    port, ae = free_port(), AE("PACS")
    ae.add_supported_context(STUDY_ROOT_FIND)

    def leave(event: Event) -> Iterator[tuple[int, None]]:
        event.assoc.abort()
        yield 0, None

    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(EVT_C_FIND, leave)])
    assert server is not None
    to = Destination(ae_title="PACS", address="127.0.0.1", port=port, timeout_seconds=60)
    began = time.monotonic()
    for _ in range(20):  # it was one in five
        with pytest.raises(PeerError, match="PACS gave no answer to a query and left"):
            stored_at("MITSGAN", to, "1.2.3", "1.2.4")
    assert time.monotonic() - began < 50
    server.shutdown()


def test_a_name_that_nobody_knows_is_a_peer_that_is_not_reached() -> None:
    to = Destination(ae_title="PACS", address="pacs.invalid", port=104)
    with pytest.raises(PeerError, match=r"PACS at pacs\.invalid:104 cannot be reached: "):
        echo("MITSGAN", to)
