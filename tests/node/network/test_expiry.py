"""Certificates of the node's own end: the check before going live tells it, and log and metrics."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.node.certificates import Party, parties
from tests.node.conftest import route

from mitsgan.node.check import Finding, check
from mitsgan.node.config import Destination, Listen, NodeConfig, Route, Tls
from mitsgan.node.http.counters import Counters
from mitsgan.node.network.certificates import Certificates
from node_peers import NodeProcess, free_port

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def shown(party: Party) -> Tls:
    return Tls(certificate=party.certificate, key=party.key, authorities=party.authority)


def certificates(folder: Path, party: Party) -> list[Finding]:
    """What is said of certificates where the node and a destination show the same one."""
    tls = shown(party)
    config = NodeConfig(
        spool=folder / "spool",
        routes=(Route(name="ct", action="pass", destinations=("web",)),),
        destinations={"web": Destination(url="https://127.0.0.1:9", tls=tls, timeout_seconds=1)},
        listen=replace(Listen(), port=9, tls=tls),
    )
    listed = check(config, phantom=False)
    return [finding for finding in listed if finding.what.startswith("certificate")]


def test_a_certificate_that_ends_soon_is_noted_and_one_that_has_ended_is_wrong(
    tmp_path: Path,
) -> None:
    (soon,) = parties(tmp_path / "soon", "node")
    (ended,) = parties(tmp_path / "ended", "node", ended=True)
    for party, state in ((soon, "note"), (ended, "WRONG")):
        (finding,) = certificates(tmp_path, party)
        assert finding.state == state
        assert str(party.certificate) in finding.what
        assert "until 20" in finding.text


def test_a_certificate_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    (party,) = parties(tmp_path / "node", "node")
    party.certificate.write_text("no certificate")
    (finding,) = certificates(tmp_path, party)
    assert finding.state == "WRONG"
    assert str(party.certificate) in finding.text


def test_a_node_that_runs_tells_log_and_metrics_until_when_they_are_valid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (soon,) = parties(tmp_path / "soon", "node")
    (ended,) = parties(tmp_path / "ended", "node", ended=True)
    config = NodeConfig(
        spool=tmp_path / "spool",
        routes=(Route(name="ct", action="pass", destinations=("web",)),),
        destinations={"web": Destination(url="https://127.0.0.1:9", tls=shown(soon))},
        listen=replace(Listen(), tls=shown(ended)),
    )
    monkeypatch.setattr(logging.getLogger("mitsgan.node"), "propagate", True)
    counters = Counters()
    watch = Certificates(counters.certificates)
    watch.look(config)
    first = metrics(counters)
    assert set(first) == {"listen", "destinations.web"}
    assert first["listen"] < time.time() < first["destinations.web"]
    listening, web = caplog.messages
    assert f"{ended.certificate} has expired on 20" in listening
    assert f"{soon.certificate} expires on 20" in web
    # The one that it listens with is read once; a new file changes nothing until a new start.
    ended.certificate.write_bytes(soon.certificate.read_bytes())
    soon.certificate.write_text("no certificate")
    watch.look(config)
    assert metrics(counters) == {"listen": first["listen"]}
    assert f"TLS with {soon.certificate}" in caplog.messages[-1]


@pytest.mark.slow
def test_a_node_whose_certificate_has_expired_says_so_when_it_starts(tmp_path: Path) -> None:
    (party,) = parties(tmp_path / "ended", "node", ended=True)
    port = free_port()
    config = (
        f'spool = "spool"\nreserve_mb = 10\n[listen]\nport = {port}\n{party.toml()}'
        + route("ct", "pass", ["nobody"])
        + f'[destinations.nobody]\nae_title = "X"\naddress = "127.0.0.1"\nport = {free_port()}\n'
    )
    node = NodeProcess(tmp_path / "node", config, port)
    try:
        node.start()
    finally:
        node.stop()
    assert f"`tls` of `listen`: the certificate {party.certificate} has expired" in (
        node.log.read_text()
    )


def metrics(counters: Counters) -> dict[str, float]:
    """When certificates end, by the table that names them."""
    (family,) = counters.certificates.collect()
    return {sample.labels["of"]: sample.value for sample in family.samples}
