"""Dead letters from outside, the node running or not."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from mitsgan.cli.main import main
from mitsgan.node.store.deliveries import HELD, Deliveries, Plan
from mitsgan.node.store.ledger import Ledger
from mitsgan.node.store.ledger_schema import State
from mitsgan.node.store.spool import Header, Spool

CONFIG = """
spool = "."
routes = [{ name = "ct", action = "pass", destinations = ["pacs"] }]
destinations.pacs = { ae_title = "PACS", address = "127.0.0.1", port = 104 }
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Of a node that has two dead letters, and has sent two series."""
    (tmp_path / "node.toml").write_text(CONFIG)
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        deliveries = Deliveries(ledger)
        for uid in ("1.1", "1.2", "1.3", "1.4"):
            header = Header(f"{uid}.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2", uid, "2")
            series = ledger.open_series(header, "ct", "CT1", "127.0.0.1")
            ledger.enter(series, header, 10)
            folder = Spool(tmp_path).received(series)
            folder.mkdir(parents=True)
            (folder / f"{uid}.1.dcm").write_bytes(b"slice")
            deliveries.plan(series, {"pacs": Plan("received")}, "sending")
            (delivery,) = deliveries.of(series)
            deliveries.advance(delivery, "committed" if series > 2 else "dead", reason="away")
    return str(tmp_path / "node.toml")


def numbers(config: str) -> list[int]:
    """Series that have a folder."""
    return sorted(Spool(Path(config).parent).numbers())


def states(config: str) -> list[State]:
    with closing(Ledger(Path(config).parent / "ledger.sqlite")) as ledger:
        return [series.state for series in ledger.in_states()]


def test_all_are_taken_up_at_once(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert states(config) == ["dead", "dead", "committed", "committed"]
    assert main(["node", "retry", config, "--all"]) == 0
    assert capsys.readouterr().out == "2 dead letters taken up again\n"
    assert states(config) == ["sending", "sending", "committed", "committed"]


def test_one_is_taken_up_alone(config: str) -> None:
    assert main(["node", "retry", config, "2"]) == 0
    assert states(config) == ["dead", "sending", "committed", "committed"]


@pytest.mark.parametrize("more", [[], ["1", "--all"]])
def test_which_of_them_is_to_be_said(
    config: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["node", "retry", config, *more]) == 2
    assert "give the number of a dead letter, or --all" in capsys.readouterr().err
    assert states(config)[:2] == ["dead", "dead"]


def test_what_is_discarded_is_gone_and_may_come_anew(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["node", "discard", config, "2"]) == 2
    told = capsys.readouterr()
    assert "away" in told.out
    assert "--yes deletes it" in told.err
    assert numbers(config) == [1, 2, 3, 4]
    assert main(["node", "discard", config, "2", "--yes"]) == 0
    assert states(config) == ["dead", "discarded", "committed", "committed"]
    assert numbers(config) == [1, 3, 4]
    for other in ("2", "3"):
        assert main(["node", "discard", config, other, "--yes"]) == 2
        assert "no dead letter" in capsys.readouterr().err
    assert main(["node", "retry", config, "--all"]) == 0
    assert states(config) == ["sending", "discarded", "committed", "committed"]
    with closing(Ledger(Path(config).parent / "ledger.sqlite")) as ledger:
        assert ledger.known("1.2", "ct", "1.2.1") is None, "it was never passed on"
        header = Header("1.2.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2", "1.2", "2")
        series = ledger.find(ledger.open_series(header, "ct", "CT1", "127.0.0.1"))
        assert series is not None
        assert (series.id, series.follows) == (5, None)
        assert ledger.known("1.3", "ct", "1.3.1") is not None


def test_a_destination_that_was_given_up_is_tried_again_while_another_is_away(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What refused it was mended; nobody waits a day for the other one."""
    with closing(Ledger(Path(config).parent / "ledger.sqlite")) as ledger:
        deliveries = Deliveries(ledger)
        plans = {
            "held": Plan("received", f"{HELD}the mark says tampered"),
            "pacs": Plan("received"),
            "web": Plan("received"),
        }
        deliveries.plan(1, plans, "sending")
        _, pacs, _ = deliveries.of(1)
        deliveries.advance(pacs, "dead", reason="answered STOW-RS with 413")
    assert states(config)[0] == "sending"
    assert main(["node", "retry", config, "1"]) == 0
    with closing(Ledger(Path(config).parent / "ledger.sqlite")) as ledger:
        listed = Deliveries(ledger).of(1)
    assert [delivery.state for delivery in listed] == ["dead", "pending", "pending"]
    assert states(config)[0] == "sending"
    assert main(["node", "retry", config, "1"]) == 2
    assert "no dead letter" in capsys.readouterr().err
