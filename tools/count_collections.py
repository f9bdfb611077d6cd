"""Count what `mitsgan data fetch` can get: docs/results/chest-ct.json.

`python tools/count_collections.py` needs `pip install 'mitsgan[idc]'`, whose catalogue it asks; no
network.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from mitsgan.training.data.collections import SOURCES, Catalogue, count
from mitsgan.training.data.fetch import idc_client

OUTPUT = Path(__file__).parents[1] / "docs" / "results" / "chest-ct.json"


def counted(catalogue: Catalogue, release: str) -> dict[str, object]:
    """Every collection with what is taken of it.

    Args:
        catalogue: of the Imaging Data Commons.
        release: of the catalogue.
    """
    collections = [
        {"name": name, **asdict(source), **asdict(count(catalogue, source))}
        for name, source in SOURCES.items()
    ]
    return {
        "schema": 1,
        "kind": "chest-ct",
        "catalogue": release,
        "command": "python tools/count_collections.py",
        "collections": collections,
    }


def main() -> int:
    """Count, and write."""
    tree = counted(idc_client(), f"idc-index-data {version('idc-index-data')}")
    OUTPUT.write_text(json.dumps(tree, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
