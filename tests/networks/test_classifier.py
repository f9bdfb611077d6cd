from pathlib import Path

import pytest
import torch

from mitsgan.errors import WeightsError
from mitsgan.networks import load_weights, save_weights
from mitsgan.networks.classifier import ClassifierNetwork, NoduleClassifier


@pytest.fixture
def classifier() -> NoduleClassifier:
    torch.manual_seed(0)
    return NoduleClassifier(ClassifierNetwork(2).eval(), threshold=0.25)


def test_cubes_become_probabilities_one_each(classifier: NoduleClassifier) -> None:
    cubes = -850 + 100 * torch.randn(70, 32, 32, 32)  # more than one batch
    probabilities = classifier.probability(cubes)
    assert probabilities.shape == (70,)
    assert bool(((probabilities > 0) & (probabilities < 1)).all())
    torch.testing.assert_close(probabilities[-3:], classifier.probability(cubes[-3:]))


def test_the_threshold_decides(classifier: NoduleClassifier) -> None:
    cubes = -850 + 100 * torch.randn(4, 32, 32, 32)
    expected = classifier.probability(cubes) >= 0.25
    assert bool((classifier.is_nodule(cubes) == expected).all())


def test_what_is_beyond_both_windows_does_not_count(classifier: NoduleClassifier) -> None:
    air, metal = torch.full((1, 32, 32, 32), -1000.0), torch.full((1, 32, 32, 32), 300.0)
    torch.testing.assert_close(classifier.probability(air), classifier.probability(air - 500))
    torch.testing.assert_close(classifier.probability(metal), classifier.probability(metal + 2000))


def test_weights_come_back(classifier: NoduleClassifier, tmp_path: Path) -> None:
    path = tmp_path / "classifier.safetensors"
    classifier.save(path, {"config": {"width": 2}})
    loaded = NoduleClassifier.load(path)
    assert loaded.threshold == 0.25
    assert load_weights(path, "classifier")[1]["config"] == {"width": 2}
    cubes = -850 + 100 * torch.randn(2, 32, 32, 32)
    torch.testing.assert_close(
        loaded.probability(cubes), classifier.probability(cubes), atol=1e-3, rtol=0
    )


def test_a_card_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    card = {"kind": "classifier", "config": {"width": 3}, "threshold": 0.5}
    save_weights(path, ClassifierNetwork(2).state_dict(), card)
    with pytest.raises(WeightsError, match="do not fit"):
        NoduleClassifier.load(path)
