"""A node with TLS in and out, and its HTTP side."""

from __future__ import annotations

import base64
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.audit.collectors import Told, UdpCollector
from tests.node.certificates import Party, parties
from tests.node.conftest import NOISE, route

from node_peers import NodeProcess, Storescp, free_port, renew, storescu, wait_for

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves a socket that was refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TOKEN = "a token of some length"


class Site:
    def __init__(self, folder: Path) -> None:
        node, known, unknown, archive = parties(folder / "ca", "node", "known", "unknown", "pacs")
        (stranger,) = parties(folder / "other", "stranger")
        self.known, self.unknown, self.stranger = known, unknown, stranger
        self.archive = Storescp(folder / "archive", *archive.dcmtk(), title="PACS")
        self.collector = UdpCollector()
        self.http = free_port()
        port = free_port()
        token = folder / "token"
        token.touch(0o600)
        token.write_text(TOKEN + "\n")
        config = (
            f'spool = "spool"\nreserve_mb = 10\nreserve_memory_mb = 10\n'
            f"[listen]\nport = {port}\nassociation_seconds = 240\n{node.toml()}"
            f'[audit]\naddress = "127.0.0.1"\nport = {self.collector.port}\npatient = "hashed"\n'
            f'[http]\ntoken_file = "{token}"\nport = {self.http}\n'
            "[retry]\ndelivery_attempts = 2\nfirst_seconds = 0.2\n"
            + route(
                "ct",
                "protect",
                ["pacs", "down"],
                more=f'certificates = ["{known.fingerprint()}"]\n{NOISE}',
            )
            + f'[destinations.pacs]\nae_title = "PACS"\naddress = "127.0.0.1"\n'
            f"port = {self.archive.port}\n{node.toml()}"
            f'[destinations.down]\nae_title = "DOWN"\naddress = "127.0.0.1"\nport = {free_port()}\n'
        )
        self.node = NodeProcess(folder / "node", config, port)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return self.ask(urllib.request.Request(f"http://127.0.0.1:{self.http}{path}"), **headers)

    def post(self, path: str, data: str, **headers: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.http}{path}"
        return self.ask(urllib.request.Request(url, data.encode(), method="POST"), **headers)

    def ask(self, request: urllib.request.Request, **headers: str) -> tuple[int, str]:
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def phantom(_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One series for all tests here, which look at a node that knows no other."""
    return renew(_phantom, tmp_path_factory.mktemp("phantom") / "series")


@pytest.fixture(scope="module")
def site(peers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.archive.start()
        site.node.start()
        yield site
    finally:
        site.node.stop()
        site.archive.stop()
        site.collector.stop()


def send(site: Site, phantom: Path, party: Party | None) -> int:
    options = [] if party is None else party.dcmtk()
    return storescu(site.node.port, phantom, *options, calling="CT")


def settled(site: Site, phantom: Path) -> None:
    """The known sender's series has come, and its last attempt at the absent archive failed."""
    if site.node.states() != ["dead"]:
        assert send(site, phantom, site.known) == 0
    wait_for(lambda: site.node.states() == ["dead"], 300, "the series to end")


def test_only_a_known_certificate_is_let_in(site: Site, phantom: Path) -> None:
    settled(site, phantom)
    before = site.node.states()
    assert send(site, phantom, None) != 0
    assert send(site, phantom, site.stranger) != 0  # of another authority
    assert send(site, phantom, site.unknown) != 0  # of the right one, but on no route
    assert site.node.states() == before
    assert send(site, phantom, site.known) == 0


def test_a_series_goes_out_over_tls(site: Site, phantom: Path) -> None:
    settled(site, phantom)
    assert len(list(site.archive.kept.iterdir())) == 16


def test_a_peer_that_says_nothing_does_not_hold_up_others(site: Site, phantom: Path) -> None:
    silent = [socket.create_connection(("127.0.0.1", site.node.port)) for _ in range(5)]
    assert send(site, phantom, site.known) == 0
    for peer in silent:
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):  # it is still there, so nobody waited for its end
            peer.recv(1)
        peer.close()


def audited(site: Site, event: str, count: int = 1) -> list[Told]:
    """Audit messages of an event, once there are some; each is what the schema wants."""

    def listed() -> list[Told]:
        return [message for message in site.collector.told() if message.event == event]

    wait_for(lambda: len(listed()) >= count, 60, f"{count} messages of {event}")
    return listed()


