"""The default protector, for jobs that protect what they measure."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from mitsgan.protect.protector import Protector
from mitsgan.protect.registry import identify, load_protector
from mitsgan.result import WeightsEntry
from mitsgan.settings import DEFAULT_PROTECTOR


def load_default(weights: Path | None, seed: int) -> tuple[Protector, WeightsEntry]:
    """What `mitsgan protect` protects with by default, on a processor, and what its weights are.

    Raises:
        WeightsError: see `mitsgan.protect.registry.load_protector`.
    """
    protector = load_protector(DEFAULT_PROTECTOR, weights=weights, seed=seed)
    entry = identify(protector).weights(weights)
    return protector, cast(WeightsEntry, entry)  # it is a network, and has some
