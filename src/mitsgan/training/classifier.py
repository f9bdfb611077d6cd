"""Train the nodule classifier: real lung, half of it with synthetic nodules of every kind.

Half of the lung without nodules is taken at the densest of many places, mostly vessels and walls:
at random places a nodule is told from lung by its mean density alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mitsgan.networks.classifier import ClassifierNetwork, NoduleClassifier
from mitsgan.networks.memory_format import channels_last
from mitsgan.networks.precision import half_where_fast
from mitsgan.scan.scan import Scan
from mitsgan.training.config import ClassifierConfig
from mitsgan.training.data.cubes import CubeSampler, Volume, sharpened, turned, volumes
from mitsgan.training.data.nodules import add_nodule
from mitsgan.training.learner import Learner
from mitsgan.training.loop import Run, run_loop

_SHARPNESS = (0.0, 2.0, 4.0)
_MOST_SHIFT = 3
_NOISE_HU = 30.0
_TEST_BATCH = 32
_PLACES = 300
"""Places of which the densest becomes an example of no nodule."""


def train_classifier(scans: Sequence[Scan], config: ClassifierConfig, run: Run) -> NoduleClassifier:
    """Train on lung of ``scans``, at several sharpnesses."""
    sampler = CubeSampler(sharpened(volumes(scans), _SHARPNESS), "remove")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = channels_last(ClassifierNetwork(config.width)).to(run.worker.device)
    adam = torch.optim.AdamW(network.parameters(), config.rate)
    learner = Learner(network, adam, fall=config.steps, worker=run.worker)

    def step(_: int, random: torch.Generator) -> dict[str, float]:
        examples = _examples(sampler, config, config.batch, random)
        cubes, labels = (tensor.to(run.worker.device) for tensor in examples)
        with half_where_fast(cubes.device):
            logits = network(cubes).float()
        return learner.tell_apart(logits, labels)

    run_loop(step, config.steps, {"network": learner}, run, seed=config.seed)
    learner.finished()
    return NoduleClassifier(network)


def classifier_metrics(
    classifier: NoduleClassifier,
    scans: Sequence[Scan],
    config: ClassifierConfig,
    *,
    cubes: int = 256,
    seed: int = 0,
) -> dict[str, float]:
    """How often it is right on cubes of unseen lung.

    Returns:
        ``cubes``; ``sensitivity`` to synthetic nodules; ``specificity`` at random places, and
        ``specificity_dense`` at the densest of many places, mostly vessels and walls.
    """
    sampler = CubeSampler(volumes(scans), "remove")
    random = torch.Generator().manual_seed(seed)
    called = []
    for _ in range(0, cubes, _TEST_BATCH):
        examples, _ = _examples(sampler, config, _TEST_BATCH, random, augment=False)
        called.append(classifier.is_nodule(examples))
    yes = torch.cat(called).float()
    return {
        "cubes": float(len(yes)),
        "sensitivity": float(yes[1::2].mean()),
        "specificity": 1 - float(yes[2::4].mean()),
        "specificity_dense": 1 - float(yes[::4].mean()),
    }


def _examples(
    sampler: CubeSampler,
    config: ClassifierConfig,
    count: int,
    random: torch.Generator,
    *,
    augment: bool = True,
) -> tuple[Tensor, Tensor]:
    """Cubes ``[b, 32, 32, 32]`` in HU and labels ``[b]``.

    The odd ones hold a nodule (1); of the others (0) every second one is of a dense place.
    """
    cubes = sampler.sample(count, random)
    for k in range(0, count, 4):
        cubes[k] = dense_cube(sampler.data, random)
    diameters = (config.smallest_mm, config.largest_mm)
    cubes[1::2] = add_nodule(cubes[1::2], random, diameters_mm=diameters).cubes
    labels = torch.zeros(count)
    labels[1::2] = 1
    if augment:
        shifts = torch.randint(-_MOST_SHIFT, _MOST_SHIFT + 1, (count, 3), generator=random)
        moved = zip(cubes, shifts.tolist(), strict=True)
        cubes = torch.stack([cube.roll(shift, (0, 1, 2)) for cube, shift in moved])
        strength = _NOISE_HU * torch.rand(count, 1, 1, 1, generator=random)
        cubes = cubes + strength * torch.randn(cubes.shape, generator=random)
    return cubes, labels


def dense_cube(data: Sequence[Volume], random: torch.Generator) -> Tensor:
    """``[32, 32, 32]`` around the densest of many lung voxels; around any, where none fits."""
    pick, seed = torch.randint(2**31, (2,), generator=random).tolist()
    volume = data[pick % len(data)]
    rng = np.random.default_rng(seed)
    places = volume.lung.positions(_PLACES, rng)
    density = volume.hu[tuple(torch.from_numpy(places).long().T)]
    ranked = (places[i].tolist() for i in density.argsort(descending=True).tolist())
    place = next((p for p in ranked if volume.holds(p)), None) or volume.position(rng)
    return turned(volume.cube(place), seed % 8)
