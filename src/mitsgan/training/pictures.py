"""Evidence of a training: loss curves, and what the attacker paints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from mitsgan import __version__
from mitsgan.attack import Attacker, Strikes, plan_attack
from mitsgan.scan.scan import Scan
from mitsgan.training.data.cubes import Volume, volumes
from mitsgan.training.loop import read_losses

LUNG_WINDOW = (-1350.0, 150.0)
_DIFFERENCE_HU = 300.0
_PLANES = ("axial", "coronal", "sagittal")


def loss_curve(folder: Path, path: Path) -> None:
    """Draw every loss of the run in ``folder`` over its steps, as PNG to ``path``."""
    rows = read_losses(folder)
    names = [name for name in rows[0] if name != "step"]
    figure = Figure(figsize=(4 * len(names), 3), layout="constrained")
    FigureCanvasAgg(figure)
    steps = np.asarray([row["step"] for row in rows])
    for axes, name in zip(np.ravel(figure.subplots(1, len(names))), names, strict=True):
        values = np.asarray([row[name] for row in rows])
        axes.plot(steps, values, color="0.8", linewidth=0.5)
        axes.plot(steps, _smooth(values), color="tab:blue", linewidth=1.2)
        axes.set(title=name, xlabel="step")
        low, high = np.percentile(values, (0.5, 99.5))
        if low < high:
            axes.set_ylim(low, high)
    figure.savefig(path, dpi=110, metadata={"Software": f"mitsgan {__version__}"})


def sample_sheet(
    attacker: Attacker, scans: Sequence[Scan], path: Path, *, rows: int = 4, seed: int = 0
) -> None:
    """Draw original, tampered and difference in three planes at random lung positions, as PNG.

    Every tampered picture says SIMULATED.
    """
    rng = np.random.default_rng(seed)
    lungs = volumes(scans, thicknesses=())
    figure = Figure(figsize=(14, 1.6 * rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, 9, squeeze=False)
    for row in range(rows):
        before, after, aspect = _tampered(attacker, lungs[row % len(lungs)], rng)
        for plane, name in enumerate(_PLANES):
            middle = [_middle(v, plane) for v in (before, after, after - before)]
            for k, image in enumerate(middle):
                axes = grid[row, 3 * plane + k]
                low, high = LUNG_WINDOW if k < 2 else (-_DIFFERENCE_HU, _DIFFERENCE_HU)
                axes.imshow(
                    image,
                    cmap="gray" if k < 2 else "coolwarm",
                    vmin=low,
                    vmax=high,
                    aspect=aspect if plane else 1,
                    origin="upper" if plane == 0 else "lower",
                )
                axes.set(xticks=[], yticks=[])
                if k:
                    axes.text(
                        0.03,
                        0.97,
                        "SIMULATED",
                        color="yellow",
                        fontsize=6,
                        va="top",
                        transform=axes.transAxes,
                    )
                if row == 0:
                    title = (
                        f"{name}: original",
                        "tampered",
                        f"difference, ±{_DIFFERENCE_HU:.0f} HU",
                    )
                    axes.set_title(title[k], fontsize=8)
    low, high = LUNG_WINDOW
    figure.suptitle(f"{attacker.name}, unseen positions; window {low:.0f} to {high:.0f} HU", size=9)
    figure.savefig(path, dpi=110, metadata={"Software": f"mitsgan {__version__}"})


def _tampered(
    attacker: Attacker, volume: Volume, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    position = volume.position(rng)
    plan = plan_attack(volume.hu.numpy(), volume.spacing, position, attacker.action)
    with torch.no_grad():
        (outcome,) = Strikes.at(volume.hu, [plan], attacker).outcomes()
    before, after = outcome.changed.before[0], outcome.tampered[0]
    return _array(before), _array(after), volume.spacing[0] / volume.spacing[1]


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.numpy())


def _middle(block: NDArray[np.float32], plane: int) -> NDArray[np.float32]:
    return np.asarray(np.take(block, block.shape[plane] // 2, axis=plane))


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    width = max(1, min(101, len(values) // 10))
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")
