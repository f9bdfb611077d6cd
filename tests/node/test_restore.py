"""Originals given back on the route: to their recipients, whole and unchanged, or not at all."""

from __future__ import annotations

import base64
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization import PublicFormat as Public
from pydicom import dcmread
from tests.node.audit.collectors import Told, UdpCollector
from tests.node.conftest import route, small_series
from tests.node.series import ended, output_uids, series_of, uids

from mitsgan.node.check import check
from mitsgan.node.config import read_config
from mitsgan.node.store.ledger_schema import Series
from node_peers import NodeProcess, Orthanc, Storescp, free_port, storescu, wait_for

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves a socket that was refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CONFIG = """
spool = "spool"
reserve_mb = 10
reserve_memory_mb = 10
[listen]
port = {port}
[audit]
address = "127.0.0.1"
port = {collector}
[retry]
attempts = 2
delivery_attempts = 2
first_seconds = 0.5
{routes}
[destinations.archive]
ae_title = "ORTHANC"
address = "127.0.0.1"
port = {archive}
[destinations.reader]
ae_title = "READER"
address = "127.0.0.1"
port = {reader}
on_failure = "pass"
"""

PROTECT = """
[routes.protect]
protector = "noise"
max_hu = 5.0
sign = "{keys}/signer.pem"
restorable = ["{keys}/site.pub"]
restorable_form = "full"
"""

RESTORE = '[routes.restore]\nprivate_key = "{keys}/{key}.pem"\n'


def keys_in(folder: Path) -> Path:
    """``site`` and ``stranger`` (RSA) and ``signer`` (Ed25519), each .pem and .pub."""
    folder.mkdir(parents=True)
    for name in ("site", "stranger", "signer"):
        key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
        if name == "signer":
            key = ed25519.Ed25519PrivateKey.generate()
        else:
            key = rsa.generate_private_key(65537, 2048)
        private = folder / f"{name}.pem"
        private.touch(0o600)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = key.public_key().public_bytes(Encoding.PEM, Public.SubjectPublicKeyInfo)
        (folder / f"{name}.pub").write_bytes(public)
    return folder


class Hospital:
    """A scanner's series, protected on its way to an archive, and readers who want the original."""

    def __init__(self, folder: Path) -> None:
        keys, port = keys_in(folder / "keys"), free_port()
        self.archive = Orthanc(folder / "archive", port)
        self.reader = Storescp(folder / "reader", title="READER")
        self.collector = UdpCollector()
        trusts = f'trust = "{keys}/signer.pub"\n'
        opens = RESTORE.format(keys=keys, key="site")
        routes = (
            route("ct", "protect", ["archive"], more=PROTECT.format(keys=keys))
            + route("trusting", "restore", ["reader"], calling="ORTHANC", more=opens + trusts)
            + route("doubtful", "restore", ["reader"], more=opens + trusts)
            + route("lax", "restore", ["reader"], quiet=5, more=opens)
            + route("careful", "restore", ["reader"], quiet=5, more=opens)
            + route("wrong", "restore", ["reader"], more=RESTORE.format(keys=keys, key="stranger"))
        )
        ports = {"archive": self.archive.port, "reader": self.reader.port}
        config = CONFIG.format(port=port, collector=self.collector.port, routes=routes, **ports)
        self.node = NodeProcess(folder / "node", config, port)
        self.original = small_series(folder / "scanner", slices=6)

    def start(self) -> None:
        for program in (self.archive, self.reader, self.node):
            program.start()
        assert storescu(self.node.port, self.original, calling="CT") == 0
        wait_for(ended(self.node, self.original), 300, "the series to be protected")
        (series,) = series_of(self.node, self.original)
        assert series.state == "committed", series.reason
        self.derived = output_uids(self.node, series)

    def protected(self, folder: Path) -> Path:
        """What the archive has."""
        return self.archive.files(folder, self.derived)

    def ask_archive(self) -> None:
        """Let the archive send the protected series to the node, as it does to who retrieves it."""
        (series,) = self.archive.get("/series")
        url = f"http://127.0.0.1:{self.archive.http}/modalities/node/store"
        with urllib.request.urlopen(url, series.encode(), timeout=120) as answer:
            answer.read()

    def ends(self, sent: Path, name: str, count: int) -> Series:
        """The last of so many series of a route, once all have ended."""

        def of_route() -> list[Series]:
            return [s for s in series_of(self.node, sent) if s.route == name]

        def done() -> bool:
            states = [s.state for s in of_route()]
            return len(states) == count and set(states) <= {"committed", "dead"}

        wait_for(done, 300, f"{count} series of {name} to end")
        return of_route()[-1]

    def told(self, outcome: str, text: str) -> list[Told]:
        """Audit messages of originals given back, or not."""
        messages = [message for message in self.collector.told() if message.event == "110103"]
        return [one for one in messages if one.outcome == outcome and text in one.text]

    def emptied(self) -> None:
        """The reader has nothing any more."""
        shutil.rmtree(self.reader.kept)
        self.reader.kept.mkdir()

    def stop(self) -> None:
        for program in (self.node, self.reader, self.archive):
            program.stop()
        self.collector.stop()


