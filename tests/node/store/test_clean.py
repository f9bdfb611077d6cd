"""What a node looks at once in a while, and what a changed configuration changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mitsgan.node.config import Destination, NodeConfig, Route
from mitsgan.node.service import Node
from mitsgan.node.store.deliveries import Deliveries, Plan
from mitsgan.node.store.spool import Header


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node that was not started."""
    route = Route(name="ct", action="pass", destinations=("pacs",))
    pacs = Destination(ae_title="PACS", address="127.0.0.1", port=104)
    node = Node(NodeConfig(spool=tmp_path, routes=(route,), destinations={"pacs": pacs}))
    yield node
    node.stop()


def test_an_object_that_is_moved_meanwhile_disturbs_nothing(node: Node) -> None:
    """It is listed, and has gone to its series when it is looked at."""
    (node.spool.incoming / "moved.dcm").symlink_to("nowhere")
    node.clean()


def test_series_for_a_destination_that_is_gone_end_after_a_new_start(node: Node) -> None:
    header = Header("1.2.3", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2", "1.2", "1.1")
    series = node.ledger.open_series(header, "ct", "CT", "127.0.0.1")
    node.ledger.enter(series, header, 10)
    node.ledger.move(series, "working", of=["received"])
    Deliveries(node.ledger).plan(series, {"old": Plan("received")}, "sending")
    node._complete_once()
    row = node.ledger.find(series)
    assert row is not None
    assert (row.state, "no such destination" in row.reason) == ("dead", True)


def test_the_longest_time_for_a_series_changes_while_the_node_runs(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "_add_forwarders", lambda: None)
    node.reload(replace(node.config, series_seconds=7200.0))
    assert node.worker.seconds == 7200
