"""Public collections: what is asked of the catalogue, and that docs count what code takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.training.data.test_fetch import Played, Rows

from mitsgan.training.data.collections import SOURCES, Collection, Count, count
from mitsgan.training.data.fetch import choose_series, fetch

COUNTED = Path(__file__).parents[3] / "docs" / "results" / "chest-ct.json"


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_fetched_is_what_is_selected_with_its_citation(
    name: Collection, tmp_path: Path
) -> None:
    client, source = Played(), SOURCES[name]
    series = choose_series(client, name, 1, 0)
    fetch(client, name, series, tmp_path, check=lambda: None)
    (query,) = client.queries
    assert f"collection_id = '{source.collection_id}' AND Modality = 'CT'" in query
    assert source.where in query
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["citation"] == source.citation
    assert manifest["series"][0]["licence"] == "CC BY 3.0"
    assert re.search(r"https://doi\.org/10\.7937/\S+$", source.citation)


def test_the_counts_in_the_docs_are_of_these_selections() -> None:
    counted = json.loads(COUNTED.read_text())["collections"]
    assert [one["name"] for one in counted] == list(SOURCES)
    for one in counted:
        source = SOURCES[one["name"]]
        assert (one["collection_id"], one["where"]) == (source.collection_id, source.where)
        assert one["citation"] == source.citation
        assert one["series"] >= one["patients"] > 0


def test_licences_are_counted_together() -> None:
    class Catalogue:
        def sql_query(self, sql_query: str) -> Any:
            assert "GROUP BY license_short_name" in sql_query
            keys = ("license_short_name", "patients", "series", "gigabytes")
            rows = [("CC BY 3.0", 2, 3, 0.44), ("CC BY 4.0", 1, 1, 0.26)]
            return Rows([dict(zip(keys, row, strict=True)) for row in rows])

    expected = Count(patients=3, series=4, gigabytes=0.7, licences=("CC BY 3.0", "CC BY 4.0"))
    assert count(Catalogue(), SOURCES["nlst"]) == expected
