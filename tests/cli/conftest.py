"""Small weights and a small DICOM series; commands run in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mitsgan.attack import Action, Equalization, Generator, TrainedAttacker
from mitsgan.cli.main import main
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.protect import MitsGan
from mitsgan.protect.network import PerturbationGenerator
from mitsgan.scan.scan import Scan


@pytest.fixture(scope="module", autouse=True)
def quick(few_samples: None) -> None:
    """How well a scan is measured is tested elsewhere."""


@pytest.fixture(scope="session")
def phantom() -> Scan:
    """24 x 96 x 96, the whole chest."""
    return chest((24, 96, 96), (8.0, 3.8, 3.8), seed=3)


@pytest.fixture(scope="session")
def series(phantom: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom as a DICOM series of 24 files; tests do not change it."""
    folder = tmp_path_factory.mktemp("source") / "chest"
    phantom_series(phantom, folder)
    return folder


@pytest.fixture(scope="session")
def weights(phantom: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``mitsgan``, ``injector`` and ``remover``: random, small, never trained."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = PerturbationGenerator()
        generator.head.weight.data *= 30  # else its perturbations round to nothing
        card = {"config": {"width": list(generator.width)}}
        MitsGan(generator).save(folder / "mitsgan.safetensors", card)
        table = Equalization.fit([torch.from_numpy(phantom.hu()).clamp_min(-1024)])
        names: tuple[tuple[Action, str], ...] = (("inject", "injector"), ("remove", "remover"))
        for action, name in names:
            painter = Generator(2).eval()
            attacker = TrainedAttacker(action, painter, table, name)
            attacker.save(
                folder / f"{name}.safetensors", {"config": {"width": 2, "action": action}}
            )
    return folder


@pytest.fixture(scope="session")
def attacker_options(weights: Path) -> list[str]:
    """The options that name the two attackers."""
    return [
        *("--injector", str(weights / "injector.safetensors")),
        *("--remover", str(weights / "remover.safetensors")),
    ]


@pytest.fixture(scope="session")
def protector_options(weights: Path) -> list[str]:
    """The options that name the protector."""
    return ["--weights", str(weights / "mitsgan.safetensors")]


@pytest.fixture
def protect(series: Path, protector_options: list[str], tmp_path: Path) -> Callable[..., int]:
    """Protect ``source`` into ``tmp_path / "out"`` on the CPU, with further options."""

    def run(*options: str, source: Path = series, out: Path = tmp_path / "out") -> int:
        return main(
            ["protect", str(source), str(out), "--device", "cpu", *protector_options, *options]
        )

    return run
