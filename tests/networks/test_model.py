"""Whatever is made of weights is loaded, saved and checked in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mitsgan.attack import TrainedAttacker, surrogate_path
from mitsgan.errors import WeightsError
from mitsgan.networks import Model, load_weights
from mitsgan.networks.classifier import NoduleClassifier
from mitsgan.networks.golden import check_golden, golden_path, output_of, write_golden
from mitsgan.protect import MitsGan
from mitsgan.protect.baselines.paper import MitsGanPaper
from mitsgan.protect.baselines.tafim import Tafim

MODELS: tuple[type[Model], ...] = (MitsGan, MitsGanPaper, Tafim, NoduleClassifier, TrainedAttacker)


def path_of(model: type[Model]) -> Path | None:
    return surrogate_path("narrow", "remove") if model is TrainedAttacker else None


@pytest.mark.parametrize("model", MODELS)
def test_loaded_weights_are_ready_and_know_their_card(model: type[Model]) -> None:
    loaded = model.load(path_of(model), dtype=torch.float32)
    assert isinstance(loaded, model)
    assert not loaded.network.training
    assert not any(p.requires_grad for p in loaded.network.parameters())
    assert loaded.card["kind"] == model.KIND
    assert (loaded.device, loaded.precision) == (torch.device("cpu"), "float32")


@pytest.mark.parametrize("model", MODELS)
def test_loading_leaves_the_random_numbers_of_the_process(model: type[Model]) -> None:
    """An experiment with a seed of its own would have others behind an attack than without."""
    before = torch.get_rng_state()
    model.load(path_of(model))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_saved_is_loaded_again_and_gives_the_same(
    model: type[Model], tmp_path: Path
) -> None:
    loaded = model.load(path_of(model), dtype=torch.float32)
    path = tmp_path / "again.safetensors"
    precision = loaded.card["precision"]
    loaded.save(path, {**loaded.card, "purpose": "a test"}, precision=precision)
    again = model.load(path, dtype=torch.float32)
    assert again.card["purpose"] == "a test"
    assert again.card["precision"] == precision
    assert again.card["sha256"] == loaded.card["sha256"]
    with torch.inference_mode():
        torch.testing.assert_close(again.golden_output(), loaded.golden_output(), atol=0, rtol=0)


@pytest.mark.parametrize("model", MODELS)
def test_weights_of_another_kind_are_refused_by_name(model: type[Model]) -> None:
    other = surrogate_path("narrow", "remove")
    if model is TrainedAttacker:
        other = Path(str(other).replace("remover-narrow", "classifier"))
    with pytest.raises(WeightsError, match=rf"{other.name}: .*an? {model.KIND} is needed"):
        model.load(other)


def test_a_card_that_does_not_fit_the_tensors_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    classifier = NoduleClassifier.load()
    classifier.save(path, {"config": {"width": 3}})
    with pytest.raises(WeightsError, match=r"wrong.safetensors: .*not weights of a classifier"):
        NoduleClassifier.load(path)
    classifier.save(path, {})
    with pytest.raises(WeightsError, match="card and tensors do not fit: 'config'"):
        NoduleClassifier.load(path)


def test_without_a_file_there_is_only_what_ships() -> None:
    with pytest.raises(WeightsError, match="no weights of an attacker ship; name a file"):
        TrainedAttacker.load()
    assert (
        NoduleClassifier.load().card
        == load_weights(
            surrogate_path("narrow", "remove").with_name("classifier.safetensors"), "classifier"
        )[1]
    )


def test_a_seed_is_no_part_of_the_weights() -> None:
    assert (MitsGan.load().seed, MitsGan.load(seed=3).seed) == (0, 3)
    assert MitsGanPaper.load().seed == 0


def test_golden_outputs_find_other_weights_and_another_result(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    classifier = NoduleClassifier.load()
    classifier.save(path, classifier.card)
    write_golden(path, NoduleClassifier)
    check_golden(path, NoduleClassifier)

    class Moved(NoduleClassifier):
        """As another version of torch might compute."""

        def golden_output(self) -> torch.Tensor:
            return super().golden_output() + 0.02

    with pytest.raises(WeightsError, match=r"up to 0\.02 off, 0\.01 allowed"):
        check_golden(path, Moved)
    assert output_of(path, Moved).shape == (2,)
    classifier.network.last.bias.data += 1
    classifier.save(path, classifier.card)
    with pytest.raises(WeightsError, match="of other weights than"):
        check_golden(path, NoduleClassifier)
    golden_path(path).unlink()
    with pytest.raises(WeightsError, match=r"mine\.golden\.safetensors: no such"):
        check_golden(path, NoduleClassifier)
