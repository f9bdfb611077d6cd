"""The network that ships, run without torch: what torch gives, to rounding."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx_graph
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mitsgan.errors import WeightsError
from mitsgan.networks import load_weights, shipped
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import MitsGan
from mitsgan.protect.graph import (
    MitsGanGraph,
    MitsGanWavesGraph,
    card_path,
    graph_path,
    mits_gan_graph,
)
from mitsgan.protect.mitsgan import MitsGanWaves
from mitsgan.protect.patches import HALO, PATCH, TILE, slice_noise
from mitsgan.protect.registry import identify, load_protector
from mitsgan.scan.scan import Scan

KINDS: dict[str, tuple[type[MitsGan], type[MitsGanGraph]]] = {
    "mitsgan": (MitsGan, MitsGanGraph),
    "mitsgan-waves": (MitsGanWaves, MitsGanWavesGraph),
}


@pytest.fixture(scope="module", params=list(KINDS))
def both(request: pytest.FixtureRequest) -> tuple[MitsGan, MitsGanGraph]:
    """The same network, run by torch and without it."""
    by_torch, without = KINDS[request.param]
    return by_torch.load(dtype=torch.float32), without.read()


@pytest.fixture(scope="module")
def without(both: tuple[MitsGan, MitsGanGraph]) -> MitsGanGraph:
    return both[1]


@settings(max_examples=20, deadline=None)
@given(
    depth=st.integers(1, 5),
    tiles=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    spacing=st.tuples(st.floats(0.4, 8.0), st.floats(0.2, 3.0), st.floats(0.2, 3.0)),
    phase=st.tuples(st.floats(0, 1000), st.floats(0, 1000)),
    seed=st.integers(0, 99),
)
def test_a_slab_is_what_torch_makes_of_it(
    both: tuple[MitsGan, MitsGanGraph],
    depth: int,
    tiles: tuple[int, int],
    spacing: tuple[float, float, float],
    phase: tuple[float, float],
    seed: int,
) -> None:
    with_torch, without = both
    random = np.random.default_rng(seed)
    y, x = (TILE * n for n in tiles)
    hu = random.normal(-700, 500, (depth + 2 * HALO, y, x)).astype(np.float32)
    noise = random.normal(0, 1, (len(hu), y // PATCH, x // PATCH)).astype(np.float32)
    expected = with_torch.part_of_budget(hu, noise, spacing, phase)
    actual = without.part_of_budget(hu, noise, spacing, phase)
    assert actual.shape == (depth, y, x)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(actual, expected, atol=2e-4)


def test_stored_values_are_those_of_torch_but_for_rounding(
    both: tuple[MitsGan, MitsGanGraph],
) -> None:
    scan = chest((40, 128, 128), (6.0, 2.8, 2.8), seed=3)
    one, other = (
        apply_perturbations(scan, [layer.with_seed(5)], Budget(10)).scan.stored.astype(int)
        for layer in both
    )
    assert (one != scan.stored).mean() > 0.1
    assert np.abs(one - other).max() <= 1
    assert (one != other).mean() < 1e-4


@pytest.mark.parametrize("side", [(2, 2), (4, 4), (9, 10), (13, 3), (90, 112)])
@pytest.mark.parametrize("seed, number", [(0, 0), (7, 3)])
def test_noise_is_what_torch_draws(seed: int, number: int, side: tuple[int, int]) -> None:
    state = int(np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)[0])
    generator = torch.Generator().manual_seed(state % 2**63)
    count = max(side[0] * side[1], 16)  # of fewer torch draws by another method
    expected = torch.randn(count, generator=generator)[: side[0] * side[1]]
    np.testing.assert_allclose(slice_noise(seed, number, side).ravel(), expected, atol=1e-5)


def test_the_graphs_were_made_of_the_weights_that_ship(tmp_path: Path) -> None:
    """After new weights, `python tools/onnx_graph.py` makes them anew."""
    assert onnx_graph.main(["--output", str(tmp_path)]) == 0
    for name, (_, kind) in KINDS.items():
        again, ours = tmp_path / f"{name}.onnx", graph_path(name)
        assert card_path(again).read_text() == card_path(ours).read_text()
        assert again.read_bytes() == ours.read_bytes()
        assert kind.read(again).card == load_weights(shipped(name), "protector")[1]


def test_no_graph_is_made_of_a_network_that_reaches_farther() -> None:
    weights = {"far.0.weight": np.zeros(1, np.float32)}
    with pytest.raises(WeightsError, match="runs on torch alone"):
        onnx_graph.network(weights)


def test_a_damaged_graph_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "mitsgan.onnx"
    with pytest.raises(WeightsError, match=r"no graph .*install mitsgan again"):
        MitsGanGraph.read(damaged)
    ours = graph_path("mitsgan")
    shutil.copy(card_path(ours), card_path(damaged))
    content = bytearray(ours.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(WeightsError, match=r"checksum is .* damaged or was changed"):
        MitsGanGraph.read(damaged)
    card_path(damaged).write_text("{}")
    with pytest.raises(WeightsError, match="no graph"):
        MitsGanGraph.read(damaged)


@pytest.mark.parametrize("weights", list(KINDS))
def test_what_protects_on_a_processor(weights: str) -> None:
    by_torch, without = KINDS[weights]
    chosen = load_protector(without.name, seed=4)
    assert type(chosen) is without
    assert (chosen.seed, chosen.with_seed(6).seed) == (4, 6)
    own = load_protector(without.name, weights=shipped(weights))
    assert type(own) is by_torch
    who, of_file = identify(chosen), identify(own)
    assert (who.name, who.title, who.card, who.device, who.shipped) == (
        *(of_file.name, of_file.title, of_file.card),
        *("cpu", of_file.shipped),
    )


def test_there_is_no_graph_of_what_is_no_network() -> None:
    assert mits_gan_graph("noise", 0) is None


def test_what_runs_the_network_reports_to_nobody_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import os\nfrom mitsgan.protect.graph import MitsGanGraph\nMitsGanGraph.read()\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"), str(tmp_path))
    environment = {k: v for k, v in os.environ.items() if k != "CI"} | places
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    assert ran.stdout.strip() == "1"
    assert list(tmp_path.iterdir()) == []
    package = find_spec("onnxruntime")
    assert package is not None
    parts = Path(str(package.origin)).parent.glob("capi/*.so*")
    assert not any(b"events.data.microsoft.com" in part.read_bytes() for part in parts)


def test_slabs_share_a_session(without: MitsGanGraph, small_chest: Scan) -> None:
    """Threads run it side by side, and what they give does not depend on that."""
    whole = without.perturbation(small_chest, 0, small_chest.shape[0], Budget(10))
    for slab in (3, 16):
        cut = apply_perturbations(small_chest, [without], Budget(10), slab=slab).scan.stored
        expected = small_chest.stored + np.rint(whole / small_chest.slope[0])
        inside = ~small_chest.is_padding()
        assert np.abs(cut - expected)[inside].max() <= 1
