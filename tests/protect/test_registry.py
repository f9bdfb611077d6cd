from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mitsgan.errors import ExtensionError, SettingsError, WeightsError
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.protect import PROTECTORS, MitsGan, Offset, Protector, RandomSign
from mitsgan.protect.baselines.paper import MitsGanPaper, PaperGenerator
from mitsgan.protect.baselines.tafim import Tafim, TafimNet
from mitsgan.protect.mitsgan import MitsGanWaves
from mitsgan.protect.network import PerturbationGenerator
from mitsgan.protect.registry import NATIVE_HU, identify, load_protector
from mitsgan.scan.scan import Scan

TRAINED = ("mits-gan", "mits-gan-waves", "mits-gan-paper", "tafim")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small random weights of every kind that has weights."""
    folder = tmp_path_factory.mktemp("weights")
    paths = {name: folder / f"{name}.safetensors" for name in TRAINED}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = PerturbationGenerator((4, 4))
        MitsGan(generator, 0).save(paths["mits-gan"], {"config": {"width": [4, 4]}})
        generator = PerturbationGenerator((4, 4), waves=(0.4, 0.2))
        config = {"width": [4, 4], "waves": [0.4, 0.2]}
        MitsGanWaves(generator, 0).save(paths["mits-gan-waves"], {"config": config})
        paper, net = PaperGenerator(4), TafimNet(2)
    MitsGanPaper(paper, 0).save(paths["mits-gan-paper"], {"config": {"width": 4}})
    Tafim(net).save(paths["tafim"], {"config": {"width": 2}})
    return paths


def layer(name: str, weights: dict[str, Path], seed: int = 0) -> Protector:
    return load_protector(name, weights=weights.get(name), seed=seed)


@pytest.mark.parametrize("name", PROTECTORS.names())
def test_every_protector_keeps_the_budget_on_stored_values(
    name: str, weights: dict[str, Path], small_chest: Scan
) -> None:
    result = apply_perturbations(small_chest, [layer(name, weights)], Budget(7))
    moved = np.abs(result.scan.stored.astype(int) - small_chest.stored)
    assert 0 < moved.max() * small_chest.slope[0] <= 7
    assert not moved[small_chest.is_padding()].any()


@pytest.mark.parametrize("name", PROTECTORS.names())
def test_every_protector_gives_the_same_however_the_scan_is_cut(
    name: str, weights: dict[str, Path], small_chest: Scan
) -> None:
    one, budget = layer(name, weights, seed=3), Budget(10)
    whole = one.perturbation(small_chest, 0, small_chest.shape[0], budget)
    part = one.perturbation(small_chest, 5, 10, budget)
    assert part.dtype == np.float32
    np.testing.assert_allclose(whole[5:10], part, atol=0.01)


@pytest.mark.parametrize("asked", ["mits-gan", "mits-gan-waves"])
@pytest.mark.parametrize("of", ["mits-gan", "mits-gan-waves"])
def test_weights_tell_whether_their_network_has_waves(
    asked: str, of: str, weights: dict[str, Path]
) -> None:
    assert load_protector(asked, weights=weights[of]).name == of, "no name of another for a header"


@pytest.mark.parametrize("name", ["mits-gan-paper", "tafim"])
def test_the_native_form_of_a_baseline_is_unbounded(
    name: str, weights: dict[str, Path], small_chest: Scan
) -> None:
    result = apply_perturbations(small_chest, [layer(name, weights)], Budget(NATIVE_HU))
    assert result.rms_hu > 50


@pytest.mark.parametrize("name", PROTECTORS.names())
def test_a_protector_says_what_it_is(name: str, weights: dict[str, Path]) -> None:
    who = identify(layer(name, weights, seed=3))
    assert who.name == name
    assert who.title == PROTECTORS.get(name).title
    assert (who.card is not None) == (name in TRAINED) == (who.shipped is not None)
    assert who.control == (name in ("noise", "offset"))
    assert who.seed == (None if name in ("tafim", "offset") else 3)
    if who.card is not None:
        assert who.card["kind"] == "protector"
        assert who.device == "cpu"
        assert who.precision in ("float32", "bfloat16")


def test_controls_are_as_strong_as_the_budget(small_chest: Scan) -> None:
    for control in (RandomSign(), Offset()):
        assert set(np.abs(control.perturbation(small_chest, 0, 2, Budget(6.0))).ravel()) == {6.0}


def test_refusals(weights: dict[str, Path], small_chest: Scan) -> None:
    with pytest.raises(SettingsError, match="no protector 'mitsgun'; there are: mits-gan-waves,"):
        load_protector("mitsgun")
    with pytest.raises(WeightsError, match="has no weights; leave them out"):
        load_protector("noise", weights=weights["tafim"])
    for wrong in ("mits-gan-paper", "tafim"):
        with pytest.raises(WeightsError, match=f"not weights of {wrong}"):
            load_protector(wrong, weights=weights["mits-gan"])

    class Nobody:
        def perturbation(self, scan: Scan, start: int, stop: int, budget: Budget) -> np.ndarray:
            return np.zeros((stop - start, *scan.shape[1:]), np.float32)

    with pytest.raises(SettingsError, match="Nobody has no name"):
        identify(Nobody())


def test_the_order_is_that_of_use() -> None:
    names = PROTECTORS.names()
    ours = ("mits-gan-waves", "mits-gan", "wave", "bias-field", "keyed-wave")
    compared = ("mits-gan-paper", "tafim", "noise", "offset")
    assert names[: len(ours) + len(compared)] == ours + compared
    unbounded = [name for name in names if not PROTECTORS.get(name).bounded]
    assert unbounded == ["mits-gan-paper", "tafim"]


def test_what_is_no_protector_is_refused() -> None:
    with pytest.raises(ExtensionError, match=r"no subclass of mitsgan\.protect\.Protector"):
        PROTECTORS.register(Scan)  # type: ignore[arg-type]

    class Nameless(Protector):
        title = "none"

        def perturbation(self, scan: Scan, start: int, stop: int, budget: Budget) -> np.ndarray:
            return np.zeros((stop - start, *scan.shape[1:]), np.float32)

    with pytest.raises(ExtensionError, match="it has no name and no summary"):
        PROTECTORS.register(Nameless)


def test_what_could_not_be_made_by_its_name_is_refused_at_once() -> None:
    class Misspelt(Protector):
        name = title = summary = "misspelt"

        def perturbations(self, scan: Scan, start: int, stop: int, budget: Budget) -> None: ...

    with pytest.raises(ExtensionError, match=r"Misspelt.*: it has no perturbation\(\)"):
        PROTECTORS.register(Misspelt)  # type: ignore[type-abstract]

    @dataclass(frozen=True)
    class Unset(Protector):
        strength: float
        name: ClassVar[str] = "unset"
        title: ClassVar[str] = "unset"
        summary: ClassVar[str] = "unset"

        def perturbation(self, scan: Scan, start: int, stop: int, budget: Budget) -> np.ndarray:
            return np.full((stop - start, *scan.shape[1:]), self.strength, np.float32)

    with pytest.raises(ExtensionError, match=r"Unset\(\) makes none: .* argument: 'strength'"):
        PROTECTORS.register(Unset)


def test_a_seed_reaches_a_protector_of_ones_own_that_has_a_field_for_it() -> None:
    @dataclass(frozen=True)
    class Drawn(Protector):
        name: ClassVar[str] = "drawn"
        seed: int = 0

        def perturbation(
            self, scan: Scan, start: int, stop: int, budget: Budget
        ) -> NDArray[np.float32]:
            return np.zeros((stop - start, *scan.shape[1:]), np.float32)

    assert Drawn.load(seed=7).seed == 7
    assert Offset.load(seed=7).seed is None
