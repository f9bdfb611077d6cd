"""`mitsgan protect --protector NAME`: baselines and controls by the same command and guarantee."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom import dcmread

from mitsgan.cli.main import main
from mitsgan.files import read_scan
from mitsgan.protect import PROTECTORS
from mitsgan.protect.baselines.paper import MitsGanPaper, PaperGenerator
from mitsgan.protect.baselines.tafim import Tafim, TafimNet


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights of both baselines: small, never trained."""
    folder = tmp_path_factory.mktemp("baselines")
    paths = {name: folder / f"{name}.safetensors" for name in ("mits-gan-paper", "tafim")}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        paper, net = PaperGenerator(2), TafimNet(2)
    MitsGanPaper(paper, 0).save(paths["mits-gan-paper"], {"config": {"width": 2}})
    Tafim(net).save(paths["tafim"], {"config": {"width": 2}})
    return paths


@pytest.mark.parametrize("name", [n for n in PROTECTORS.names() if n != "mits-gan"])
def test_others_protect_by_the_same_guarantee_and_say_so(
    name: str, baselines: dict[str, Path], series: Path, tmp_path: Path
) -> None:
    out, run = tmp_path / "out", tmp_path / "run.json"
    options = ["--protector", name, "--max-hu", "4", "--seed", "2", "--output", str(run)]
    if name in baselines:
        options += ["--weights", str(baselines[name])]
    assert main(["protect", str(series), str(out), "--device", "cpu", "--quiet", *options]) == 0
    before, after = read_scan(series), read_scan(out)
    moved = after.hu() - before.hu()
    assert np.abs(moved).max() == 4
    assert (moved[before.is_padding()] == 0).all()
    header = dcmread(next(out.iterdir()), stop_before_pixels=True)
    assert PROTECTORS.get(name).title in header.DerivationDescription
    assert "within 4 HU" in header.DerivationDescription
    assert "None" not in header.DerivationDescription
    control = "a control, no protection" in header.DerivationDescription
    assert control == PROTECTORS.get(name).control
    report = json.loads(run.read_text())
    assert report["protector"] == name
    has_weights = PROTECTORS.get(name).SHIPPED is not None
    assert (report["weights"] is not None) == has_weights
    assert report["change"]["largest"] == 4


def test_two_protectors_never_share_a_uid(series: Path, tmp_path: Path) -> None:
    uids = set()
    for name in ("noise", "offset"):
        out = tmp_path / name
        options = ["--protector", name, "--device", "cpu", "--quiet"]
        assert main(["protect", str(series), str(out), *options]) == 0
        uids.add(dcmread(next(out.iterdir()), stop_before_pixels=True).SeriesInstanceUID)
    assert len(uids) == 2


@pytest.mark.parametrize(
    "options, said",
    [
        (["--protector", "mitsgun"], "there is no protector 'mitsgun'; there are: mits-gan-waves,"),
        (["--protector", "noise", "--weights", "some.safetensors"], "has no weights"),
    ],
)
def test_refusals(
    options: list[str],
    said: str,
    series: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["protect", str(series), str(tmp_path / "out"), *options]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
