"""The table of public chest CTs in docs/training-data.md, from docs/results/chest-ct.json."""

from __future__ import annotations

import json

from drawing import plain
from result_tables import RESULTS

from mitsgan.evaluate.report.table import Column


def chest_ct() -> str:
    """Every collection that can be fetched: how much it is, how free, and what is owed."""
    tree = json.loads((RESULTS / "chest-ct.json").read_text("utf-8"))
    columns = (
        *("command", "collection"),
        Column("", "patients"),
        Column("", "series"),
        Column("", "size", "GB", digits=0),
        *("licence", "cite"),
    )
    return plain(
        columns,
        [
            (
                f"`{one['name']}`",
                one["title"],
                one["patients"],
                one["series"],
                one["gigabytes"],
                ", ".join(one["licences"]),
                one["citation"],
            )
            for one in tree["collections"]
        ],
    )
