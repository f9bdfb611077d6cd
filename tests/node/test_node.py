"""A node among real peers: what is acknowledged arrives, once, and as its route says."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID, generate_uid
from pynetdicom import AE
from tests.node.conftest import World, small_series
from tests.node.series import (
    ended,
    output_uids,
    send_raw,
    series_of,
    strangers_may_only_echo,
    uid_of,
    uids,
)

from mitsgan.files import read_scan
from mitsgan.node.services import TRANSFER_SYNTAXES
from mitsgan.node.store.ledger_schema import Series
from mitsgan.node.store.spool import data_digest
from node_peers import NodeProcess, storescu, wait_for

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves a socket that was refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_series_is_protected_within_its_budget(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    assert storescu(world.node.port, phantom, calling="PROTECTS") == 0
    wait_for(ended(world.node, phantom), 300, "the series to end")
    (series,) = series_of(world.node, phantom)
    assert series.state == "committed", series.reason
    derived = output_uids(world.node, series)
    back = read_scan(world.archive.files(tmp_path / "back", derived))
    original = read_scan(phantom)
    moved = abs(back.hu() - original.hu())
    assert back.shape == original.shape
    assert 0 < moved.max() <= 5
    assert not uids(phantom) & set(world.archive.uids())

    # The same again: acknowledged, and nothing more happens.
    assert storescu(world.node.port, phantom, calling="PROTECTS") == 0
    time.sleep(2)
    assert [s.state for s in series_of(world.node, phantom)] == ["committed"]
    arrived = [uid for uid in world.archive.uids() if uid in derived]
    assert len(arrived) == len(derived) == 16


def test_late_slices_make_a_new_whole_series(world: World, tmp_path: Path) -> None:
    whole = small_series(tmp_path / "late", slices=12)
    files = sorted(whole.iterdir())
    early = tmp_path / "early"
    early.mkdir()
    for path in files[:8]:
        shutil.copy(path, early)
    assert storescu(world.node.port, early, calling="LATE") == 0
    wait_for(ended(world.node, whole), 300, "the early part to end")
    assert storescu(world.node.port, whole, calling="LATE") == 0
    wait_for(ended(world.node, whole, 2), 300, "the whole to end")
    first, second = series_of(world.node, whole)
    assert second.follows == first.id
    assert (first.state, second.state) == ("committed", "committed")
    parts = output_uids(world.node, first), output_uids(world.node, second)
    assert [len(part) for part in parts] == [8, 12]
    arrived = [uid for uid in world.archive.uids() if uid in parts[0] | parts[1]]
    assert len(arrived) == len(set(arrived)) == 20


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
    refused = [
        series for series in ledger.in_states("refused") if series.series_uid == uid_of(path)
    ]
    ledger.close()
    assert any("other content" in series.reason for series in refused)


def with_new_uids(path: Path) -> Dataset:
    dataset = dcmread(path)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = generate_uid(), generate_uid()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
    return dataset


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

    received = {}
    for name in numbers.values():
        wait_for(ended(world.node, tmp_path / name), 300, "it to be passed on")
        (series,) = series_of(world.node, tmp_path / name)
        assert series.state == "committed"
        for path in (world.node.spool / "series" / str(series.id) / "received").iterdir():
            received[path.stem] = data_digest(path)
    assert received == sent
    arrived = world.archive.files(tmp_path / "arrived", sent)
    for uid in sent:  # Orthanc writes headers anew
        there, here = dcmread(arrived / f"{uid}.dcm"), dcmread(tmp_path / numbers[uid])
        assert there.file_meta.TransferSyntaxUID == here.file_meta.TransferSyntaxUID
        assert frame(there).rstrip(b"\0") == frame(here).rstrip(b"\0")


def dead_letter(world: World, phantom: Path, path: Path) -> Series:
    """An object that cannot be protected, sent, and what became of it."""
    dataset = with_new_uids(sorted(phantom.iterdir())[0])
    dataset.RescaleIntercept = ""
    del dataset.ImageOrientationPatient
    dataset.save_as(path)
    assert storescu(world.node.port, path, calling="DIVIDES") == 0
    wait_for(ended(world.node, path), 300, "the series to end")
    (series,) = series_of(world.node, path)
    return series


def times_kept(world: World, path: Path) -> int:
    """How often the plain receiver got an object."""
    uid = str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)
    kept = [dcmread(file, stop_before_pixels=True) for file in world.plain.kept.iterdir()]
    return [str(dataset.SOPInstanceUID) for dataset in kept].count(uid)


def test_what_cannot_be_protected_is_held_back_or_passed_on_as_its_destination_says(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    series = dead_letter(world, phantom, tmp_path / "single.dcm")
    assert series.state == "dead"
    assert series.reason.startswith("plain: held back: cannot be protected: ")
    for name in re.findall(r"received/\S+\.dcm", series.reason):
        assert (world.node.spool / "series" / str(series.id) / name).is_file()
    assert str(world.node.spool) not in series.reason
    assert times_kept(world, tmp_path / "single.dcm") == 1


def test_objects_that_are_no_ct_are_refused_unless_a_route_forwards_them(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mr.dcm"
    dataset = with_new_uids(sorted(phantom.iterdir())[0])
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(
        "1.2.840.10008.5.1.4.1.1.4"
    )
    dataset.save_as(path)
    assert send_raw(world.node.port, path, "PROTECTS") == 0x0122
    assert send_raw(world.node.port, path, "PASSES") == 0
    wait_for(ended(world.node, path), 300, "it to be forwarded")
    assert series_of(world.node, path)[0].state == "committed"


def test_what_cannot_be_read_is_told_once_in_the_log(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    """A sender of which nothing is taken is not to be looked for in vain."""
    (tmp_path / "broken").mkdir()
    for path in list(phantom.iterdir())[:3]:
        dataset = dcmread(path)
        del dataset.StudyInstanceUID
        dataset.save_as(tmp_path / "broken" / path.name)
    said = "answers LATE at 127.0.0.1 with C000: the object cannot be read, or has no UIDs"
    assert said not in world.node.log.read_text()
    storescu(world.node.port, tmp_path / "broken", "-nh", calling="LATE")
    assert world.node.log.read_text().count(said) == 1


def beside(phantom: Path, path: Path, **values: object) -> str:
    """An object of the phantom's series that is none of its slices; its UID."""
    dataset = dcmread(sorted(phantom.iterdir())[0])
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.save_as(path)
    return str(dataset.SOPInstanceUID)


