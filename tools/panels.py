"""The README's picture: three panels of docs/images/overview.png, which `mitsgan evaluate` drew.

python tools/panels.py
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PANELS = {
    "A scan": 0,
    "A nodule, painted in by a model": 3,
    "The same, into the protected scan": 4,
}
"""What panels show, by their column in the first row of the overview."""

_LEFT, _TOP, _SIDE, _STEP = 42, 39, 240, 253.6
"""Of the overview's first panel, its side, and from one column to the next, in pixels."""


def main() -> None:
    """Draw it."""
    overview = Image.open(IMAGES / "overview.png").convert("RGB")
    figure = Figure(figsize=(9.6, 3.5), dpi=125)
    FigureCanvasAgg(figure)
    for number, (title, column) in enumerate(PANELS.items(), 1):
        axes = figure.add_subplot(1, 3, number)
        left = round(_LEFT + column * _STEP)
        axes.imshow(
            overview.crop((left, _TOP, left + _SIDE, _TOP + _SIDE)), interpolation="bicubic"
        )
        axes.set_title(title, fontsize=11)
        axes.set_axis_off()
    message = (
        "Protection changes what is painted, but does not stop it; the seal shows that it was."
    )
    figure.text(0.5, 0.03, message, ha="center", fontsize=11)
    figure.subplots_adjust(left=0.01, right=0.99, top=0.91, bottom=0.1, wspace=0.03)
    figure.savefig(IMAGES / "panels.png", metadata={"Software": None})


if __name__ == "__main__":
    main()
