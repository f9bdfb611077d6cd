"""What a trained attacker can do on scans that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import Attacker
from mitsgan.attack.networks.ctgan import CORE
from mitsgan.scan.scan import Scan
from mitsgan.training.data.cube_file import CubeFile, sampler_for

_BATCH = 16


def attacker_metrics(
    attacker: Attacker, scans: Sequence[Scan | CubeFile], *, cubes: int = 64, seed: int = 0
) -> dict[str, float]:
    """Inpainting error and texture in the 20 mm core, over cubes of unseen lung.

    The truth is the cube itself: lung for a remover, lung with a synthetic nodule for an injector
    (which cannot know the nodule, so its error is an upper bound).

    Returns:
        ``cubes``; ``core_mae_hu``; ``centre_hu``, the mean density of the middle 6 mm; and
        ``texture_ratio``, the spread of painted fine detail to that of the truth (1: as textured
        as lung, near 0: smooth).
    """
    sampler = sampler_for(scans, attacker.action)
    random = torch.Generator().manual_seed(seed)
    errors, centres, painted_detail, true_detail = [], [], [], []
    with torch.no_grad():
        for _ in range(0, cubes, _BATCH):
            truth = sampler.sample(_BATCH, random)
            painted = attacker.repaint(truth)
            where = (slice(None), CORE, CORE, CORE)
            errors.append((painted - truth)[where].abs().mean())
            centres.append(painted[:, 13:19, 13:19, 13:19].mean())
            painted_detail.append(_detail(painted)[where].std())
            true_detail.append(_detail(truth)[where].std())
    return {
        "cubes": float(len(errors) * _BATCH),
        "core_mae_hu": _mean(errors),
        "centre_hu": _mean(centres),
        "texture_ratio": _mean(painted_detail) / _mean(true_detail),
    }


def _detail(cubes: Tensor) -> Tensor:
    """What is finer than 3 mm, in lung (denser tissue would outweigh it)."""
    lung = cubes.clamp(-1000, -600)[:, None]
    return (lung - F.avg_pool3d(lung, 3, stride=1, padding=1))[:, 0]


def _mean(values: Sequence[Tensor]) -> float:
    return float(torch.stack(list(values)).mean())
