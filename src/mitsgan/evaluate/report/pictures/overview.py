"""The comparisons of a scan as one picture, for papers and front pages."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mitsgan.evaluate.report.pictures.comparison import (
    COLUMNS,
    DIFFERENCE_HU,
    LUNG_WINDOW,
    Comparison,
)

DPI = 130


def overview(comparisons: Sequence[Comparison], caption: str) -> bytes:
    """Draw zoomed views of every comparison, one row a view, as PNG.

    Args:
        comparisons: at least one.
        caption: about scan and weights, below; windows and scales are added.
    """
    rows = [(c, view) for c in comparisons for view in c.views if view.name != "axial slice"]
    width, side = 12.0, 12.0 / (len(COLUMNS) + 0.35)
    height = side * len(rows) + 0.75
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), len(COLUMNS), squeeze=False)
    figure.subplots_adjust(
        left=0.3 / width,
        right=1 - 0.05 / width,
        top=1 - 0.3 / height,
        bottom=0.45 / height,
        wspace=0.03,
        hspace=0.03,
    )
    for row, (comparison, view) in enumerate(rows):
        for column, (what, pixels) in enumerate(zip(COLUMNS, view.pictures, strict=True)):
            axes = grid[row, column]
            axes.imshow(pixels, interpolation="none")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if row == 0:
                axes.set_title(what.title, fontsize=10)
            if column == 0:
                plane = view.name.split()[0]
                axes.set_ylabel(f"{comparison.action}, {plane}", fontsize=10)
    low, high = LUNG_WINDOW
    worth = "; ".join(f"{c.action} {c.disruption_hu:.0f} HU" for c in comparisons)
    limit = comparisons[0].perturbation_limit_hu
    figure.text(
        0.3 / width,
        0.22 / height,
        f"{caption}  Window {low:.0f} to {high:.0f} HU, perturbation ±{limit:g} HU, "
        f"difference ±{DIFFERENCE_HU:.0f} HU.  Disruption of the core: {worth}.",
        fontsize=8.5,
        verticalalignment="center",
        wrap=True,
    )
    held = BytesIO()
    figure.savefig(held, dpi=DPI)
    return held.getvalue()
