"""One attack on a scan and on its protected versions, kept for pictures: voxels around it.

A run leaves galleries beside its numbers, so that a report can be drawn without the scans.
Whatever the attacker had a hand in carries SIMULATED in its voxels.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.atomic import atomic_output
from mitsgan.attack import (
    Action,
    Attacker,
    Plan,
    Strikes,
    Variant,
    cut_plans,
    paste_block,
    tamper_cut,
)
from mitsgan.attack.strikes import rms
from mitsgan.errors import ResultError, ScanError
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import burn_in_hu
from mitsgan.typed import convert, parse_json, to_json, to_tree

_SCHEMA = 1

ORIGINAL = "original"
"""The name under which the scan itself stands before its protected versions."""

SIDE_MM = 80.0
"""Side of the region that is kept: twice that of the block that an attack changes."""

_LEAST = 96
"""Voxels that the region has in plane at least, where the scan does: else no letters fit."""

_LOWEST_HU, _HIGHEST_HU = -1024.0, 32767.0

Triple = tuple[int, int, int]
World = tuple[float, float, float]


@dataclass(frozen=True)
class Attack:
    """Where an attack struck, and what by.

    Attributes:
        action: what the attacker did.
        attacker: its name.
        scan: the scan's name, or nothing.
        names: `ORIGINAL`, then the protectors.
        position: voxel ``[z, y, x]`` of the scan.
        world: the same in LPS mm.
        start: first voxel of the region in the scan.
        spacing: mm ``[z, y, x]``.
        axes: LPS unit vectors along which z, y and x grow.
        cube: the repainted cube in the scan, first and last voxel but one of each axis.
        disruption_hu: per name, RMSE in the repainted core to what became of the original.
        perturbation_hu: per name, RMSE of protected minus original in the repainted cube.
    """

    action: Action
    attacker: str
    scan: str
    names: tuple[str, ...]
    position: Triple
    world: World
    start: Triple
    spacing: World
    axes: tuple[World, ...]
    cube: tuple[tuple[int, int], ...]
    disruption_hu: tuple[float, ...]
    perturbation_hu: tuple[float, ...]


@dataclass(frozen=True)
class Gallery:
    """Voxels in HU, int16, of the scan and its protected versions, as they are and tampered with.

    Attributes:
        attack: where, what by, and how far apart the results are.
        voxels: around the attack, ``[2, n, z, y, x]``; first axis untouched and tampered, second
            `Attack.names`.
        plane: ``[2, n, y, x]``; the whole axial slice through the position.
    """

    attack: Attack
    voxels: NDArray[np.int16]
    plane: NDArray[np.int16]

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write as ``.npz``; the name is kept as given.

        Raises:
            OutputError: it exists, or cannot be written.
        """
        card = np.array(to_json({"schema": _SCHEMA, **to_tree(self.attack)}))
        with atomic_output(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, place=card, region=self.voxels, plane=self.plane)

    @classmethod
    def load(cls, path: Path) -> Gallery:
        """Read what `save` wrote; nothing is unpickled.

        Raises:
            ResultError: the file is no gallery, or is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                card = parse_json(str(arrays["place"]), dict[str, Any], "place")
                voxels, plane = arrays["region"], arrays["plane"]
            if card.pop("schema", None) != _SCHEMA:
                raise ValueError(f"its schema is not {_SCHEMA}")
            gallery = cls(convert(card, Attack, "place"), voxels, plane)
            gallery._check()
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, ResultError) as error:
            raise ResultError(
                f"{path} is no gallery of a run, or is damaged ({error}); repeat the run"
            ) from error
        return gallery

    def _check(self) -> None:
        count = len(self.attack.names)
        for name, array, axes in (("region", self.voxels, 5), ("plane", self.plane, 4)):
            if array.dtype != np.int16 or array.ndim != axes or array.shape[:2] != (2, count):
                raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")


def make_gallery(
    original: Scan,
    protected: Mapping[str, Scan],
    attacker: Attacker,
    plan: Plan,
    *,
    scan: str = "",
    variant: Variant = tamper_cut,
) -> Gallery:
    """Attack a scan and its protected versions by one plan, and keep what lies around.

    Args:
        original: the scan before protection.
        protected: its protected versions by the name of the protector, in the order in which
            they are to be shown. Each is asked for once, so a mapping may make them on demand.
        attacker: of the plan's action.
        plan: for the original.
        scan: the scan's name.
        variant: how the attacker goes about it.

    Raises:
        ScanError: a protected version has another shape, or the name of the original.
        PositionError: the plan says another action than the attacker's.
    """
    if ORIGINAL in protected:
        raise ScanError(f'a protector may not be called "{ORIGINAL}"; give it another name')
    spans = [
        _span(at, step, length, _LEAST * (axis > 0))
        for axis, (at, step, length) in enumerate(
            zip(plan.position, original.spacing, original.shape, strict=True)
        )
    ]
    names = (ORIGINAL, *protected)
    strikes: Strikes | None = None
    voxels, planes, disrupted, moved = [], [], [], []
    for name in names:
        version = original if strikes is None else protected[name]
        if version.shape != original.shape:
            raise ScanError(f"{name} has the shape {version.shape}, the original {original.shape}")
        volume = torch.from_numpy(version.hu().clip(_LOWEST_HU, _HIGHEST_HU))
        cut = cut_plans(volume, [plan])
        strikes = strikes or Strikes(cut, attacker, variant)
        with torch.no_grad():
            (outcome,) = strikes.outcomes(cut)
        block = outcome.tampered[0]
        disrupted.append(float(rms(outcome.cores - outcome.reference, smallest=0.0)))
        moved.append(float(strikes.moved(cut)))
        voxels.append(_pair(volume[tuple(slice(*span) for span in spans)], block, plan, spans))
        z, (rows, columns) = plan.position[0], original.shape[1:]
        slab = [(z, z + 1), (0, rows), (0, columns)]
        planes.append(_pair(volume[z : z + 1], block, plan, slab)[:, 0])
    cube_start = [s + c.start for s, c in zip(plan.start, plan.cube_in_block, strict=True)]
    attack = Attack(
        action=plan.action,
        attacker=attacker.name,
        scan=scan,
        names=names,
        position=plan.position,
        world=original.geometry.to_world(plan.position),
        start=(spans[0][0], spans[1][0], spans[2][0]),
        spacing=original.spacing,
        axes=original.geometry.axes,
        cube=tuple((s, s + n) for s, n in zip(cube_start, plan.cube, strict=True)),
        disruption_hu=tuple(disrupted),
        perturbation_hu=tuple(moved),
    )
    return Gallery(attack, np.stack(voxels, 1), np.stack(planes, 1))


def _span(at: int, step: float, length: int, least: int) -> tuple[int, int]:
    """First and last voxel but one along an axis, inside the scan."""
    half = max(round(SIDE_MM / 2 / step), (least + 1) // 2)
    return max(at - half, 0), min(at + half + 1, length)


def _pair(
    piece: Tensor, block: Tensor, plan: Plan, spans: list[tuple[int, int]]
) -> NDArray[np.int16]:
    """A piece of a scan, as it is and with the tampered block in it, ``[2, z, y, x]``."""
    tampered = piece.clone()
    paste_block(tampered, block, [a - s[0] for a, s in zip(plan.start, spans, strict=True)])
    untouched, painted = (v.round().to(torch.int16).numpy() for v in (piece, tampered))
    return np.stack([untouched, burn_in_hu(painted)])