def test_what_lies_beside_the_slices_arrives_and_takes_no_slice_with_it(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    sent = Path(shutil.copytree(phantom, tmp_path / "sent"))
    overview = beside(phantom, sent / "a.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    page = beside(
        phantom, sent / "z.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.7", ImageType=["DERIVED"]
    )
    assert storescu(world.node.port, sent, calling="MIXED") == 0
    wait_for(ended(world.node, phantom, 2), 300, "both to end")
    rows = sorted(series_of(world.node, phantom), key=lambda row: row.beside)
    assert [row.state for row in rows] == ["committed"] * 2
    assert "16 slices" in rows[0].note
    assert "forwarded as they are" in rows[1].note
    assert objects(world.node, rows[1]) == {overview, page}
    arrived = set(world.archive.uids())
    assert {overview, page} | output_uids(world.node, rows[0]) <= arrived
    assert not uids(phantom) & arrived


def test_a_series_of_an_overview_alone_goes_through(
    world: World, phantom: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.dcm"
    uid = beside(
        phantom, path, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesInstanceUID="1.2.3"
    )
    assert send_raw(world.node.port, path, "PROTECTS") == 0
    wait_for(ended(world.node, path), 300, "it to end")
    assert [row.state for row in series_of(world.node, path)] == ["committed"]
    assert uid in world.archive.uids()


def test_strangers_are_rejected_but_may_ask_for_an_echo(world: World, phantom: Path) -> None:
    strangers_may_only_echo(world.node.port, phantom)


def objects(node: NodeProcess, series: Series) -> set[str]:
    ledger = node.ledger()
    try:
        return set(ledger.objects(series.id))
    finally:
        ledger.close()


def test_a_sender_that_aborts_leaves_nothing_half_received(world: World, tmp_path: Path) -> None:
    whole = small_series(tmp_path / "abort")
    options = ["-aet", "PASSES", "-aec", "MITSGAN", "+sd", "+r", "--repeat", "200"]
    sender = subprocess.Popen(
        ["/usr/bin/storescu", *options, "127.0.0.1", str(world.node.port), str(whole)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: bool(series_of(world.node, whole)), 60, "the first object")
    sender.kill()
    sender.wait()
    wait_for(lambda: not list((world.node.spool / "incoming").iterdir()), 60, "an end")

    def all_ended() -> bool:
        return all(s.state == "committed" for s in series_of(world.node, whole))

    wait_for(all_ended, 300, "what was received to be passed on")
    received = [objects(world.node, series) for series in series_of(world.node, whole)]
    arrived = [uid for uid in world.archive.uids() if uid in uids(whole)]
    assert sorted(arrived) == sorted(set().union(*received))


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
        wait_for(lambda: "took a new" in world.node.log.read_text(), 60, "the reload")
        assert association.send_c_echo().Status == 0
        association.release()
        assert storescu(world.node.port, phantom, calling="NEWCOMER") == 0
        world.node.config.write_text(text.replace("port = ", "port = 1", 1))
        world.node.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "kept the old" in world.node.log.read_text(), 60, "the refusal")
        (line,) = [x for x in world.node.log.read_text().splitlines() if "kept the old" in x]
        assert "`port`" in line or "`listen`" in line  # a key, no option
    finally:
        world.node.config.write_text(text)
        world.node.process.send_signal(signal.SIGHUP)


def run(*arguments: str) -> tuple[int, str]:
    code = "import sys; from mitsgan.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "node", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=250)
    return ran.returncode, ran.stdout + ran.stderr


def test_commands_look_after_a_running_node(world: World, phantom: Path, tmp_path: Path) -> None:
    config = str(world.node.config)
    number = str(dead_letter(world, phantom, tmp_path / "single.dcm").id)
    code, text = run("queue", config, "--state", "dead")
    assert code == 0
    assert number in [line.split()[0] for line in text.splitlines() if " dead " in line]
    code, text = run("show", config, number)
    assert code == 0
    assert "to plain: dead" in text
    assert "to lenient: committed" in text
    assert "PHANTOM" not in text
    code, _ = run("export", config, number, str(tmp_path / "out"))
    assert code == 0
    assert len(list((tmp_path / "out" / "received").iterdir())) == 1
    code, text = run("export", config, number, str(tmp_path / "out"))
    assert code == 2
    assert text.endswith("out exists; name a folder that does not exist yet\n")
    code, text = run("retry", config, number)
    assert code == 0
    wait_for(ended(world.node, tmp_path / "single.dcm"), 300, "the second attempt to end")
    (series,) = series_of(world.node, tmp_path / "single.dcm")
    assert series.state == "dead"  # it still cannot be protected
    assert times_kept(world, tmp_path / "single.dcm") == 1
    assert run("retry", config, "999")[0] == 2
    assert run("show", str(tmp_path / "none.toml"), "1")[0] == 2
