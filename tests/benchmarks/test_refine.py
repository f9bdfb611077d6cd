"""Parts of a refinement are measured anew beside those of the same scan, and of no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import refine
from measuring import result_head


def test_parts_of_another_scan_are_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "refine.json"
    earlier = json.dumps({**result_head("refinement"), "scan": "another", "lung": {"rows": []}})
    output.write_text(earlier)
    assert refine.main([str(tmp_path / "scan"), "--output", str(output), "--parts"]) == 2
    assert "another scan" in capsys.readouterr().err
    assert output.read_text() == earlier
