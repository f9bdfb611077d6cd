"""What a peer can make the server hold in memory, or on its disk, has an end."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from pynetdicom import AE, evt

from mitsgan.node.config import Listen
from mitsgan.node.network import server
from mitsgan.node.store.incoming import IncomingFile
from node_peers import _associate_request, free_port, wait_for

VERIFICATION = "1.2.840.10008.1.1"
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture
def port() -> Iterator[int]:
    listen = Listen(port=free_port())
    ae = AE("NODE")
    ae.add_supported_context(VERIFICATION)
    handlers = [(evt.EVT_C_ECHO, lambda event: 0)]
    started = server.Server.start(ae, listen, handlers, lambda *_: None)
    yield listen.port
    started.stop()


@pytest.mark.parametrize("is_command", [True, False])
def test_a_message_without_an_end_ends_its_association(
    port: int, monkeypatch: pytest.MonkeyPatch, is_command: bool
) -> None:
    monkeypatch.setattr(server, "LONGEST_MESSAGE", 1 << 18)
    ae = AE("ANYBODY")
    ae.add_requested_context(VERIFICATION)
    association = ae.associate("127.0.0.1", port)
    part = bytes([association.accepted_contexts[0].context_id or 1, is_command]) + bytes(1 << 14)
    pdu = struct.pack(">BBII", 4, 0, len(part) + 4, len(part)) + part
    connection = cast(Any, association.dul.socket)
    for _ in range(64):
        if not association.is_established:
            break
        connection.send(pdu)
        time.sleep(0.01)
    wait_for(lambda: association.is_aborted, 10, "the association to be aborted")
    again = ae.associate("127.0.0.1", port)
    assert again.send_c_echo().Status == 0
    again.release()


def test_a_request_that_makes_no_sense_ends_its_connection_at_once(port: int) -> None:
    """pynetdicom's thread ends on it, and would leave the peer waiting."""
    request = bytearray(_associate_request())
    request[request.index(b"\x20\x00", 74) + 4] = 2  # an even number of a presentation context
    with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
        peer.sendall(request)
        assert peer.recv(1) == b""
    again = AE("ANYBODY")
    again.add_requested_context(VERIFICATION)
    association = again.associate("127.0.0.1", port)
    assert association.send_c_echo().Status == 0
    association.release()


def test_an_object_without_an_end_fills_no_disk(tmp_path: Path) -> None:
    file = IncomingFile(tmp_path, most=1000)
    for _ in range(10):
        file.write(bytes(300))
    assert (file.size, Path(file.name).stat().st_size) == (3000, 900)
    file.discard()
