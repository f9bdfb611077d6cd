"""A node among real peers: what is acknowledged arrives, once, and as its route says."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID, generate_uid
from pynetdicom import AE
from tests.node.conftest import World, phantoms

from mitsgan.files import read_scan
from mitsgan.node.services import TRANSFER_SYNTAXES
from mitsgan.node.store.ledger_schema import Series
from mitsgan.node.store.spool import data_digest
from node_peers import NodeProcess, fuzz, storescu, wait_for

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves a socket that was refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def series_of(node: NodeProcess, route: str) -> list[Series]:
    ledger = node.ledger()
    try:
        return [series for series in ledger.in_states() if series.route == route]
    finally:
        ledger.close()


def ended(node: NodeProcess, route: str, count: int) -> Callable[[], bool]:
    def check() -> bool:
        states = [series.state for series in series_of(node, route)]
        return len(states) == count and all(state in ("committed", "dead") for state in states)

    return check


def uids(folder: Path) -> set[str]:
    return {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in folder.iterdir()}


def test_a_series_is_protected_within_its_budget(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    assert storescu(world.node.port, phantom, calling="PROTECTS") == 0
    wait_for(ended(world.node, "protects", 1), 60, "the series to end")
    (series,) = series_of(world.node, "protects")
    assert series.state == "committed", series.reason
    back = read_scan(world.archive.files(tmp_path / "back"))
    original = read_scan(phantom)
    moved = abs(back.hu() - original.hu())
    assert back.shape == original.shape
    assert 0 < moved.max() <= 5
    assert not uids(tmp_path / "back") & uids(phantom)

    # The same again: acknowledged, and nothing more happens.
    before = world.archive.uids()
    assert storescu(world.node.port, phantom, calling="PROTECTS") == 0
    time.sleep(2)
    assert [s.state for s in series_of(world.node, "protects")] == ["committed"]
    assert world.archive.uids() == before


def test_late_slices_make_a_new_whole_series(world: World, tmp_path: Path) -> None:
    (whole,) = phantoms(tmp_path / "late", 1, slices=12)
    files = sorted(whole.iterdir())
    early = tmp_path / "early"
    early.mkdir()
    for path in files[:8]:
        shutil.copy(path, early)
    count = len(series_of(world.node, "protects"))
    before = len(world.archive.uids())
    assert storescu(world.node.port, early, calling="PROTECTS") == 0
    wait_for(ended(world.node, "protects", count + 1), 60, "the early part to end")
    assert storescu(world.node.port, whole, calling="PROTECTS") == 0
    wait_for(ended(world.node, "protects", count + 2), 60, "the whole to end")
    first, second = series_of(world.node, "protects")[-2:]
    assert second.follows == first.id
    assert (first.state, second.state) == ("committed", "committed")
    arrived = world.archive.uids()
    assert len(arrived) == before + 8 + 12
    assert len(set(arrived)) == len(arrived)


def test_another_content_under_a_known_uid_is_refused(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    assert storescu(world.node.port, phantom, calling="PROTECTS") == 0
    dataset = dcmread(sorted(phantom.iterdir())[0])
    dataset.PatientComments = "changed"
    path = tmp_path / "changed.dcm"
    dataset.save_as(path)
    assert storescu(world.node.port, path, calling="PROTECTS") != 0
    ledger = world.node.ledger()
    refused = ledger.in_states("refused")
    ledger.close()
    assert any("other content" in series.reason for series in refused)


def with_new_uids(path: Path) -> Dataset:
    dataset = dcmread(path)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = generate_uid(), generate_uid()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
    return dataset


def send_raw(port: int, path: Path, calling: str) -> int:
    """Send a file in its own encoding, by pynetdicom in this process; the status."""
    dataset = dcmread(path)
    ae = AE(calling)
    ae.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = ae.associate("127.0.0.1", port)
    assert association.is_established
    assert association.accepted_contexts
    status = association.send_c_store(dataset)
    association.release()
    return int(status.Status)


def frame(dataset: Dataset) -> bytes:
    """The pixels of a single frame, as they are encoded."""
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return next(generate_frames(dataset.PixelData, number_of_frames=1))
    return bytes(dataset.PixelData)


def test_every_transfer_syntax_is_received_and_passed_on_as_it_is(
    world: World, data: Path, tmp_path: Path
) -> None:
    folder = data / "dicom" / "transfer-syntaxes"
    sent: dict[str, str] = {}
    numbers: dict[str, str] = {}
    syntaxes = set()
    for number, source in enumerate(sorted(folder.glob("CTImage.dcm*"))):
        path = tmp_path / f"{number}.dcm"
        dataset = with_new_uids(source)
        dataset.save_as(path)
        if data_digest(path) in sent.values():
            continue
        assert send_raw(world.node.port, path, "PASSES") == 0
        sent[str(dataset.SOPInstanceUID)] = data_digest(path)
        numbers[str(dataset.SOPInstanceUID)] = path.name
        syntaxes.add(str(dataset.file_meta.TransferSyntaxUID))
    assert len(syntaxes) >= 14
    assert syntaxes <= set(TRANSFER_SYNTAXES)

    wait_for(ended(world.node, "passes", len(sent)), 60, "all to be passed on")
    received = {}
    for series in series_of(world.node, "passes"):
        for path in (world.node.spool / "series" / str(series.id) / "received").iterdir():
            received[path.stem] = data_digest(path)
    assert received == sent
    assert {series.state for series in series_of(world.node, "passes")} == {"committed"}
    arrived = world.archive.files(tmp_path / "arrived")
    for uid in sent:  # Orthanc writes headers anew
        there, here = dcmread(arrived / f"{uid}.dcm"), dcmread(tmp_path / numbers[uid])
        assert there.file_meta.TransferSyntaxUID == here.file_meta.TransferSyntaxUID
        assert frame(there).rstrip(b"\0") == frame(here).rstrip(b"\0")


def test_what_cannot_be_protected_is_held_back_or_passed_on_as_its_destination_says(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    path = tmp_path / "single.dcm"
    dataset = with_new_uids(sorted(phantom.iterdir())[0])
    dataset.RescaleIntercept = ""
    del dataset.ImageOrientationPatient
    dataset.save_as(path)
    assert storescu(world.node.port, path, calling="DIVIDES") == 0
    wait_for(ended(world.node, "divides", 1), 60, "the series to end")
    (series,) = series_of(world.node, "divides")
    assert series.state == "dead"
    assert series.reason.startswith("plain: held back: cannot be protected: ")
    kept = [str(dcmread(file).SOPInstanceUID) for file in world.plain.kept.iterdir()]
    assert kept.count(str(dataset.SOPInstanceUID)) == 1


def test_objects_that_are_no_ct_are_refused_unless_a_route_forwards_them(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mr.dcm"
    dataset = with_new_uids(sorted(phantom.iterdir())[0])
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(
        "1.2.840.10008.5.1.4.1.1.4"
    )
    dataset.save_as(path)
    before = len(series_of(world.node, "passes"))
    assert send_raw(world.node.port, path, "PROTECTS") == 0x0122
    assert send_raw(world.node.port, path, "PASSES") == 0
    wait_for(ended(world.node, "passes", before + 1), 30, "it to be forwarded")
    assert series_of(world.node, "passes")[-1].state == "committed"


def test_strangers_are_rejected_but_may_ask_for_an_echo(world: World, phantom: Path) -> None:
    assert storescu(world.node.port, phantom, calling="STRANGER") != 0
    stranger = AE("STRANGER")
    stranger.add_requested_context("1.2.840.10008.1.1")
    association = stranger.associate("127.0.0.1", world.node.port)
    assert association.send_c_echo().Status == 0
    association.release()


def threads(node: NodeProcess) -> int:
    assert node.process is not None
    return len(list(Path(f"/proc/{node.process.pid}/task").iterdir()))


def files(node: NodeProcess) -> int:
    assert node.process is not None
    return len(list(Path(f"/proc/{node.process.pid}/fd").iterdir()))


SILENT = (
    b"",
    b"\x01\x00\x00",  # half a header
    b"\x01\x00\x00\x00\x01\x00\x00\x01",  # an A-ASSOCIATE-RQ that never comes
    b"\x04\x00\xff\xff\xff\xff",  # a P-DATA of 4 GB
    b"GET / HTTP/1.1\r\n\r\n",
)


def test_peers_that_never_go_on_leak_nothing(world: World) -> None:
    wait_for(lambda: threads(world.node) < 40, 20, "calm")
    before = threads(world.node), files(world.node)
    peers = []
    for start in SILENT * 4:
        peer = socket.create_connection(("127.0.0.1", world.node.port))
        peer.sendall(start)
        peers.append(peer)
    for _ in range(15):  # TCP health checks
        socket.create_connection(("127.0.0.1", world.node.port)).close()

    def calm() -> bool:
        return threads(world.node) <= before[0] and files(world.node) <= before[1]

    wait_for(calm, 25, "connections to end")
    for peer in peers:
        peer.close()


def test_malformed_pdus_harm_nobody(world: World) -> None:
    """Random bytes in the shape of PDUs; the campaign goes on with it for a minute."""
    wait_for(lambda: threads(world.node) < 20, 25, "calm")
    assert fuzz(world.node.port, seconds=3, seed=0) > 20
    wait_for(lambda: threads(world.node) < 20, 25, "calm")
    assert world.node.process is not None
    assert world.node.process.poll() is None
    test_strangers_are_rejected_but_may_ask_for_an_echo(world, world.folder)


def test_a_sender_that_aborts_leaves_nothing_half_received(world: World, tmp_path: Path) -> None:
    (whole,) = phantoms(tmp_path / "abort", 1)
    options = ["-aet", "PASSES", "-aec", "MITSGAN", "+sd", "+r", "--repeat", "200"]
    sender = subprocess.Popen(
        ["/usr/bin/storescu", *options, "127.0.0.1", str(world.node.port), str(whole)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.3)
    sender.kill()
    sender.wait()
    wait_for(
        lambda: all(s.state == "committed" for s in series_of(world.node, "passes")), 30, "an end"
    )


def test_a_new_configuration_is_taken_without_losing_an_association(
    world: World, phantom: Path
) -> None:
    text = world.node.config.read_text()
    ae = AE("NEWCOMER")
    ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate("127.0.0.1", world.node.port)
    assert association.is_established
    assert world.node.process is not None
    try:
        world.node.config.write_text(text.replace('"PASSES"', '"PASSES", "NEWCOMER"'))
        world.node.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "took a new" in world.node.log.read_text(), 10, "the reload")
        assert association.send_c_echo().Status == 0
        association.release()
        assert storescu(world.node.port, phantom, calling="NEWCOMER") == 0
        world.node.config.write_text(text.replace("port = ", "port = 1", 1))
        world.node.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "kept the old" in world.node.log.read_text(), 10, "the refusal")
    finally:
        world.node.config.write_text(text)
        world.node.process.send_signal(signal.SIGHUP)


def run(*arguments: str) -> tuple[int, str]:
    code = "import sys; from mitsgan.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "node", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return ran.returncode, ran.stdout + ran.stderr


def test_commands_look_after_a_running_node(world: World, tmp_path: Path) -> None:
    config = str(world.node.config)
    code, text = run("queue", config, "--state", "dead")
    assert code == 0
    dead = [line.split()[0] for line in text.splitlines() if " dead " in line]
    assert len(dead) == 1
    code, text = run("show", config, dead[0])
    assert code == 0
    assert "to plain: dead" in text
    assert "to lenient: committed" in text
    assert "PHANTOM" not in text
    code, _ = run("export", config, dead[0], str(tmp_path / "out"))
    assert code == 0
    assert len(list((tmp_path / "out" / "received").iterdir())) == 1
    code, text = run("retry", config, dead[0])
    assert code == 0
    wait_for(ended(world.node, "divides", 1), 30, "the second attempt to end")
    (series,) = series_of(world.node, "divides")
    assert series.state == "dead"  # it still cannot be protected
    kept = [str(dcmread(file).SOPInstanceUID) for file in world.plain.kept.iterdir()]
    assert len(set(kept)) == len(kept)
    assert run("retry", config, "999")[0] == 2
    assert run("show", str(tmp_path / "none.toml"), "1")[0] == 2
