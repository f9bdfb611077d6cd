"""The picture that `mitsgan evaluate --picture` draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mitsgan.atomic import atomic_output
from mitsgan.attack import Attacker
from mitsgan.evaluate.attacks.variants import variant
from mitsgan.evaluate.evaluation import Result
from mitsgan.evaluate.report.pictures.comparison import compare
from mitsgan.evaluate.report.pictures.overview import overview
from mitsgan.scan.scan import Scan


def write_overview(
    path: Path,
    original: Scan,
    protected: Scan,
    attackers: Sequence[Attacker],
    result: Result,
    *,
    overwrite: bool,
) -> None:
    """Draw, for each action, the measured position whose disruption is the (lower) median.

    Raises:
        OutputError: the file cannot be written.
    """
    config = result["config"]
    positions = [tuple(place["voxel"]) for place in result["positions"]]
    comparisons = []
    for attacker in attackers:
        worth = result["disruption"][attacker.action]["protected"]["positions_rmse_hu"]
        middle = sorted(range(len(worth)), key=worth.__getitem__)[(len(worth) - 1) // 2]
        comparisons.append(
            compare(
                original,
                protected,
                attacker,
                positions[middle],
                config["max_hu"],
                variant=variant(config["variant"]),
            )
        )
    drawn = overview(comparisons, f"{result['scan']['name']}, positions of median disruption.")
    with atomic_output(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(drawn)
