"""Bring JSON of `mitsgan evaluate` and `evaluate-mark` from before their schema to schema 1.

    python tools/upgrade_results.py FILE...

No value changes, but the intervals of rates, which SciPy computes to more digits.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mitsgan.evaluate.mark.result import MarkEvaluation
from mitsgan.evaluate.result import Evaluation
from mitsgan.evaluate.statistics import rate

Json = dict[str, Any]

_BESIDE_CASES = ("name", "sha256", "replaced_ml", "one at a time")


def evaluation(tree: Json) -> Json:
    """An evaluation of a protection."""
    return {"schema": Evaluation.SCHEMA, "kind": Evaluation.KIND, **tree}


def mark_evaluation(tree: Json) -> Json:
    """An evaluation of the mark: cases of attacks apart from what else is said of them, no bars."""
    attacks = {
        action: {
            "name": old["name"],
            "sha256": old["sha256"],
            "replaced_ml": old["replaced_ml"],
            "cases": {title: case for title, case in old.items() if title not in _BESIDE_CASES},
            "one_at_a_time": old["one at a time"],
        }
        for action, old in tree["attacks"].items()
    }
    kept = {key: value for key, value in tree.items() if key != "bars"}
    upgraded = {**kept, "attacks": attacks}
    return {
        "schema": MarkEvaluation.SCHEMA,
        "kind": MarkEvaluation.KIND,
        **_with_intervals(upgraded),
    }


def _with_intervals(value: Any) -> Any:
    """The same with the intervals of all rates computed anew."""
    if isinstance(value, list):
        return [_with_intervals(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() >= {"count", "n"}:
        row = rate(value["count"], value["n"])
        return {"count": row.count, "n": row.n, "rate": row.rate, "interval_95": row.interval_95}
    return {key: _with_intervals(item) for key, item in value.items()}


def main() -> None:
    """Upgrade files in place; those that need it not stay as they are."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("files", type=Path, nargs="+")
    for path in parser.parse_args().files:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if "schema" in tree:
            print(f"{path}: schema {tree['schema']} already")
            continue
        if "fidelity" in tree:
            text = Evaluation.from_json(json.dumps(evaluation(tree)), str(path)).to_json()
        else:
            text = MarkEvaluation.from_json(json.dumps(mark_evaluation(tree)), str(path)).to_json()
        path.write_text(text, encoding="utf-8")
        print(f"{path}: upgraded")


if __name__ == "__main__":
    main()
