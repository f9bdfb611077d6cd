"""Tables and curves of docs/baselines.md: baselines trained for longer, from docs/results."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from drawing import draw_curves, is_stale, plain
from operating_tables import PUBLISHED
from result_tables import RESULTS

from mitsgan.attack import ACTIONS, Action
from mitsgan.evaluate.benchmark.paper_tables import BLOCKS, Block
from mitsgan.evaluate.metrics.metrics import Metrics
from mitsgan.evaluate.metrics.windows import HU
from mitsgan.evaluate.report.content import Axis, Curve, Point, Series
from mitsgan.evaluate.report.formatting import Cell
from mitsgan.evaluate.report.table import Column
from training_curve import Stop, TrainingCurve

PICTURE = RESULTS.parent / "images" / "training-curves.svg"

TRAININGS = ("mits-gan-paper", "mits-gan-paper-narrow", "tafim")
"""How results are called."""

_TITLE = "What a baseline adds, by how long it was trained"
_PUBLISHED_AS = {"mits-gan-paper": "MITS-GAN, as published", "tafim": "TAFIM, as published"}
_BLOCKS = {block.id: block for block in BLOCKS}
_SLICE, _SQUARE = (f"paper-{region}-protected" for region in ("slice", "square"))
_SLICE_AFTER, _SQUARE_AFTER = (f"paper-{region}-tampered" for region in ("slice", "square"))
_METRICS = (
    Column("", "RMSE", "HU", digits=0),
    Column("", "PSNR", "dB", digits=1),
    Column("", "LPIPS", digits=3),
    Column("", "SSIM", digits=3),
)


def results() -> list[TrainingCurve]:
    """Of each training."""
    return [TrainingCurve.read(RESULTS / f"curve-{name}.json") for name in TRAININGS]


def paper() -> str:
    """Both tables of the paper, metric by metric: as published, as it ships, trained for longer."""
    rows: list[list[Cell]] = []
    for block in (_BLOCKS[name] for name in (_SLICE, _SLICE_AFTER, _SQUARE, _SQUARE_AFTER)):
        attacked = block.id.endswith("tampered")
        actions: tuple[Action, ...] = ACTIONS if attacked else ACTIONS[:1]
        for name, trained in _by_protector().items():
            method = _PUBLISHED_AS[name]
            rows.append([block.title, method, "", "", *_metrics(PUBLISHED[block.id][method])])
            shown = [trained[0].shipped, *(result.stops[-1] for result in trained)]
            for action, stop in product(actions, shown):
                label = f"`{name}`, width {stop.width}, {_told(stop, shown[0])}"
                struck = action if attacked else ""
                metrics = _metrics(_block(stop, action, block))
                rows.append([block.title, label, struck, trained[0].positions, *metrics])
    columns = ("what", "whose", "attacked to", Column("", "slices"))
    return plain([*columns, *_METRICS], rows)


def stops() -> str:
    """What was measured at each stop."""
    rows: list[list[Cell]] = []
    for name, stop, told in _all_stops():
        slices, squares = (_block(stop, "inject", _BLOCKS[b]) for b in (_SLICE, _SQUARE))
        row: list[Cell] = [f"`{name}`", stop.width, told]
        row += [slices.rmse_hu, squares.rmse_hu, slices.ssim, slices.lpips]
        row += [_block(stop, a, _BLOCKS[_SQUARE_AFTER]).rmse_hu for a in ACTIONS]
        losses = ", ".join(f"{loss} {value:.3g}" for loss, value in stop.losses.items())
        rows.append([*row, losses])
    columns: list[str | Column] = ["baseline", Column("", "width"), "trained for"]
    columns += [Column("", f"{part}: RMSE", "HU", digits=0) for part in ("slices", "squares")]
    columns += [Column("", f"slices: {name}", digits=3) for name in ("SSIM", "LPIPS")]
    columns += [Column("", f"squares after `{a}`: RMSE", "HU", digits=0) for a in ACTIONS]
    return plain([*columns, "losses, last hundred steps"], rows)


def findings() -> str:
    """How far the whole slices moved from stop to stop, in words."""
    lines = []
    for result in results():
        name = result.protector
        slices = [
            (stop.steps or 0, _block(stop, "inject", _BLOCKS[_SLICE]).rmse_hu or 0.0)
            for stop in result.stops
        ]
        least_at, least = min(slices, key=lambda pair: pair[1])
        shipped = _block(result.shipped, "inject", _BLOCKS[_SLICE]).rmse_hu or 0.0
        published = PUBLISHED[_SLICE][_PUBLISHED_AS[name]].rmse_hu or 0.0
        (_, before), (last_at, last) = slices[-2:]
        lines.append(
            f"- **`{name}`, width {result.stops[0].width}**: after {last_at} steps whole slices "
            f"move by {last:.0f} HU RMSE ({shipped:.0f} as it ships, {published:.0f} as "
            f"published); least after {least_at} steps, {least:.0f} HU; over the last two stops it "
            f"went from {before:.0f} to {last:.0f} HU."
        )
    return "\n".join(lines)


def stale_picture() -> Iterator[Path]:
    """The plot, where it is not of the numbers in the results."""
    if is_stale(PICTURE, _curves()):
        yield PICTURE


def draw_picture() -> None:
    """Draw the plot anew if it is stale, as SVG."""
    draw_curves(PICTURE, _TITLE, _curves())


def _by_protector() -> dict[str, list[TrainingCurve]]:
    trained: dict[str, list[TrainingCurve]] = {}
    for result in results():
        trained.setdefault(result.protector, []).append(result)
    return trained


def _all_stops() -> Iterator[tuple[str, Stop, str]]:
    """Protector, weights and for how long they were trained, those that ship first."""
    for name, trained in _by_protector().items():
        shipped = trained[0].shipped
        for stop in (shipped, *(stop for result in trained for stop in result.stops)):
            yield name, stop, _told(stop, shipped)


def _told(stop: Stop, shipped: Stop) -> str:
    return "as it ships" if stop is shipped else f"{stop.steps} steps"


def _metrics(metrics: Metrics) -> list[Cell]:
    return [metrics.rmse_hu, metrics.psnr_db, metrics.lpips, metrics.ssim]


def _block(stop: Stop, action: Action, block: Block) -> Metrics:
    (row,) = (
        row
        for row in stop.blocks[action]
        if (row.compared, row.region) == (block.compared, block.region)
    )
    return row.windows[HU.name]


def _curves() -> list[Curve]:
    """A panel for each baseline."""
    return [
        Curve(
            id=f"training-{result.protector}-{result.stops[0].width}",
            title=f"{result.protector}, width {result.stops[0].width}",
            x=Axis("steps", log=True),
            y=Axis("RMSE, protected vs real", "HU", log=True),
            series=tuple(
                Series(
                    label,
                    tuple(
                        Point(
                            stop.steps or 0,
                            _block(stop, "inject", _BLOCKS[block]).rmse_hu or 0.0,
                            n=result.positions,
                        )
                        for stop in result.stops
                    ),
                )
                for label, block in (("whole slices", _SLICE), ("attacked squares", _SQUARE))
            ),
        )
        for result in results()
    ]
