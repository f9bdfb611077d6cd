"""Simulated tampering, in memory: to measure protection, and for nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mitsgan.anatomy.places import LungPositions
from mitsgan.attack import (
    ACTIONS,
    ATTACKERS,
    Action,
    Attacker,
    Plan,
    TrainedAttacker,
    hu_volume,
    plan_attack,
    tamper_blocks,
)
from mitsgan.errors import IdentityError, SettingsError
from mitsgan.evaluate.tampering.paste import paste
from mitsgan.jobs.device import choose_device
from mitsgan.jobs.protect.protected import Protected, scan_of
from mitsgan.scan.canonical import canonical, canonical_order
from mitsgan.scan.scan import Scan
from mitsgan.scan.simulated import Simulated
from mitsgan.settings import a_place, a_seed


def tamper(
    scan: Scan | Protected,
    action: Action,
    *,
    position_mm: tuple[float, float, float] | None = None,
    attacker: str | Path = "textured",
    seed: int = 0,
    device: str = "auto",
) -> Scan:
    """Let an attacker paint a nodule into a scan, or one out of it.

    The result exists in memory: `mitsgan.write` refuses it as DICOM, and in an image it carries
    SIMULATED in the voxels of every slice (docs/threat-model.md).

    Args:
        scan: not modified.
        action: ``inject`` or ``remove``.
        position_mm: where, LPS; by default somewhere in the lung.
        attacker: the name of a pair (see `mitsgan.attack.ATTACKERS`), or a file of weights.
        seed: of the random place.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Returns:
        The whole scan, tampered with.

    Raises:
        SettingsError: no such action, no such place, or weights of the other action.
        WeightsError: there are no such weights.
        ScanError: there is no lung to draw a place from.
        PositionError: the place is outside the body, or too near the scan's border.

    Examples:
        >>> import mitsgan as mg
        >>> from mitsgan.phantom.chest import chest
        >>> scan = chest((16, 64, 64), (6.0, 5.6, 5.6))
        >>> tampered = mg.tamper(scan, "inject", position_mm=(-70.0, 0.0, 0.0), device="cpu")
        >>> bool((tampered.hu() != scan.hu()).any())
        True
    """
    _check(action, position_mm, seed)
    original = scan_of(scan)
    painter = load_attacker(attacker, action, device)
    axial = canonical(original)
    if position_mm is None:
        position = next(LungPositions.of(axial).draw(np.random.default_rng(seed)))
    else:
        position = axial.geometry.to_voxel(position_mm)
    volume = hu_volume(axial)
    plan = plan_attack(volume.numpy(), axial.spacing, position, action)
    return strike(original, volume, plan, painter)


def _check(action: str, position_mm: Sequence[float] | None, seed: int) -> None:
    """Raise where the settings of `tamper` make no sense."""
    if action not in ACTIONS:
        raise SettingsError(f"`action` must be {' or '.join(ACTIONS)}, found {action!r}")
    if position_mm is not None:
        a_place("position_mm", position_mm)
    a_seed("seed", seed)


def strike(scan: Scan, volume: Tensor, plan: Plan, painter: Attacker) -> Scan:
    """Carry one planned attack out on a scan, or on a protected version of it; see `tamper`.

    Args:
        scan: not modified.
        volume: `hu_volume` of it, in canonical order.
        plan: for it, or for the scan that it was made of.
        painter: the attacker.
    """
    axial = canonical(scan)
    with torch.inference_mode():
        (block,) = tamper_blocks(volume.to(painter.device), [plan], painter).cpu().numpy()
    stored = paste(axial, block, plan.start).stored
    if axial is not scan:
        stored = canonical_order(scan.geometry).inverse().arrange(stored)
    return replace(scan.with_stored(stored), source=Simulated(_identity(scan)))


def load_attacker(attacker: str | Path, action: Action, device: str) -> Attacker:
    """The attacker of a name, or of a file of weights.

    Raises:
        SettingsError: weights of the other action, or no such name.
        WeightsError: there are no such weights.
    """
    if isinstance(attacker, str):
        return ATTACKERS.get(attacker).make(action, choose_device(device))
    loaded = TrainedAttacker.load(attacker, choose_device(device))
    if loaded.action != action:
        raise SettingsError(f"{attacker}: these weights {loaded.action}, and `action` is {action}")
    return loaded


def _identity(scan: Scan) -> str | None:
    with suppress(IdentityError):
        return None if scan.source is None else scan.source.identity
    return None
