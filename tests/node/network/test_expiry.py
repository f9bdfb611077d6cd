"""Certificates of the node's own end: the check before going live tells it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.node.certificates import Party, parties

from mitsgan.node.check import Finding, check
from mitsgan.node.config import Destination, Listen, NodeConfig, Route, Tls

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def certificates(folder: Path, party: Party) -> list[Finding]:
    """What is said of certificates where the node and a destination show the same one."""
    tls = Tls(certificate=party.certificate, key=party.key, authorities=party.authority)
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
