"""Power iteration is held to an attack whose best perturbation is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from linear_bound import Jacobians, LinearBound, main
from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Action, Attacker, Strikes, hu_volume, plan_attack
from mitsgan.attack.networks.ctgan import CORE
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest


@dataclass(frozen=True, eq=False)
class OneDirection(Attacker):
    """Paints one density into the core: what a pattern of the cube weighs, from its shell alone."""

    pattern: Tensor
    action: Action = "inject"
    name: str = "one direction"

    def paint(self, cubes: Tensor) -> Tensor:
        painted = cubes.clone()
        weighed = (cubes * self.pattern).sum((1, 2, 3))
        painted[:, CORE, CORE, CORE] = weighed[:, None, None, None]
        return painted


def test_the_best_perturbation_of_a_known_attack_is_found() -> None:
    scan = chest((60, 340, 340), (1.0, 1.0, 1.0), seed=3)
    volume = hu_volume(scan)
    (place,) = lung_positions(scan, 1, seed=0)
    pattern = torch.randn((32, 32, 32), generator=torch.Generator().manual_seed(1))
    pattern[CORE, CORE, CORE] = 0
    pattern /= pattern.norm()
    plan = plan_attack(volume.numpy(), scan.spacing, place, "inject")
    jacobians = Jacobians.of(volume, Strikes.at(volume, [plan], OneDirection(pattern)))
    best, iterations = jacobians.best()
    corner = [p - 16 for p in place]
    cube = best[tuple(slice(c, c + 32) for c in corner)]
    alike = torch.nn.functional.cosine_similarity(cube.flatten(), pattern.flatten(), dim=0)
    assert abs(float(alike)) > 0.99
    assert iterations <= 3
    assert int(jacobians.seen.sum()) == 32**3
    # Of one direction among n, noise has the n-th part of the energy: sqrt(n), of eight draws.
    assert jacobians.gain(best) == pytest.approx(32**1.5, rel=0.6)
    assert jacobians.gain(best) > 20 * jacobians.gain(torch.ones_like(volume))


@pytest.mark.slow
def test_bounds_are_measured_and_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    series, output = tmp_path / "series", tmp_path / "bound.json"
    phantom_series(chest((48, 150, 150), (3.0, 2.3, 2.3), seed=4), series)
    command = [str(series), "--output", str(output), "--pairs", "textured", "--actions", "inject"]
    command += ["--balls", "0", "4", "--positions", "2", "--fresh", "2"]
    assert main(command) == 0
    known, ball = LinearBound.read(output).balls
    assert (known.ball_mm, ball.ball_mm) == (0.0, 4.0)
    for one in (known, ball):
        (bound,) = one.bounds
        assert bound.gain >= 0.99 * max(bound.fresh_gain, 1.0)
        assert set(one.gains) == set(one.disruption_hu)
        assert bound.gain > 2 * max(one.gains.values())
    assert known.bounds[0].positions == known.fresh == 1
    assert known.bounds[0].fresh_gain == pytest.approx(known.bounds[0].gain)
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*command, "--balls", "0", "1", "--resume"]) == 0
    balls = LinearBound.read(output).balls
    assert (balls[0], balls[2]) == (known, ball), "kept"
    assert [(one.ball_mm, len(one.bounds)) for one in balls] == [(0.0, 1), (1.0, 1), (4.0, 1)]
