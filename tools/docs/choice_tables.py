"""The table of docs/where-it-counts.md that sets protectors side by side, from what was measured
of each elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

import visibility_tables
import wave_tables
from density_tables import lung_means
from drawing import plain

from mitsgan.evaluate.report.formatting import Cell

# By the name of a benchmark, and by the one on the command line.
PROTECTORS = {
    "MITS-GAN": "mits-gan",
    "MITS-GAN with waves": "mits-gan-waves",
    "wave": "wave",
    "bias field": "bias-field",
    "keyed wave": "keyed-wave",
}
_SINGLE = ("comb", "notch", "flatten")
_RUN_AGAIN = {
    "mits-gan": "anybody",
    "mits-gan-waves": "anybody: the header tells the seed",
    "wave": "anybody: the header tells the seed",
}
"""Those that are drawn from the key are left out."""


def choice() -> str:
    """Each protector at 10 HU: over noise, the least on the scans, actions and pairs named."""
    columns = [
        "`--protector`",
        "injecting, over noise",
        "removing, over noise",
        "injecting, the worst of three filters",
        "injecting, all three filters",
        "mean of the lung moves by at most, HU",
        "as visible as JPEG 2000 of, lung window",
        "can be run again by",
    ]
    rows: list[list[Cell]] = []
    for name, kind in PROTECTORS.items():
        rows.append(
            [
                f"`{kind}`",
                _span(wave_tables.against(name, "inject", ["plain"])),
                _span(wave_tables.against(name, "remove", ["plain"])),
                f"{min(wave_tables.against(name, 'inject', _SINGLE)):.1f}",
                f"{min(wave_tables.against(name, 'inject', ['filters'])):.1f}",
                f"{max(lung_means(kind)):.1f}",
                visibility_tables.seen_in_lung_window(kind),
                _RUN_AGAIN.get(kind, "who has the key"),
            ]
        )
    return plain(columns, rows)


def _span(values: Iterable[float]) -> str:
    found = sorted(values)
    return f"{found[0]:.1f} to {found[-1]:.1f}"
