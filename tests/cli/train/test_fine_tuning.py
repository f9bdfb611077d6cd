"""`mitsgan train attacker --init --protect`: attackers who learn from protected scans."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mitsgan.attack import TrainedAttacker
from mitsgan.cli.main import main
from mitsgan.files import read_scan
from mitsgan.jobs.train.fine_tune import SEEDS, protected_versions, protectors
from mitsgan.networks import load_weights
from mitsgan.perturb import Budget
from mitsgan.settings import DEFAULT_PROTECTOR


def tune(series: Path, out: Path, *options: str, action: str = "inject") -> int:
    wanted = ("--action", action, "--output", str(out), "--batch", "2", "--steps", "1")
    return main(["train", "attacker", str(series), *wanted, *options, "--quiet"])


def test_goes_on_from_weights_on_protected_scans(
    series: Path, weights: Path, tmp_path: Path
) -> None:
    out, first = tmp_path / "tuned.safetensors", weights / "injector.safetensors"
    options = ("--init", str(first), "--protect", "--generator-rate", "1e-9", "--max-hu", "6")
    protector = ("--protector", str(weights / "mitsgan.safetensors"))
    assert tune(series, out, *options, *protector, "--precision", "float32") == 0
    card, old = (load_weights(path, "attacker")[1] for path in (out, first))
    for key in ("width", "architecture"):
        assert card["config"].get(key, "ct-gan") == old["config"].get(key, "ct-gan")
    assert card["equalization"] == old["equalization"], "the table stays"
    assert card["init"] == {"name": "injector", "sha256": old["sha256"]}
    assert card["protected"]["seeds"] == [1000, 1001]
    assert card["protected"]["max_hu"] == 6
    assert card["protected"]["name"] == "mitsgan"
    before, after = (dict(TrainedAttacker.load(p).network.named_parameters()) for p in (first, out))
    for name, value in before.items():
        assert torch.allclose(after[name], value, atol=1e-3), f"{name}: from there, not anew"


def test_what_goes_on_from_a_held_out_attacker_is_held_out(
    series: Path, weights: Path, tmp_path: Path
) -> None:
    kept, child = tmp_path / "kept.safetensors", tmp_path / "child.safetensors"
    first = ("--init", str(weights / "injector.safetensors"))
    assert tune(series, kept, *first, "--held-out", "--run", str(tmp_path / "a.run")) == 0
    assert tune(series, child, "--init", str(kept), "--run", str(tmp_path / "b.run")) == 0
    assert load_weights(child, "attacker")[1]["held_out"] is True


def test_whoever_knows_of_protection_meets_the_one_by_default() -> None:
    assert [layer.name for layer in protectors(None, 0)] == [DEFAULT_PROTECTOR] * SEEDS


def test_protected_versions_differ_and_keep_the_budget(series: Path, weights: Path) -> None:
    scan = read_scan(series)
    layers = protectors(weights / "mitsgan.safetensors", 0)
    versions = protected_versions([scan], layers, Budget(60))
    assert len(versions) == SEEDS == 2
    moved = [abs(version.hu() - scan.hu()) for version in versions]
    assert all(0 < m.max() <= 60 for m in moved)
    assert (versions[0].stored != versions[1].stored).any()


@pytest.mark.parametrize(
    "options, said",
    [
        (("--protector", "p.safetensors"), "--protector belongs to --protect"),
        (("--init", "none.safetensors"), "none.safetensors: no such weights file"),
    ],
)
def test_refusals(
    series: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tune(series, tmp_path / "tuned.safetensors", *options) == 2
    assert said in capsys.readouterr().err


def test_refuses_weights_of_the_other_action(
    series: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init = ("--init", str(weights / "injector.safetensors"))
    assert tune(series, tmp_path / "tuned.safetensors", *init, action="remove") == 2
    assert "these weights inject, and --action says remove" in capsys.readouterr().err


def test_refuses_cubes_to_protect(
    series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cubes = tmp_path / "cubes.npz"
    cubes.touch()
    assert tune(cubes, tmp_path / "tuned.safetensors", "--protect") == 2
    assert "--protect works on whole scans" in capsys.readouterr().err
