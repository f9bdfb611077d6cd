"""The published style against an independent statement of what the release does.

A fixed function stands in for the generator, one that also paints what overflows. In float64
the two agree to rounding, which shows the arithmetic; in float32, as it is used, within 0.5 HU.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.attack import reference
from tests.attack.reference import Array
from torch import Tensor

import mitsgan
from mitsgan.attack import (
    ACTIONS,
    Action,
    Equalization,
    Generator,
    TrainedAttacker,
    cut_plans,
    paint_cut,
    paste_block,
    plan_attack,
    tamper,
    tamper_blocks,
)
from mitsgan.attack.import_ctgan.published import read_equalization
from mitsgan.attack.plan import Plan
from mitsgan.errors import PositionError
from mitsgan.files.io import read_scan
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan

Position = tuple[int, int, int]

_FOLDER = {"inject": "INJ", "remove": "REM"}
_MASS_LPS = (56.21, 86.34, -115.87)
_SOURCES = Path(mitsgan.__file__).parent
_EXACT_HU, _SINGLE_HU = 1e-6, 0.5


def _paint(unit: Array) -> Array:
    """Follows what it is given, no two axes alike; a ball of it overflows, and single voxels."""
    moved = 0.6 * np.roll(unit, (3, -5, 11), (0, 1, 2)) + 0.2 * unit[::-1]
    ramp = np.linspace(-0.5, 0.3, 32)
    painted = moved + ramp[:, None, None] * np.cos(np.arange(32.0) / 3)[:, None] + 0.1 * ramp
    z, y, x = np.indices(unit.shape)
    painted[(z - 14) ** 2 + (y - 15) ** 2 + (x - 18) ** 2 < 9] = 0.49999
    painted[5, 6, 7] = painted[0, 0, 31] = 0.6
    return np.asarray(painted)


class _Fixed(Generator):
    def forward(self, condition: Tensor) -> Tensor:
        cubes = [torch.from_numpy(_paint(cube[0].double().numpy()))[None] for cube in condition]
        return torch.stack(cubes).to(condition)


@pytest.fixture(scope="module")
def phantom() -> Scan:
    return chest((70, 150, 160), (2.5, 2.1, 2.0), seed=2)


@pytest.fixture(scope="module")
def real(data: Path) -> Scan:
    return read_scan(data / "ct" / "lidc-0001")


@pytest.fixture(scope="module")
def fitted(phantom: Scan) -> Equalization:
    """A table for when the published ones are not there, of values beyond 2000 HU too."""
    cube = torch.from_numpy(phantom.hu()[20:52, 60:92, 30:62].astype(np.float64))
    wide = torch.linspace(-1100, 3000, 32**3, dtype=torch.float64).reshape(32, 32, 32)
    return Equalization.fit([cube, cube, wide])


def _attacker(action: Action, table: Equalization) -> TrainedAttacker:
    return TrainedAttacker(action, _Fixed(1), table)


def _table(table: Equalization) -> reference.Table:
    bins, cdf = (t.double().numpy() for t in (table.bins, table.cdf))
    return reference.Table(bins, cdf, (table.mean, table.low, table.high))


def _plan(scan: Scan, position: Position, action: Action) -> Plan:
    return plan_attack(scan.hu(), scan.spacing, position, action, style="published")


def _ours(volume: Tensor, plan: Plan, attacker: TrainedAttacker) -> tuple[Array, Array]:
    painted = volume.clone()
    paste_block(painted, paint_cut(cut_plans(volume, [plan]), attacker)[0], plan.start)
    return painted.double().numpy(), tamper(volume, plan, attacker).double().numpy()


def _errors(
    scan: Scan, position: Position, attacker: TrainedAttacker, dtype: torch.dtype
) -> list[float]:
    """Largest difference of any voxel before and after the touch-up, HU."""
    hu = scan.hu().astype(np.float64)
    table = _table(attacker.equalization)
    expected = reference.tamper(hu, scan.spacing, position, attacker.action, table, _paint)
    assert np.abs(expected.painted - hu).max() > 500
    assert np.abs(expected.final - expected.painted).max() > 50
    volume = torch.from_numpy(hu).to(dtype)
    ours = _ours(volume, _plan(scan, position, attacker.action), attacker)
    return [
        float(np.abs(a - b).max())
        for a, b in zip(ours, (expected.painted, expected.final), strict=True)
    ]


_POSITIONS: tuple[Position, ...] = (
    (35, 75, 50),  # overlaps the voxel that lends the noise, at (35, 64, 43)
    (30, 80, 115),
    (36, 64, 40),
    (4, 75, 115),  # water beyond the first slice
    (65, 75, 115),  # and beyond the last
)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("position", _POSITIONS)
def test_equals_the_published_steps(
    phantom: Scan, fitted: Equalization, action: Action, position: Position
) -> None:
    attacker = _attacker(action, fitted)
    assert max(_errors(phantom, position, attacker, torch.float64)) < _EXACT_HU
    assert max(_errors(phantom, position, attacker, torch.float32)) < _SINGLE_HU


def test_the_function_in_place_of_the_generator_overflows(
    phantom: Scan, fitted: Equalization
) -> None:
    """Otherwise the order of the repair would not be tested."""
    attacker, plan = _attacker("inject", fitted), _plan(phantom, _POSITIONS[1], "inject")
    cubes: list[Tensor] = []

    def keep(hu: Tensor) -> Tensor:
        cubes.append(hu)
        return hu

    volume = torch.from_numpy(phantom.hu().astype(np.float64))
    attacker.repaint(volume[None, :32, :32, :32], keep)
    assert int((cubes[0] > 2000).sum()) > 90
    repaired = plan_attack(phantom.hu(), phantom.spacing, _POSITIONS[1], "inject")
    ours = [paint_cut(cut_plans(volume, [p]), attacker)[0] for p in (plan, repaired)]
    painted, other = (hu[p.cube_in_block] for hu, p in zip(ours, (plan, repaired), strict=True))
    assert float((painted - other).abs().max()) > 10


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("position", [None, (60, 250, 120), (75, 300, 390)])
def test_equals_the_published_steps_on_a_real_scan_with_the_published_table(
    data: Path, real: Scan, action: Action, position: Position | None
) -> None:
    folder = data / "ctgan" / _FOLDER[action]
    table = read_equalization(folder / "equalization.pkl", folder / "normalization.npy")
    z, row, column = position or real.geometry.to_voxel(_MASS_LPS)
    start, stop = max(z - 40, 0), z + 40  # no step looks further
    part = real.with_slices(real.stored[start:stop], start, stop)
    attacker = _attacker(action, table)
    for dtype, bound in ((torch.float64, _EXACT_HU), (torch.float32, _SINGLE_HU)):
        assert max(_errors(part, (z - start, row, column), attacker, dtype)) < bound


def test_a_batch_of_published_attacks_equals_its_items(phantom: Scan, fitted: Equalization) -> None:
    volume = torch.from_numpy(phantom.hu().astype(np.float64))
    plans = [_plan(phantom, position, "remove") for position in _POSITIONS]
    attacker = _attacker("remove", fitted)
    together = tamper_blocks(volume, plans, attacker)
    for plan, block in zip(plans, together, strict=True):
        alone = tamper_blocks(volume, [plan], attacker)[0]
        torch.testing.assert_close(alone, block, rtol=0, atol=1e-9)


@pytest.mark.parametrize("action", ACTIONS)
def test_without_lung_at_the_fixed_voxel_both_are_nan(
    phantom: Scan, fitted: Equalization, action: Action
) -> None:
    """And the repaired style is not: a crash of the attacker is no protection."""
    hu: NDArray[np.float64] = phantom.hu().astype(np.float64)
    hu[:, 25:110, 5:90] = 30.0
    position = (30, 80, 115)
    attacker = _attacker(action, fitted)
    expected = reference.tamper(hu, phantom.spacing, position, action, _table(fitted), _paint)
    plan = _plan(phantom, position, action)
    ours = tamper(torch.from_numpy(hu), plan, attacker)
    np.testing.assert_array_equal(np.isnan(ours.numpy()), np.isnan(expected.final))
    assert int(ours.isnan().sum()) == np.prod(plan.block)
    repaired = plan_attack(hu.astype(np.float32), phantom.spacing, position, action)
    assert torch.isfinite(tamper(torch.from_numpy(hu), repaired, attacker)).all()


def test_a_spacing_at_which_the_release_fails_is_refused_in_its_style() -> None:
    hu = np.full((40, 80, 80), -870, np.float32)
    spacing = (5.0, 0.84, 0.84)
    with pytest.raises(ValueError, match="cannot reshape"):
        reference.tamper(
            *(hu.astype(np.float64), spacing, (20, 40, 40), "inject"),
            *(reference.Table(np.arange(2.0), np.arange(2.0), (0, 0, 1)), _paint),
        )
    with pytest.raises(PositionError, match=r"scales to \(30, 32, 32\), not 32.*repaired"):
        plan_attack(hu, spacing, (20, 40, 40), "inject", style="published")
    assert plan_attack(hu, spacing, (20, 40, 40), "inject").style == "repaired"


def test_results_are_of_the_repaired_style_alone() -> None:
    """Nothing that trains, measures or is run by a user asks for a style: all get the default."""
    calls = 0
    for room in ("training", "evaluate", "cli"):
        for path in (_SOURCES / room).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("plan_attack"):
                    calls += 1
                    named = {k.arg for k in node.keywords}
                    assert not named & {"style", None}, f"{path.name}:{node.lineno}"
    assert calls >= 3
    assert inspect.signature(plan_attack).parameters["style"].default == "repaired"