@pytest.fixture(scope="module")
def hospital(peers: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """One for all tests here; each has routes of its own."""
    site = Hospital(tmp_path_factory.mktemp("hospital"))
    try:
        site.start()
        yield site
    finally:
        site.stop()


def arrived_as_it_was(reader: Path, original: Path) -> bool:
    before = {str(ds.SOPInstanceUID): ds for ds in map(dcmread, original.iterdir())}
    after = {str(ds.SOPInstanceUID): ds for ds in map(dcmread, reader.iterdir())}
    return before == after != {}


def test_a_reader_gets_the_original_whenever_it_is_asked_for(
    hospital: Hospital, tmp_path: Path
) -> None:
    protected = hospital.protected(tmp_path / "protected")
    assert not uids(protected) & uids(hospital.original)
    for count in (1, 2):
        hospital.ask_archive()
        series = hospital.ends(protected, "trusting", count)
        assert series.state == "committed", series.reason
        assert "6 slices restored" in series.note
        assert arrived_as_it_was(hospital.reader.kept, hospital.original)
        hospital.emptied()

    wait_for(lambda: len(hospital.told("0", "ORTHANC")) == 2, 60, "the audit messages")
    for message in hospital.told("0", "ORTHANC"):
        assert message.values("ActiveParticipant", "UserID") == ["ORTHANC", "MITSGAN"]
        encoded = base64.b64encode(series.series_uid.encode()).decode()
        assert encoded in message.values("ParticipantObjectDetail", "value")


def test_where_only_the_archives_files_are_left_they_are_enough_but_nobody_vouches(
    hospital: Hospital, tmp_path: Path
) -> None:
    protected = hospital.protected(tmp_path / "protected")
    hospital.emptied()
    originals = hospital.node.spool / "originals"
    away = originals.rename(tmp_path / "originals")
    try:
        restored_from_the_files_alone(hospital, protected)
    finally:
        away.rename(originals)


def restored_from_the_files_alone(hospital: Hospital, protected: Path) -> None:
    assert storescu(hospital.node.port, protected, calling="DOUBTFUL") == 0
    series = hospital.ends(protected, "doubtful", 1)
    assert series.state == "dead"
    assert "there is none" in series.reason
    assert not list(hospital.reader.kept.iterdir())
    assert storescu(hospital.node.port, protected, calling="LAX") == 0
    series = hospital.ends(protected, "lax", 1)
    assert series.state == "committed", series.reason
    assert "no seal" in series.note
    assert arrived_as_it_was(hospital.reader.kept, hospital.original)


def test_what_was_changed_or_is_for_somebody_else_is_held_back_with_its_reason(
    hospital: Hospital, tmp_path: Path
) -> None:
    protected = hospital.protected(tmp_path / "protected")
    hospital.emptied()
    port = hospital.node.port
    assert storescu(port, protected, calling="WRONG") == 0
    series = hospital.ends(protected, "wrong", 1)
    assert series.state == "dead"
    assert "not encrypted to this key" in series.reason

    lacking = Path(shutil.copytree(protected, tmp_path / "lacking"))
    sorted(lacking.iterdir())[2].unlink()
    assert storescu(port, lacking, calling="CAREFUL") == 0
    series = hospital.ends(protected, "careful", 1)
    assert series.state == "dead"
    assert "missing" in series.reason

    flipped = Path(shutil.copytree(protected, tmp_path / "flipped"))
    path = sorted(flipped.iterdir())[2]
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert storescu(port, flipped, calling="CAREFUL") == 0
    series = hospital.ends(protected, "careful", 2)
    assert series.state == "dead"
    assert "differ" in series.reason
    assert not list(hospital.reader.kept.iterdir())
    for text in ("not encrypted to this key", "missing", "differ"):
        wait_for(lambda text=text: len(hospital.told("8", text)) == 1, 60, "the message")  # type: ignore[misc]

    assert storescu(port, protected, calling="CAREFUL") == 0
    series = hospital.ends(protected, "careful", 3)
    assert series.state == "committed", series.reason
    assert arrived_as_it_was(hospital.reader.kept, hospital.original)


def findings(config: Path) -> dict[str, tuple[str, str]]:
    listed = check(read_config(config))
    return {one.what: (one.state, one.text) for one in listed}


def test_an_engineer_is_told_what_a_restoring_route_lacks(
    hospital: Hospital, tmp_path: Path
) -> None:
    checks = findings(hospital.node.config)
    assert not [what for what, (state, _) in checks.items() if state == "WRONG"], checks
    originals = hospital.node.spool / "originals"
    assert checks[f"route trusting: {originals}"] == ("ok", "1 originals kept")
    assert "restored" in checks["route lax: a phantom given back"][1]
    assert checks["route lax: trust"][0] == "note"
    assert checks["route lax to reader"] == ("note", "originals go without TLS")

    wrong = tmp_path / "node.toml"
    wrong.write_text(hospital.node.config.read_text().replace("/site.pem", "/signer.pem"))
    checks = findings(wrong)
    assert checks["route lax: private key"][0] == "WRONG"
    assert "RSA" in checks["route lax: private key"][1]
    assert checks["route lax: a phantom given back"][0] == "WRONG"
