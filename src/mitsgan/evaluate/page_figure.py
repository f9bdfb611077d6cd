"""The figure of one comparison as HTML: six pictures a view, with scales and captions."""

from __future__ import annotations

from base64 import b64encode

from mitsgan.evaluate.report.formatting import colour_bar
from mitsgan.evaluate.report.pictures.burn_in import diverging_stops, png
from mitsgan.evaluate.report.pictures.comparison import (
    COLUMNS,
    DIFFERENCE_HU,
    LUNG_WINDOW,
    ZOOM_MM,
    Column,
    Comparison,
    Pixels,
)

_NOTES = {
    "axial slice": "the frame is what the zoomed views show",
    "axial zoom": f"{ZOOM_MM:.0f} mm wide",
    "coronal zoom": f"{ZOOM_MM:.0f} mm wide, head up",
}
_ALT = {
    "original": "the original scan",
    "protected": "the protected scan, which looks like the original",
    "perturbation": "the perturbation, protected minus original, in false colours",
    "tampered_original": "the original scan after simulated tampering",
    "tampered_protected": "the protected scan after simulated tampering",
    "difference": "the difference between the two tampered scans, in false colours",
}


def figure(comparison: Comparison) -> str:
    """All views of one comparison, with their scales."""
    views = []
    for view in comparison.views:
        pictures = "".join(
            _picture(column, pixels, view.name, comparison.action)
            for column, pixels in zip(COLUMNS, view.pictures, strict=True)
        )
        views.append(
            f'<p class="view">{view.name.capitalize()} <span>{_NOTES[view.name]}</span></p>\n'
            f'<div class="row">\n{pictures}</div>\n'
        )
    low, high = LUNG_WINDOW
    limit = comparison.perturbation_limit_hu
    stops = ", ".join(diverging_stops())
    scales = (
        colour_bar("CT (lung window)", low, high, "#000, #fff")
        + colour_bar("perturbation", -limit, limit, stops)
        + colour_bar("difference of tampered", -DIFFERENCE_HU, DIFFERENCE_HU, stops)
    )
    return (
        f'<figure>\n{"".join(views)}<div class="scales">{scales}</div>\n'
        "<figcaption>The attacker repaints 32 mm around the centre of the zoomed views, and blends "
        "them in. Perturbation is protected minus original; difference is tampered protected minus "
        "tampered original. Pictures are interpolated (bicubic).</figcaption>\n</figure>\n"
    )


def _picture(column: Column, pixels: Pixels, view: str, action: str) -> str:
    height, width = pixels.shape[:2]
    data = b64encode(png(pixels)).decode("ascii")
    return (
        f'<div><img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
        f'alt="{view.capitalize()}, {action}: {_ALT[column.key]}">'
        f"<span>{column.title}</span></div>\n"
    )
