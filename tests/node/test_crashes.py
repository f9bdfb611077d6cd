"""Node and archive are killed while series pass: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[2] / "benchmarks" / "node_campaign.py"

pytestmark = pytest.mark.slow


def test_what_was_acknowledged_arrives_once_whatever_is_killed(peers: None, tmp_path: Path) -> None:
    """The campaign as its command runs it, but small."""
    out = tmp_path / "campaign.json"
    options = "--series 4 --node-kills 3 --archive-kills 1 --quiet-seconds 4 --fuzz-seconds 2"
    command = [sys.executable, str(CAMPAIGN), "--output", str(out), *options.split()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stderr[-2000:]
    result = json.loads(out.read_text())
    count, slices = result["count"], result["plan"]["slices"]
    goes = count["series_that_came_in_two_goes"]
    assert count["kills"] == {"node": 3, "archive": 1}
    assert count["objects_acknowledged"] == 4 * slices
    assert count["series_committed"] == 4 + goes
    assert count["objects_that_arrived_twice"] <= slices * goes
    must_be_none = (
        "series_not_committed",
        "objects_missing",
        "equal_uids_in_archive",
        "originals_in_archive",
        "series_beyond_budget",
        "series_whose_seal_does_not_verify",
    )
    assert {name: count[name] for name in must_be_none} == dict.fromkeys(must_be_none, 0)
