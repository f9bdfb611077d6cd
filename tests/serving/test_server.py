"""The HTTP server: silent peers, and too many, are sent away; who asks is answered."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mitsgan.serving import server
from mitsgan.serving.server import HttpServer

PATIENCE = 0.5


async def _client(request: Request) -> PlainTextResponse:
    return PlainTextResponse("" if request.client is None else request.client.host)


async def _slow(request: Request) -> PlainTextResponse:
    await asyncio.sleep(4 * PATIENCE)
    return PlainTextResponse("slow")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where a server listens whose bounds are reached soon."""
    monkeypatch.setattr(server, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(server, "_CONNECTIONS", 10)
    listening = socket.create_server(("127.0.0.1", 0))
    number = int(listening.getsockname()[1])
    application = Starlette(routes=[Route("/client", _client), Route("/slow", _slow)])
    served = HttpServer(application, "127.0.0.1", number, [listening])
    served.start()
    yield number
    served.stop()


def get(port: int, path: str, **headers: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().read().decode()


def is_open(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        return bool(peer.recv(1))
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


@pytest.mark.parametrize("said", [b"", b"GET /client HTTP/1.1\r\n"])
def test_silent_peers_keep_nobody_out(port: int, said: bytes) -> None:
    """Each would hold a file handle that a node needs for what it receives."""
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
    try:
        time.sleep(PATIENCE / 5)
        for peer in silent:
            if is_open(peer):
                peer.send(said)
        assert sum(is_open(peer) for peer in silent) <= 10
        time.sleep(2 * PATIENCE)
        assert not any(is_open(peer) for peer in silent)
        assert get(port, "/client") == "127.0.0.1"
    finally:
        for peer in silent:
            peer.close()


def test_a_slow_answer_and_a_peer_that_goes_on_asking_are_waited_for(port: int) -> None:
    assert get(port, "/slow") == "slow"
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        for _ in range(8):
            connection.request("GET", "/client")
            assert connection.getresponse().read() == b"127.0.0.1"
            time.sleep(PATIENCE / 3)


def test_nobody_says_by_a_header_where_he_is(port: int) -> None:
    assert get(port, "/client", **{"X-Forwarded-For": "10.6.6.6"}) == "127.0.0.1"


def test_what_is_no_http_leaves_no_line_in_the_log(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
        assert peer.recv(100).startswith(b"HTTP/1.1 400")
    assert caplog.records == []
