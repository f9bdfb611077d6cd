"""A small run as a benchmark leaves it, for tests of reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mitsgan.attack import Action
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.report.content import Report
from mitsgan.evaluate.report.pictures.gallery import ORIGINAL, Attack, Gallery
from mitsgan.scan.simulated import burn_in_hu

NAMES = (ORIGINAL, "ours <10 HU>", "noise")

_SHAPE = (12, 100, 104)
_PLANE = (128, 160)


def summary() -> dict[str, Any]:
    """JSON of a summary; a new one each time."""
    columns = [
        {"key": "protector", "label": "protector", "unit": ""},
        {"key": "n", "label": "n", "unit": "positions"},
        {"key": "median", "label": "median", "unit": "HU"},
        {"key": "worst", "label": "worst", "unit": "HU"},
    ]
    rows = [
        {"protector": "ours <10 HU>", "n": 48, "median": 33.125, "worst": 9.5},
        {"protector": "noise", "n": 48, "median": 120.0625, "worst": None},
        {"protector": "a|b", "n": 16, "median": 4.0, "worst": 2.25},
    ]
    points = [{"x": x, "y": 3.0 * x, "low": 2.0 * x, "high": 4.0 * x, "n": 48} for x in (2, 5, 10)]
    return {
        "schema": 1,
        "kind": "benchmark",
        "version": "1.2.3",
        "title": "A <small> benchmark",
        "command": "mitsgan benchmark tiny.toml --output run",
        "config_toml": 'seed = 3\nname = "<tiny>"\n',
        "config": {"seed": 3},
        "provenance": {
            "weights": [{"role": "protector", "name": "mitsgan", "sha256": "0123abcd" * 8}],
            "scans": [{"name": "chest", "shape": [9, 8, 7], "spacing_mm": [2.5, 0.7, 0.7]}],
            "seed": 3,
        },
        "headline": [
            {"label": "Disruption", "value": 33.125, "unit": "HU", "n": 48, "note": "median"},
            {"label": "Not there", "value": None, "unit": "HU", "n": None, "note": ""},
        ],
        "tables": [
            {"id": "main", "title": "All", "note": "Core.", "columns": columns, "rows": rows}
        ],
        "curves": [
            {
                "id": "budget",
                "title": "Disruption over the budget",
                "note": "bands: 95 % intervals",
                "x": {"label": "budget", "unit": "HU", "log": True},
                "y": {"label": "disruption", "unit": "HU", "log": False},
                "series": [
                    {"name": "ours <10 HU>", "points": points},
                    {"name": "noise", "points": [{"x": 2, "y": 1.0, "n": 48}, {"x": 10, "y": 5.0}]},
                ],
            }
        ],
        "gaps": ["LPIPS: no weights"],
    }


def report(value: dict[str, Any] | None = None) -> Report:
    """The summary, or another one, as a report."""
    return Benchmark.from_json(json.dumps(value or summary()), "here").report()


def gallery(action: Action) -> Gallery:
    """Noise around -800 HU; tampering adds a bright ball in the middle."""
    rng = np.random.default_rng(4)
    tampered = 1 if action == "inject" else -1
    volumes = []
    for shape in (_SHAPE, (1, *_PLANE)):
        scan = rng.normal(-800, 40, shape)
        stages = [scan, scan + rng.choice([-8, 8], shape), scan + rng.normal(0, 30, shape)]
        grid = np.indices(shape)
        centre = [n // 2 for n in shape]
        apart = sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True))
        ball = 300 * tampered * np.exp(-apart / 50)
        untouched = np.rint(np.stack(stages)).astype(np.int16)
        painted = [h + ball * (1 + 0.2 * i) for i, h in enumerate(stages)]
        marked = burn_in_hu(np.rint(np.stack(painted)).astype(np.int16))
        volumes.append(np.stack([untouched, marked]))
    attack = Attack(
        action=action,
        attacker="painter",
        scan="chest",
        names=NAMES,
        position=(20, 64, 80),
        world=(12.0, -30.0, 50.0),
        start=(14, 14, 28),
        spacing=(4.0, 0.8, 0.8),
        axes=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        cube=((16, 24), (44, 84), (60, 100)),
        disruption_hu=(0.0, 31.4, 62.8),
        perturbation_hu=(0.0, 8.0, 30.0),
    )
    return Gallery(attack, volumes[0], volumes[1][:, :, 0])


def write_run(folder: Path) -> Path:
    """The run as a folder."""
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(summary()))
    gallery("inject").save(folder / "gallery-inject.npz")
    gallery("remove").save(folder / "gallery-remove.npz")
    return folder
