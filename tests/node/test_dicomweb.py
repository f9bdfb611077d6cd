"""STOW-RS to Orthanc's DICOMweb plugin, and to servers that answer otherwise."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.node.certificates import Party, parties
from tests.node.conftest import NOISE, route

from mitsgan.errors import ConfigurationError
from mitsgan.node import dicomweb
from mitsgan.node.config import Destination, Tls
from mitsgan.node.dicomweb import Response, reach, send_web, stored_at_web
from mitsgan.node.send import Item, PeerError, RefusedError, items
from node_peers import NodeProcess, Orthanc, free_port, storescu

LIBRARY = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_series_is_protected_and_stored_by_stow(
    peers: None, phantom: Path, tmp_path: Path
) -> None:
    if not LIBRARY.exists():
        pytest.skip("not installed: Debian's orthanc-dicomweb")
    port = free_port()
    archive = Orthanc(tmp_path / "archive", port)
    settings = archive.folder / "orthanc.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "Plugins": [str(LIBRARY)]}))
    config = (
        f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n[listen]\nport = {port}\n'
        + route("ct", "protect", ["web"], more=NOISE)
        + f'[destinations.web]\nurl = "http://127.0.0.1:{archive.http}/dicom-web"\n'
    )
    node = NodeProcess(tmp_path / "node", config, port)
    try:
        archive.start()
        node.start()
        assert storescu(port, phantom, calling="CT") == 0
        node.wait_ended(1, 300)
        assert node.states() == ["committed"]
        assert len(archive.uids()) == 16
        sent = items(node.spool / "series" / "1" / "protected")
        assert {item.sop_uid for item in sent} == set(archive.uids())
    finally:
        node.stop()
        archive.stop()


class Server:
    """Answers every request alike."""

    def __init__(self, status: int, body: bytes, tls: ssl.SSLContext | None = None) -> None:
        seen = self.seen = []  # type: list[tuple[str, str, bytes]]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                seen.append((self.path, self.headers.get("Authorization", ""), data))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815 - the base class names them

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = (
            f"http{'' if tls is None else 's'}://127.0.0.1:{self.server.server_address[1]}/web/"
        )

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def item(tmp_path: Path) -> Item:
    path = tmp_path / "object"
    path.write_bytes(b"x" * 128 + b"data")
    return Item(path, "1.2.3", "1.2", "1.2.840.10008.1.2")


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(*request.param)
    yield server
    server.stop()


def stored(*uids: str) -> bytes:
    entries = [{"00081155": {"vr": "UI", "Value": [uid]}} for uid in uids]
    return json.dumps({"00081199": {"vr": "SQ", "Value": entries}}).encode()


def failed(reason: int) -> bytes:
    entry = {"00081155": {"Value": ["1.2.3"]}, "00081197": {"Value": [reason]}}
    return json.dumps({"00081198": {"Value": [entry]}}).encode()


@pytest.mark.parametrize("server", [(200, stored("1.2.3"))], indirect=True)
def test_what_a_server_says_it_stored_counts(server: Server, item: Item, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    sent: list[Item] = []
    send_web(Destination(url=server.url, bearer_file=token), [item], sent.append)
    assert sent == [item]
    ((path, authorization, data),) = server.seen
    assert (path, authorization) == ("/web/studies", "Bearer secret")
    assert b"Content-Type: application/dicom\r\n\r\n" + bytes(128) + b"data\r\n--" in data


@pytest.mark.parametrize("token", [b"\xaf" * 20, b"two\nlines", b"\n"])
def test_a_token_that_is_none_is_told(tmp_path: Path, token: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(token)
    with pytest.raises(
        ConfigurationError, match=r"token holds no token, which is one line of ASCII"
    ):
        reach(Destination(url="http://127.0.0.1:9", bearer_file=path))


@pytest.mark.parametrize(
    "server, error",
    [
        ((200, stored()), PeerError),  # success, and nothing was stored
        ((200, b"<html>"), PeerError),
        ((503, b""), PeerError),
        ((401, b""), PeerError),
        ((409, failed(0xA900)), RefusedError),
        ((409, failed(0xA700)), PeerError),  # its disk is full
        ((202, failed(0x0110)), PeerError),
        ((415, b""), RefusedError),
    ],
    indirect=["server"],
)
def test_any_other_answer_is_no_success(server: Server, item: Item, error: type[Exception]) -> None:
    sent: list[Item] = []
    with pytest.raises(error):
        send_web(Destination(url=server.url), [item], sent.append)
    assert sent == []


@pytest.mark.parametrize("server", [(204, b"")], indirect=True)
def test_a_series_that_a_server_does_not_know_has_no_objects(server: Server) -> None:
    assert stored_at_web(Destination(url=server.url), "1.2", "1.3") == set()
    assert server.seen[0][0].startswith("/web/studies/1.2/series/1.3/instances?")


def test_what_a_server_has_is_asked_for_page_after_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tell no more than 100 objects at a time, and nothing of the others."""
    has = [{"00080018": {"vr": "UI", "Value": [f"1.2.{number}"]}} for number in range(7)]

    def answer(to: Destination, method: str, path: str, **_: object) -> Response:
        start = int(path.partition("&offset=")[2])
        return Response(200, "application/dicom+json", json.dumps(has[start : start + 3]).encode())

    monkeypatch.setattr(dicomweb, "ask_web", answer)
    there = stored_at_web(Destination(url="https://pacs.example"), "1.2", "1.3")
    assert there == {f"1.2.{number}" for number in range(7)}


