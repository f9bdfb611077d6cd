"""The audit trail: messages by the schema, kept while nobody takes them, never in the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from tests.node.audit.collectors import TlsCollector, Told, UdpCollector
from tests.node.certificates import parties

from mitsgan.node.audit import events, syslog
from mitsgan.node.audit.messages import PATIENT_NUMBER, STUDY_UID, Event, Thing
from mitsgan.node.audit.trail import AuditTrail
from mitsgan.node.config import Audit, Destination, Listen, NodeConfig, Retry, Route, Tls
from mitsgan.node.processing.tasks import Answer
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.spool import Spool
from node_peers import free_port, wait_for

CT = "1.2.840.10008.5.1.4.1.1.2"
LISTEN = Listen(ae_title="MITSGAN")
PACS = Destination(ae_title="PACS", address="pacs.example", port=104)
WEB = Destination(url="https://pacs.example/dicom-web")
STUDY = [Thing(STUDY_UID, "1.2.3", classes={CT: 300})]

EVENTS = {
    "110100/110120": events.activity(LISTEN, begins=True),
    "110100/110121": events.activity(LISTEN, begins=False),
    "110102": events.begins_sending(LISTEN, PACS, STUDY),
    "110103": events.restored(
        LISTEN, "PACS", "10.1.2.3", STUDY, "1.2.5", Answer(text="300 slices", original="ab")
    ),
    "110104": events.sent(LISTEN, WEB, STUDY, ""),
    "110106": events.exported(LISTEN, Path("/tmp/a b"), STUDY),
    "110112": events.queried(LISTEN, PACS, "1.2.3", "1.2.4"),
    "110113/110126": events.rejected(LISTEN, 'X\0\x1b<&"', "10.1.2.3", "no route"),
    "110114/110122": events.login_failed(LISTEN, "::1"),
}


@pytest.fixture
def collector() -> Iterator[UdpCollector]:
    collector = UdpCollector()
    yield collector
    collector.stop()


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[Spool, Ledger]]:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    ledger = Ledger(spool.ledger)
    yield spool, ledger
    ledger.close()


def trail(parts: tuple[Spool, Ledger], audit: Audit | None) -> AuditTrail:
    spool, ledger = parts
    config = NodeConfig(
        spool=spool.root,
        routes=(Route(name="ct", action="pass", destinations=("pacs",)),),
        destinations={"pacs": PACS},
        retry=Retry(first_seconds=0.01, longest_seconds=0.01),
        audit=audit,
    )
    return AuditTrail(config, spool, ledger)


def sent(audit_trail: AuditTrail, collector: UdpCollector, count: int) -> list[Told]:
    """What the collector has once so many messages came."""

    def came() -> bool:
        audit_trail.next()
        return len(collector.records) >= count

    wait_for(came, 60, f"{count} messages")
    return collector.told()


@pytest.mark.parametrize(
    "code, event", [*EVENTS.items(), ("110103", events.discarded(LISTEN, "1.2", STUDY))]
)
def test_every_event_is_a_message_by_the_schema(
    code: str, event: Event, parts: tuple[Spool, Ledger], collector: UdpCollector
) -> None:
    audit_trail = trail(parts, Audit(address="127.0.0.1", port=collector.port, site="here"))
    audit_trail.add(event)
    (message,) = sent(audit_trail, collector, 1)
    assert message.event == code
    assert message.values("AuditSourceIdentification", "AuditSourceID") == ["MITSGAN"]
    assert message.priority == (85 if message.outcome == "0" else 83)
    assert audit_trail.waiting() == 0


def test_a_query_is_told_as_it_was_asked(
    parts: tuple[Spool, Ledger], collector: UdpCollector
) -> None:
    audit_trail = trail(parts, Audit(address="127.0.0.1", port=collector.port))
    audit_trail.add(events.queried(LISTEN, PACS, "1.2.3", "1.2.4"))
    audit_trail.add(events.queried(LISTEN, WEB, "1.2.3", "1.2.4"))
    queries = [
        base64.b64decode(message.xml.findtext(".//ParticipantObjectQuery"))
        for message in sent(audit_trail, collector, 2)
    ]
    assert b"1.2.4" in queries[0]
    assert b"IMAGE" in queries[0]
    assert queries[1].startswith(b"/studies/1.2.3/series/1.2.4/instances")


@pytest.mark.parametrize("patient", ["none", "hashed", "plain"])
def test_a_patient_is_told_as_the_settings_say_and_never_by_name(
    patient: str, parts: tuple[Spool, Ledger], collector: UdpCollector, phantom: Path
) -> None:
    path = sorted(phantom.iterdir())[0]
    dataset = dcmread(path)
    dataset.PatientID, dataset.PatientName = "P-4711", "Doe^Jane"
    dataset.save_as(path)
    audit = Audit(address="127.0.0.1", port=collector.port, patient=patient)  # type: ignore[arg-type]
    audit_trail = trail(parts, audit)
    for _ in range(2):
        audit_trail.add(
            events.begins_sending(LISTEN, PACS, audit_trail.study("1.2.3", {CT: 16}, path))
        )
    one, two = sent(audit_trail, collector, 2)
    ids = one.values("ParticipantObjectIdentification", "ParticipantObjectID")
    assert ids == two.values("ParticipantObjectIdentification", "ParticipantObjectID")
    assert "Doe" not in one.text
    assert ("P-4711" in one.text) == (patient == "plain")
    assert len(ids) == (1 if patient == "none" else 2)
    if patient == "hashed":
        key = (parts[0].root / "audit.key").read_bytes()
        assert ids[1] == hmac.new(key, b"P-4711", hashlib.sha256).hexdigest()[:32]


def test_threads_that_hash_the_first_numbers_at_once_have_one_secret(
    parts: tuple[Spool, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = trail(parts, None), trail(parts, None)
    urandom = os.urandom
    salts: list[bytes] = []

    def interrupted(count: int) -> bytes:
        monkeypatch.setattr("mitsgan.node.audit.trail.os.urandom", urandom)
        salts.append(quick._salt())
        return urandom(count)

    monkeypatch.setattr("mitsgan.node.audit.trail.os.urandom", interrupted)
    salts.append(slow._salt())
    assert len(set(salts)) == 1
    (key,) = parts[0].root.glob("audit.key*")
    assert (len(key.read_bytes()), key.stat().st_mode & 0o777) == (32, 0o600)


def test_without_settings_nothing_is_kept(parts: tuple[Spool, Ledger]) -> None:
    audit_trail = trail(parts, None)
    audit_trail.add(EVENTS["110100/110120"])
    assert audit_trail.waiting() == 0
    assert audit_trail.next() is False


def test_messages_wait_while_the_collector_is_away_and_come_in_order(
    parts: tuple[Spool, Ledger], tmp_path: Path
) -> None:
    node, other = parties(tmp_path / "ca", "node", "collector")
    tls = Tls(certificate=node.certificate, key=node.key, authorities=node.authority)
    port = free_port()
    audit_trail = trail(parts, Audit(address="127.0.0.1", port=port, tls=tls))
    uids = [str(generate_uid()) for _ in range(250)]
    for uid in uids:
        audit_trail.add(events.begins_sending(LISTEN, PACS, [Thing(STUDY_UID, uid)]))
    assert audit_trail.next() is False
    assert audit_trail.waiting() == 250
    again = trail(parts, audit_trail.config.audit)  # as after a new start
    collector = TlsCollector(port, other)
    try:
        messages = sent(again, collector, 250)
        wait_for(lambda: again.waiting() == 0, 60, "all to be known as sent")
    finally:
        collector.stop()
    objects = [
        m.values("ParticipantObjectIdentification", "ParticipantObjectID")[0] for m in messages
    ]
    assert objects == uids


def test_a_collector_of_another_authority_gets_nothing(
    parts: tuple[Spool, Ledger], tmp_path: Path
) -> None:
    (node,) = parties(tmp_path / "ca", "node")
    (other,) = parties(tmp_path / "other", "collector")
    tls = Tls(certificate=node.certificate, key=node.key, authorities=node.authority)
    port = free_port()
    audit_trail = trail(parts, Audit(address="127.0.0.1", port=port, tls=tls))
    audit_trail.add(EVENTS["110100/110120"])
    collector = TlsCollector(port, other)
    try:
        assert audit_trail.next() is False
    finally:
        collector.stop()
    assert collector.records == []
    assert audit_trail.waiting() == 1


def test_a_collector_that_does_not_read_has_got_nothing(
    parts: tuple[Spool, Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the connection while its own queue is full; what lies in between may be lost."""
    monkeypatch.setattr(syslog, "_TIMEOUT", 0.5)
    node, other = parties(tmp_path / "ca", "node", "collector")
    tls = Tls(certificate=node.certificate, key=node.key, authorities=node.authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(other.certificate, other.key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[ssl.SSLSocket] = []

        def take() -> None:
            taken.append(context.wrap_socket(listening.accept()[0], server_side=True))

        thread = threading.Thread(target=take)
        thread.start()
        port = int(listening.getsockname()[1])
        audit_trail = trail(parts, Audit(address="127.0.0.1", port=port, tls=tls))
        audit_trail.add(EVENTS["110100/110120"])
        assert audit_trail.next() is False
        thread.join()
        taken[0].close()
    assert audit_trail.waiting() == 1


FORGED = "1\n<85>1 2026-01-01T00:00:00Z host mitsgan 1 DICOM+RFC3881 - \ufeff<AuditMessage>"


@pytest.mark.parametrize("number", [FORGED, FORGED.replace("\n", "\x85"), '"' * 65_000])
def test_a_number_of_a_patient_makes_no_second_message_and_keeps_none_back(
    number: str, parts: tuple[Spool, Ledger], collector: UdpCollector
) -> None:
    """Collectors divide what they get at the ends of lines; a datagram holds 64 KiB."""
    audit = Audit(address="127.0.0.1", port=collector.port, patient="plain")
    audit_trail = trail(parts, audit)
    things = [*STUDY, Thing(PATIENT_NUMBER, number, type_code=1, role=1)]
    audit_trail.add(events.begins_sending(LISTEN, PACS, things))
    audit_trail.add(EVENTS["110100/110120"])
    told, _ = sent(audit_trail, collector, 2)
    assert len(told.text.splitlines()) == 1
    _, shown = told.values("ParticipantObjectIdentification", "ParticipantObjectID")
    assert len(shown) <= 1024


def test_a_study_of_any_number_of_classes_is_told_in_one_datagram(
    parts: tuple[Spool, Ledger], collector: UdpCollector
) -> None:
    """And in no more than collectors take: rsyslog cuts off what is longer than 8 KiB."""
    classes = {f"1.2.{'3' * 55}.{number}": 1 for number in range(2000)} | {CT: 300}
    audit_trail = trail(parts, Audit(address="127.0.0.1", port=collector.port))
    study = [
        Thing(STUDY_UID, "1.2.3", classes=classes),
        Thing(PATIENT_NUMBER, "P" * 64, type_code=1, role=1),
    ]
    audit_trail.add(events.sent(LISTEN, PACS, study, "x" * 2000))
    (told,) = sent(audit_trail, collector, 1)
    assert told.values("SOPClass", "UID")[0] == CT
    assert told.values("SOPClass", "NumberOfInstances")[0] == "300"
    assert len(collector.records[0].encode()) < 8096


def test_a_signer_of_any_name_is_told(parts: tuple[Spool, Ledger], collector: UdpCollector) -> None:
    answer = Answer(text="300 slices", original="ab", signer="Ä" * 40_000)
    audit_trail = trail(parts, Audit(address="127.0.0.1", port=collector.port))
    audit_trail.add(events.restored(LISTEN, "PACS", "10.1.2.3", STUDY, "1.2.5", answer))
    (told,) = sent(audit_trail, collector, 1)
    signer = base64.b64decode(told.values("ParticipantObjectDetail", "value")[-1]).decode()
    assert signer.startswith("ÄÄ")


def test_on_a_full_disk_messages_wait_in_memory_and_go_once(
    parts: tuple[Spool, Ledger], collector: UdpCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit_trail = trail(parts, Audit(address="127.0.0.1", port=collector.port))
    audit_trail.add(EVENTS["110100/110120"])

    def full(**_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(parts[1], "change", full)
        for _ in range(20):
            audit_trail.add(EVENTS["110114/110122"])
        with pytest.raises(sqlite3.OperationalError):  # what was sent cannot be deleted
            audit_trail.next()
        while audit_trail.next():
            pass
    audit_trail.add(EVENTS["110106"])
    messages = sent(audit_trail, collector, 22)
    assert audit_trail.waiting() == 0
    events_told = [message.event for message in messages]
    assert events_told.count("110114/110122") == 20
    assert len(events_told) == 22


def test_a_secret_that_cannot_be_read_stops_nothing(
    parts: tuple[Spool, Ledger], collector: UdpCollector, phantom: Path
) -> None:
    (parts[0].root / "audit.key").mkdir()
    audit = Audit(address="127.0.0.1", port=collector.port, patient="hashed")
    things = trail(parts, audit).study("1.2.3", {CT: 16}, sorted(phantom.iterdir())[0])
    assert [thing.uid for thing in things] == ["1.2.3"]
