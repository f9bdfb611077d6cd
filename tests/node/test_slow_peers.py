"""Peers that take their time, sending or receiving, hold up nobody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.node.conftest import route
from tests.node.series import ended, series_of

from mitsgan.node.store.deliveries import Deliveries
from node_peers import NodeProcess, Storescp, free_port, renew, storescu, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@contextmanager
def held_up(port: int, after: int, go_on: threading.Event) -> Iterator[int]:
    """A port that leads to another, but stops in the middle of what is sent until told."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def copy(source: socket.socket, target: socket.socket, limit: int | None) -> None:
        count = 0
        with suppress(OSError):
            while data := source.recv(4096):
                count += len(data)
                if limit is not None and count > limit:
                    go_on.wait(250)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def lead(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            back = threading.Thread(target=copy, args=(server, client, None))
            back.start()
            copy(client, server, after)
            back.join()

    def run() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threads.append(threading.Thread(target=lead, args=(client,)))
                threads[-1].start()

    accepting = threading.Thread(target=run)
    accepting.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        go_on.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *threads):
            thread.join()


def state(node: NodeProcess, sent: Path, destination: str) -> str:
    """Of the delivery of a series to a destination; "" while there is none."""
    listed = series_of(node, sent)
    ledger = node.ledger()
    try:
        deliveries = Deliveries(ledger).of(listed[0].id) if listed else []
    finally:
        ledger.close()
    return next((d.state for d in deliveries if d.destination == destination), "")


def test_slow_peers_hold_up_nobody_else(peers: None, phantom: Path, tmp_path: Path) -> None:
    archive, slow, port = Storescp(tmp_path / "fast"), Storescp(tmp_path / "slow"), free_port()
    answer, send_on = threading.Event(), threading.Event()
    second = renew(phantom, tmp_path / "second")
    with held_up(slow.port, 20_000, answer) as slow_port, held_up(port, 20_000, send_on) as sender:
        node = NodeProcess(
            tmp_path / "node",
            'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n'
            f"[listen]\nport = {port}\nidle_seconds = 280\n"
            + route("ct", "pass", ["fast", "slow"])
            + f'[destinations.fast]\nae_title = "STORESCP"\naddress = "127.0.0.1"\n'
            f"port = {archive.port}\nask = false\n"
            f'[destinations.slow]\nae_title = "STORESCP"\naddress = "127.0.0.1"\n'
            f"port = {slow_port}\nask = false\ntimeout_seconds = 280\n",
            port,
        )
        codes: list[int] = []
        late = threading.Thread(target=lambda: codes.append(storescu(sender, second, calling="CT")))
        try:
            archive.start()
            slow.start()
            node.start()
            late.start()
            assert storescu(port, phantom, calling="CT") == 0
            wait_for(lambda: state(node, phantom, "fast") == "committed", 300, "the fast one")
            assert state(node, phantom, "slow") == "pending"
            assert len(list(slow.kept.iterdir())) < 16
            assert not codes  # the slow sender is still in the middle
            send_on.set()
            late.join()
            assert codes == [0]
            answer.set()
            for series in (phantom, second):
                wait_for(ended(node, series), 300, "both series to end")
                assert series_of(node, series)[0].state == "committed"
            for program in (archive, slow):
                assert len(list(program.kept.iterdir())) == 32
        finally:
            answer.set()
            send_on.set()
            node.stop()
            archive.stop()
            slow.stop()
