"""Fetching, with a catalogue and a network that are played."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from mitsgan.errors import DataError, MissingExtraError, OutputError
from mitsgan.training.data.fetch import (
    Client,
    Series,
    check_network,
    choose_series,
    fetch,
    idc_client,
)


class Rows:
    """As much of a data frame as is needed."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return self.rows


class Played:
    """Four patients, of whom the second has two series; files come until ``breaks_after``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.queries: list[str] = []
        self.breaks_after: int | None = None
        self.raises: Exception | None = None

    def sql_query(self, sql_query: str) -> Rows:
        self.queries.append(sql_query)
        names = ["P-0004", "P-0001", "P-0002", "P-0002", "P-0003"]
        return Rows(
            [
                {
                    "PatientID": name,
                    "SeriesInstanceUID": f"1.2.{number}",
                    "instanceCount": 3,
                    "series_size_MB": 1.5,
                    "license_short_name": "CC BY 3.0",
                    "source_DOI": "10.1/x",
                }
                for number, name in enumerate(names)
            ]
        )

    def download_from_selection(self, downloadDir: str, **options: Any) -> None:  # noqa: N803
        self.asked.append(options["seriesInstanceUID"])
        folder = Path(downloadDir)
        there = len(list(folder.iterdir()))
        assert options["use_s5cmd_sync"] == (there > 0)
        for number in range(3):
            if self.raises is not None and number == 1:
                raise self.raises
            if self.breaks_after is not None and number >= self.breaks_after:
                return
            (folder / f"{number}.dcm").write_bytes(b"x")


@pytest.fixture
def client() -> Played:
    return Played()


def get(client: Client, folder: Path, patients: int = 2, skip: int = 0) -> tuple[int, int]:
    series = choose_series(client, "lidc", patients, skip)
    return fetch(client, "lidc", series, folder, check=lambda: None)


def names(series: list[Series]) -> list[str]:
    return sorted({one.patient for one in series})


def test_patients_come_in_order_and_whole(client: Played) -> None:
    chosen = choose_series(client, "lidc", 2, 0)
    assert names(chosen) == ["P-0001", "P-0002"]
    assert len(chosen) == 3
    assert names(choose_series(client, "lidc", 3, 0))[:2] == names(chosen)
    assert names(choose_series(client, "lidc", 1, 2)) == ["P-0003"]
    assert "collection_id = 'lidc_idri' AND Modality = 'CT'" in client.queries[0]


def test_no_more_than_there_are(client: Played) -> None:
    with pytest.raises(DataError, match="has 4 patients with CT in lidc_idri; 3 after the first 2"):
        choose_series(client, "lidc", 3, 2)


def test_fetches_once_and_adds(client: Played, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "lidc"
    assert get(client, folder, 1) == (1, 0)
    first = folder / "P-0001" / "1.2.1"
    assert len(list(first.iterdir())) == 3
    (first / "0.dcm").write_bytes(b"mine")
    assert get(client, folder, 2) == (2, 1)
    assert client.asked == ["1.2.1", "1.2.2", "1.2.3"]
    assert (first / "0.dcm").read_bytes() == b"mine"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [one["folder"] for one in manifest["series"]] == [
        "P-0001/1.2.1",
        "P-0002/1.2.2",
        "P-0002/1.2.3",
    ]
    assert manifest["series"][0]["licence"] == "CC BY 3.0"
    assert "10.7937/K9/TCIA.2015.LO9QL9SX" in manifest["citation"]
    assert sorted(p.name for p in folder.iterdir()) == ["P-0001", "P-0002", "manifest.json"]


def test_a_lost_manifest_is_made_again(client: Played, tmp_path: Path) -> None:
    get(client, tmp_path, 1)
    (tmp_path / "manifest.json").unlink()
    assert get(client, tmp_path, 1) == (0, 1)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert [one["uid"] for one in manifest["series"]] == ["1.2.1"]


@pytest.mark.parametrize("how", ["fewer", "raises", "interrupt"])
def test_a_broken_download_goes_on(client: Played, tmp_path: Path, how: str) -> None:
    expected: type[BaseException] = DataError
    if how == "fewer":
        client.breaks_after = 1
    elif how == "raises":
        client.raises = RuntimeError("boom")
    else:
        client.raises = KeyboardInterrupt()  # type: ignore[assignment]
        expected = KeyboardInterrupt
    with pytest.raises(expected) as raised:
        get(client, tmp_path, 1)
    if how != "interrupt":
        assert "give the same command again" in str(raised.value)
    assert not (tmp_path / "P-0001").exists()
    client.breaks_after, client.raises = None, None
    assert get(client, tmp_path, 1) == (1, 0)
    assert len(list((tmp_path / "P-0001" / "1.2.1").iterdir())) == 3
    assert not (tmp_path / ".partial").exists()


def test_changed_scans_are_not_touched(client: Played, tmp_path: Path) -> None:
    get(client, tmp_path, 1)
    (tmp_path / "P-0001" / "1.2.1" / "0.dcm").unlink()
    with pytest.raises(DataError, match="holds 2 files, where the series has 3"):
        get(client, tmp_path, 2)
    assert client.asked == ["1.2.1"]


def test_another_manifest_is_not_overwritten(client: Played, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("[1, 2]")
    with pytest.raises(DataError, match="no manifest of fetched scans"):
        get(client, tmp_path)
    assert (tmp_path / "manifest.json").read_text() == "[1, 2]"


def test_another_collection_gets_a_folder_of_its_own(client: Played, tmp_path: Path) -> None:
    get(client, tmp_path, 1)
    before = (tmp_path / "manifest.json").read_bytes()
    series = choose_series(client, "nlst", 2, 0)
    with pytest.raises(DataError, match=r"holds scans of lidc_idri, .* another folder"):
        fetch(client, "nlst", series, tmp_path, check=lambda: None)
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_full_disk(client: Played, tmp_path: Path) -> None:
    client.raises = OSError(28, "No space left on device")
    with pytest.raises(OutputError, match="the disk is full"):
        get(client, tmp_path)


def test_no_network(client: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    series = choose_series(client, "lidc", 1, 0)
    with pytest.raises(DataError, match=r"cannot be reached \(Name or service not known\)"):
        fetch(client, "lidc", series, tmp_path / "new")
    assert client.asked == []
    assert not (tmp_path / "new").exists()

    def forbid(*_: object, **__: object) -> None:
        raise urllib.error.HTTPError("url", 403, "Forbidden", None, None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", forbid)
    check_network()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "idc_index", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mitsgan\[idc\]'"):
        idc_client()
