"""JSON beside scans: whole, valid, and without what JSON cannot say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from mitsgan.errors import OutputError
from mitsgan.jobs.outputs import check_file, scan_name, write_json, write_text


def test_what_is_not_finite_becomes_null(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"psnr": math.inf, "rows": [{"gain": math.nan}], "n": (1, 2)})
    read = json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert read == {"psnr": None, "rows": [{"gain": None}], "n": [1, 2]}


def test_keeps_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        write_json(tmp_path / "a.json", {})
    assert (tmp_path / "a.json").read_text() == "mine"


def test_a_file_is_not_replaced_unless_asked_and_never_what_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"kind": "example", "schema": 1})
    with pytest.raises(OutputError, match=r"`report` .*a\.json exists"):
        check_file(path, False, "report")
    check_file(path, True, "report")
    with pytest.raises(OutputError, match="exists"):
        write_text(path, "other")
    path.write_text("mine")
    with pytest.raises(OutputError, match="mitsgan did not make"):
        check_file(path, True, "report")


def test_what_cannot_be_a_file_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"`report` .* is a folder; name a file in it"):
        check_file(tmp_path, True, "report")
    with pytest.raises(OutputError, match=r"the folder .*none does not exist"):
        check_file(tmp_path / "none" / "a.json", False, "report")
    out = tmp_path / "out"
    out.mkdir()
    for inside in (out / "a.json", out / ".." / "out" / "a.json"):
        with pytest.raises(OutputError, match=r"lies in the output .*; name a file outside it"):
            check_file(inside, False, "report", beside=out)
    with pytest.raises(OutputError, match="lies in the output"):
        check_file(tmp_path / "a.json", False, "report", beside=tmp_path / "a.json")
    check_file(tmp_path / "out.json", False, "report", beside=tmp_path / "out")


def test_a_scan_has_a_name_even_as_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chest").mkdir()
    monkeypatch.chdir(tmp_path / "chest")
    assert scan_name(Path("some/where/lidc")) == "lidc"
    assert scan_name(Path()) == "chest"


def test_a_page_with_a_name_that_is_no_utf8_is_written(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert write_text(page, "m\udcfcller, ü\n") == len(page.read_bytes())
    assert page.read_text(encoding="utf-8") == "m\\udcfcller, ü\n"
