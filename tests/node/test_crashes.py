"""Node and archive are killed while series pass: nothing acknowledged is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_campaign import Plan, campaign

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves a socket that was refused to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_what_was_acknowledged_arrives_once_whatever_is_killed(peers: None, tmp_path: Path) -> None:
    plan = Plan(series=4, node_kills=3, archive_kills=1, senders=3, quiet_seconds=4, fuzz_seconds=2)
    count = campaign(plan, tmp_path)
    assert count.kills == {"node": 3, "archive": 1}
    assert count.objects_acknowledged == 4 * plan.slices
    assert count.series_committed == 4 + count.series_that_came_in_two_goes
    assert count.series_not_committed == 0
    assert count.objects_missing == 0
    assert count.objects_that_arrived_twice <= plan.slices * count.series_that_came_in_two_goes
    assert count.equal_uids_in_archive == 0
    assert count.originals_in_archive == 0
    assert count.series_beyond_budget == 0
    assert count.series_whose_seal_does_not_verify == 0