def test_a_proxy_that_takes_no_long_requests_gets_shorter_ones(
    item: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nginx takes 1 MiB unless told otherwise: two slices of CT, of 32 that go at once."""
    listed = [replace(item, sop_uid=f"1.2.{number}") for number in range(40)]
    sent: list[Item] = []

    def answer(to: Destination, method: str, path: str, **request: Any) -> Response:
        if sum(part.startswith(b"--") for part in request["body"]) > 3 + 1:
            return Response(413, "text/html", b"<html>")
        batch = listed[len(sent) : len(sent) + 2]
        return Response(200, "", stored(*(item.sop_uid for item in batch)))

    monkeypatch.setattr(dicomweb, "ask_web", answer)
    send_web(Destination(url="https://pacs.example"), listed, sent.append)
    assert sent == listed


@pytest.mark.parametrize("server", [(413, b"")], indirect=True)
def test_a_single_object_that_is_too_long_is_never_sent_again(server: Server, item: Item) -> None:
    with pytest.raises(RefusedError, match="413, of a single object"):
        send_web(Destination(url=server.url), [item], print)
    assert len(server.seen) == 1


def test_a_server_that_is_not_there_is_tried_again_later(item: Item) -> None:
    with pytest.raises(PeerError, match="cannot be reached"):
        send_web(Destination(url=f"http://127.0.0.1:{free_port()}"), [item], print)


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[tuple[Server, Party]]:
    """A server with a certificate of an authority of its own, which asks nobody for one."""
    (party,) = parties(tmp_path / "hospital", "pacs")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(party.certificate, party.key)
    server = Server(200, b"[]", context)
    yield server, party
    server.stop()


def test_a_server_of_a_private_authority_is_believed_without_a_certificate_of_ours(
    hospital: tuple[Server, Party], tmp_path: Path
) -> None:
    server, party = hospital
    with pytest.raises(PeerError, match="certificate verify failed"):
        reach(Destination(url=server.url))
    (stranger,) = parties(tmp_path / "other", "stranger")
    with pytest.raises(PeerError, match="certificate verify failed"):
        reach(Destination(url=server.url, tls=Tls(authorities=stranger.authority)))
    reach(Destination(url=server.url, tls=Tls(authorities=party.authority)))
    assert [path for path, _, _ in server.seen] == ["/web/studies?limit=1"]
    with pytest.raises(ConfigurationError, match=r"TLS with \S+none\.crt: .* as PEM"):
        reach(Destination(url=server.url, tls=Tls(authorities=tmp_path / "none.crt")))