def test_the_audit_trail_tells_what_was_sent_and_who_was_turned_away(
    site: Site, phantom: Path
) -> None:
    settled(site, phantom)
    assert send(site, phantom, site.unknown) != 0
    assert send(site, phantom, site.stranger) != 0
    forged = {"Authorization": basic("a wrong token"), "X-Forwarded-For": "10.6.6.6"}
    assert site.get("/", **forged)[0] == 401
    assert audited(site, "110100/110120")[0].outcome == "0"
    transfers = audited(site, "110104", 2)
    came = [m for m in transfers if m.values("ActiveParticipant", "UserID")[0] == "CT"]
    assert came[0].values("SOPClass", "NumberOfInstances") == ["16"]
    assert came[0].codes("RoleIDCode") == ["110153", "110152"]
    outcomes = {m.values("ActiveParticipant", "UserID")[1]: m.outcome for m in transfers}
    assert (outcomes["PACS"], outcomes["MITSGAN"]) == ("0", "0")
    assert audited(site, "110102")
    asked = audited(site, "110112", 3)  # the archive once, and twice one that is down
    assert asked[0].values("ParticipantObjectDetail", "type") == ["TransferSyntax"]
    assert {m.values("ActiveParticipant", "UserID")[1]: m.outcome for m in asked} == {
        "PACS": "0",
        "DOWN": "8",
    }
    users = [m.values("ActiveParticipant", "UserID")[1] for m in audited(site, "110113/110126", 2)]
    assert {"CT", "unknown"} <= set(users)
    said = "a wrong token; said to be for 10.6.6.6"
    wait_for(lambda: said in "".join(site.collector.records), 60, "the wrong token to be told")
    for login in audited(site, "110114/110122"):
        assert login.outcome == "8"
        assert login.values("ActiveParticipant", "NetworkAccessPointID") == ["127.0.0.1"] * 2
    everything = "".join(site.collector.records)
    assert "PHANTOM" not in everything


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"any:{password}".encode()).decode()


def test_health_and_metrics_need_no_token(site: Site, phantom: Path) -> None:
    settled(site, phantom)
    assert site.get("/health/live") == (200, "live\n")
    assert site.get("/health/ready") == (200, "ready\n")
    status, text = site.get("/metrics")
    assert status == 200
    assert 'mitsgan_node_series{state="dead"} 1.0' in text
    assert 'mitsgan_node_objects_received_total{status="0000"}' in text
    assert "PHANTOM" not in text


def test_the_status_page_needs_the_token(site: Site, phantom: Path) -> None:
    settled(site, phantom)
    assert site.get("/")[0] == 401
    assert site.get("/", Authorization=basic("wrong"))[0] == 401
    assert site.get("/", Authorization="Basic ???")[0] == 401
    status, page = site.get("/", Authorization=basic(TOKEN))
    assert status == 200
    assert "DOWN at 127.0.0.1" in page
    assert "PHANTOM" not in page
    status, rows = site.get("/series", Authorization=f"Bearer {TOKEN}")
    assert json.loads(rows)[0]["deliveries"] == {"down": "dead", "pacs": "committed"}


def test_another_host_name_or_another_page_gets_nothing(site: Site, phantom: Path) -> None:
    settled(site, phantom)
    assert site.get("/health/live", Host="evil.example")[0] == 400
    authorization = basic(TOKEN)
    assert site.post("/series/1/retry", "proof=0", Authorization=authorization)[0] == 403
    assert site.post("/series/1/retry", "proof=ä", Authorization=authorization)[0] == 403
    assert site.post("/series/1/retry", 300_000 * "x", Authorization=authorization)[0] == 403
    assert site.post(f"/series/{1 << 64}/retry", "", Authorization=f"Bearer {TOKEN}")[0] == 409
    assert site.node.states() == ["dead"]


def test_a_dead_letter_is_tried_again_from_the_page(site: Site, phantom: Path) -> None:
    settled(site, phantom)
    _, page = site.get("/", Authorization=basic(TOKEN))
    proof = page.split('name="proof" value="')[1].split('"')[0]
    status, _ = site.post("/series/1/retry", f"proof={proof}", Authorization=basic(TOKEN))
    assert status == 200  # after a redirect to the page
    wait_for(lambda: "(2 attempts)" in site.get("/", Authorization=basic(TOKEN))[1], 300, "an end")
    assert site.post("/series/99/retry", "", Authorization=f"Bearer {TOKEN}")[0] == 409
    assert len(list(site.archive.kept.iterdir())) == 16  # not sent twice
