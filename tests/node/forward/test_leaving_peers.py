"""A peer that leaves before it is asked for something is one that may be back, no fault of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_context
from pynetdicom.transport import ThreadedAssociationServer

from mitsgan.node.config import Destination
from mitsgan.node.send import PeerError, connected
from mitsgan.node.services import COMMITMENT, COMMITMENT_INSTANCE, VERIFICATION
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
