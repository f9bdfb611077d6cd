"""Objects that have come: kept once, told apart, and entered again after a crash."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from pydicom import dcmread

from mitsgan.node.config import Destination, NodeConfig, Route
from mitsgan.node.processing.actions import Restoring
from mitsgan.node.recovery import recover
from mitsgan.node.store.incoming import IncomingFile
from mitsgan.node.store.intake import Intake, Taken
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import State
from mitsgan.node.store.spool import Spool, data_digest, read_header
from node_peers import renew


@dataclass
class Place:
    spool: Spool
    ledger: Ledger
    intake: Intake

    def arrive(self, source: Path) -> Path:
        """As if an object had been received to its end."""
        file = IncomingFile(self.spool.incoming)
        file.write(source.read_bytes())
        file.finish()
        file.close()
        return Path(file.name)

    def take(self, source: Path, *, repeats: bool = False) -> Taken:
        header = read_header(source)
        return self.intake.take(
            self.arrive(source), header, "ct", "CT1", "127.0.0.1", repeats=repeats
        )

    def kept(self) -> list[Path]:
        return sorted((self.spool.root / "series").glob("*/received/*.dcm"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    ledger = Ledger(spool.ledger)
    yield Place(spool, ledger, Intake(spool, ledger, 4))
    ledger.close()


@pytest.fixture
def source(phantom: Path) -> Path:
    return sorted(phantom.iterdir())[0]


def changed(source: Path, path: Path) -> Path:
    dataset = dcmread(source)
    dataset.PatientComments = "changed"
    dataset.save_as(path)
    return path


def test_an_object_is_kept_once(place: Place, source: Path) -> None:
    assert [place.take(source), place.take(source)] == ["new", "again"]
    (kept,) = place.kept()
    assert kept.read_bytes()[128:] == source.read_bytes()[128:]
    assert list(place.spool.incoming.iterdir()) == []


def test_another_content_is_told_apart(place: Place, source: Path, tmp_path: Path) -> None:
    place.take(source)
    assert place.take(changed(source, tmp_path / "changed.dcm")) == "other content"
    assert place.ledger.counts() == {"received": 1, "refused": 1}


def test_it_is_told_apart_after_the_files_have_gone(
    place: Place, source: Path, tmp_path: Path
) -> None:
    place.take(source)
    place.ledger.files_gone(1, {read_header(source).sop_uid: data_digest(source)})
    place.spool.remove(1)
    assert place.take(source) == "again"
    assert place.take(changed(source, tmp_path / "changed.dcm")) == "other content"
    assert place.kept() == []


def test_an_object_whose_file_somebody_removed_is_taken_anew(place: Place, source: Path) -> None:
    place.take(source)
    place.spool.remove(1)
    assert place.take(source) == "new"
    assert len(place.kept()) == 1


@pytest.mark.parametrize("repeats, taken", [(False, "again"), (True, "new")])
@pytest.mark.parametrize("state", ["committed", "dead"])
def test_what_has_ended_begins_anew_if_it_repeats(
    place: Place, source: Path, *, state: State, repeats: bool, taken: Taken
) -> None:
    """A reader who asks for an original once more gets it once more."""
    place.take(source)
    place.ledger.move(1, state, of=["received"])
    assert place.take(source, repeats=repeats) == taken
    states = [series.state for series in place.ledger.in_states()]
    if repeats:
        assert states == [state, "received"]
    else:  # a dead letter of which nothing was sent is taken up
        assert states == ["received" if state == "dead" else state]


def test_copies_sent_side_by_side_are_kept_once(place: Place, source: Path) -> None:
    taken: list[Taken] = []
    threads = [threading.Thread(target=lambda: taken.append(place.take(source))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == ["again"] * 7 + ["new"]
    assert len(place.kept()) == 1
    assert place.ledger.counts() == {"received": 1}


def config(place: Place, action: Literal["pass", "restore"] = "pass") -> NodeConfig:
    how = Restoring(private_key=Path("key")) if action == "restore" else None
    route = Route(name="ct", action=action, destinations=("pacs",), restore=how, calling=("CT1",))
    pacs = Destination(ae_title="PACS", address="127.0.0.1", port=104)
    return NodeConfig(spool=place.spool.root, routes=(route,), destinations={"pacs": pacs})


def test_what_only_the_spool_knows_is_entered_if_it_is_whole(place: Place, phantom: Path) -> None:
    files = sorted(phantom.iterdir())
    place.take(files[0])
    folder = place.spool.received(1)
    for source in files[1:3]:  # on the disk, and then the node was killed
        shutil.move(place.arrive(source), folder / f"{read_header(source).sop_uid}.dcm")
    torn = folder / f"{read_header(files[2]).sop_uid}.dcm"
    torn.write_bytes(torn.read_bytes()[:-1])
    assert recover(place.spool, place.ledger, place.intake, config(place)) == 1
    assert set(place.ledger.objects(1)) == {read_header(path).sop_uid for path in files[:2]}
    assert not torn.exists()
    assert place.take(files[1]) == "again"
    assert place.take(files[2]) == "new"


def series_of(phantom: Path, folder: Path) -> Path:
    """The first slice of a series of its own."""
    return sorted(renew(phantom, folder).iterdir())[0]


def opened(place: Place, path: Path) -> Iterator[Place]:
    """The spool with another ledger."""
    ledger = Ledger(path)
    yield Place(place.spool, ledger, Intake(place.spool, ledger, 4))
    ledger.close()


@pytest.mark.parametrize("how", ["older", "new"])
def test_series_that_the_ledger_lacks_are_entered_whoever_lost_it(
    place: Place, phantom: Path, tmp_path: Path, how: str
) -> None:
    """They were acknowledged, and lie nowhere else."""
    sources = [series_of(phantom, tmp_path / f"series-{number}") for number in range(4)]
    path = tmp_path / "other.sqlite"
    for number, source in enumerate(sources):
        assert place.take(source) == "new"
        if number == 0 and how == "older":
            with closing(sqlite3.connect(path)) as copy:
                place.ledger._connection.backup(copy)
    place.spool.remove(2)  # it was committed long ago, so numbers have a gap
    shutil.copytree(place.spool.received(3), place.spool.protected(3))
    for other in opened(place, path):
        entered = recover(place.spool, other.ledger, other.intake, config(place))
        assert entered == (2 if how == "older" else 3)
        found = {s.series_uid: s for s in other.ledger.in_states("received")}
        lost = [read_header(source).series_uid for source in (sources[0], *sources[2:])]
        assert set(found) == set(lost)
        for series in found.values():
            assert (series.route, series.calling, series.address) == ("ct", "CT1", "127.0.0.1")
            assert len(list(place.spool.received(series.id).iterdir())) == 1
            assert not place.spool.protected(series.id).exists()
        assert {series.id for series in found.values()} == set(place.spool.numbers())
        assert other.take(sources[3]) == "again"
        assert recover(place.spool, other.ledger, other.intake, config(place)) == 0


def test_a_series_that_does_not_tell_its_route_stays(
    place: Place, source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place.take(source)
    (place.spool.folder(1) / "origin.json").unlink()
    for other in opened(place, tmp_path / "new.sqlite"):
        with caplog.at_level(logging.ERROR, "mitsgan.node"):
            assert recover(place.spool, other.ledger, other.intake, config(place)) == 0
        assert len(place.kept()) == 1
        assert str(place.spool.folder(1)) in caplog.text
        assert other.take(source) == "new"
        assert len(place.kept()) == 2


def test_files_without_a_row_go_for_nobody_was_told_that_they_came(
    place: Place, source: Path
) -> None:
    place.take(source)
    folder = place.spool.received(7)
    folder.mkdir(parents=True)
    shutil.copy(source, folder / f"{read_header(source).sop_uid}.dcm")
    assert recover(place.spool, place.ledger, place.intake, config(place)) == 0
    assert not place.spool.folder(7).exists()
    assert len(place.kept()) == 1


@pytest.mark.parametrize("action", ["pass", "restore"])
def test_what_a_crash_left_of_a_repeated_series_begins_it_anew(
    place: Place, phantom: Path, action: Literal["pass", "restore"]
) -> None:
    """As it would have, had the node not been killed between disk and ledger."""
    source, other = sorted(phantom.iterdir())[:2]
    place.take(source)
    place.ledger.move(1, "committed", of=["received"])
    late = place.ledger.open_series(read_header(other), "ct", "CT1", "127.0.0.1")
    place.spool.place(place.arrive(source), late, read_header(source).sop_uid)
    recover(place.spool, place.ledger, place.intake, config(place, action))
    assert [bool(place.ledger.objects(number)) for number in (1, late)] == [
        True,
        action == "restore",
    ]


def test_files_that_were_to_go_when_the_node_was_killed_go(place: Place, source: Path) -> None:
    """They are of a patient, and nobody would look at them again."""
    assert place.take(source) == "new"
    place.ledger.files_gone(1, {source.stem: "ab"})
    assert recover(place.spool, place.ledger, place.intake, config(place)) == 0
    assert not place.spool.folder(1).exists()


@pytest.mark.parametrize(
    "tag, value", [("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), ("SamplesPerPixel", 3)]
)
def test_what_protecting_leaves_out_is_an_entry_of_its_own(
    place: Place, phantom: Path, tmp_path: Path, tag: str, value: object
) -> None:
    """It would be acknowledged, and go with the files of the slices."""
    first, second = sorted(phantom.iterdir())[:2]
    dataset = dcmread(second)
    setattr(dataset, tag, value)
    dataset.save_as(tmp_path / "beside.dcm")
    assert [place.take(first), place.take(tmp_path / "beside.dcm")] == ["new", "new"]
    assert [series.beside for series in place.ledger.in_states()] == [0, 1]
