"""`mitsgan attacker`: published models in, attackers of ours out, and their cards."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mitsgan import __version__
from mitsgan.attack import TrainedAttacker
from mitsgan.attack.import_ctgan.weights import read_keras_generator
from mitsgan.cli.main import main
from mitsgan.networks import load_weights

FIXTURES = Path(__file__).parents[2] / "attack" / "import_ctgan" / "data"
Run = Callable[..., int]


@pytest.fixture
def published(tmp_path: Path) -> list[Path]:
    """A generator of width 2 as the real Keras saved it, with a table of 2000 bins."""
    files = [tmp_path / n for n in ("G_model.h5", "equalization.pkl", "normalization.npy")]
    files[0].write_bytes(gzip.decompress((FIXTURES / "keras2.h5.gz").read_bytes()))
    bins = np.linspace(-1100, 1500, 2000)
    cdf = 32768 / (1 + np.exp(-(bins + 600) / 200))
    files[1].write_bytes(pickle.dumps([bins, cdf], 3))
    np.save(files[2], np.array([16_000.0, cdf[0], cdf[-1]]))
    return files


@pytest.fixture
def imported(published: list[Path], tmp_path: Path) -> Run:
    """Import to ``tmp_path / "attacker.safetensors"``."""

    def run(action: str, *options: str) -> int:
        output = tmp_path / "attacker.safetensors"
        files = [str(file) for file in published]
        return main(["attacker", "import", *files, "--action", action, "-o", str(output), *options])

    return run


def test_imports_an_attacker_in_full_precision(
    imported: Run, published: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported("remove") == 0
    out = capsys.readouterr().out
    assert "attacker.safetensors: CT-GAN of width 2, action remove" in out
    attacker = TrainedAttacker.load(tmp_path / "attacker.safetensors")
    assert (attacker.action, attacker.name) == ("remove", "ct-gan")
    given = read_keras_generator(published[0]).state_dict()
    for name, tensor in attacker.network.state_dict().items():
        assert torch.equal(tensor, given[name]), name
    with np.load(FIXTURES / "keras2.npz") as pairs, torch.no_grad():
        inputs = torch.from_numpy(pairs["inputs"].astype(np.float32))
        outputs = attacker.network(inputs[:, None])[:, 0].numpy()
        assert float(np.abs(outputs - pairs["outputs"]).max()) < 1e-5
    bins, cdf = pickle.loads(published[1].read_bytes())
    np.testing.assert_array_equal(attacker.equalization.bins.numpy(), bins)
    np.testing.assert_array_equal(attacker.equalization.cdf.numpy(), cdf)
    assert attacker.equalization.mean == 16_000
    assert (attacker.equalization.low, attacker.equalization.high) == (cdf[0], cdf[-1])


def test_the_card_says_what_it_was_made_from(
    imported: Run, published: list[Path], tmp_path: Path
) -> None:
    assert imported("inject", "--licence", "research only", "--name", "mirsky", "--quiet") == 0
    card = load_weights(tmp_path / "attacker.safetensors", "attacker")[1]
    assert card["kind"] == "attacker"
    assert card["name"] == "mirsky"
    assert card["config"] == {"architecture": "ct-gan", "width": 2, "action": "inject"}
    assert card["licence"] == "research only"
    assert card["precision"] == "float32"
    assert card["version"] == __version__
    assert card["imported"] == [
        {"name": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in published
    ]


def test_the_licence_is_that_of_the_authors(imported: Run, tmp_path: Path) -> None:
    assert imported("inject") == 0
    card = load_weights(tmp_path / "attacker.safetensors", "attacker")[1]
    assert card["licence"] == "as given by its authors"


@pytest.mark.slow
def test_an_imported_attacker_is_measured_with(
    imported: Run,
    series: Path,
    weights: Path,
    protector_options: list[str],
    tmp_path: Path,
) -> None:
    assert imported("inject") == 0
    result = tmp_path / "result.json"
    options = ["--positions", "2", "--pgd-steps", "1", "--quiet", "-o", str(result)]
    attackers = ["--injector", str(tmp_path / "attacker.safetensors")]
    attackers += ["--remover", str(weights / "remover.safetensors")]
    assert main(["evaluate", str(series), *protector_options, *attackers, *options]) == 0
    evaluation = json.loads(result.read_text())
    card = load_weights(tmp_path / "attacker.safetensors", "attacker")[1]
    assert evaluation["attackers"]["inject"]["sha256"] == card["sha256"]
    assert evaluation["disruption"]["inject"]["protected"]["rmse_hu"]["median"] > 0


def test_an_attacker_there_is_kept(
    imported: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "attacker.safetensors"
    output.write_bytes(b"mine")
    assert imported("inject") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert imported("inject", "--overwrite") == 2
    assert "mitsgan did not make" in capsys.readouterr().err
    assert output.read_bytes() == b"mine"
    output.unlink()
    assert imported("inject") == 0
    assert imported("inject", "--overwrite") == 0
    assert TrainedAttacker.load(output).action == "inject"


def test_a_refused_import_leaves_nothing_behind(
    imported: Run, published: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    published[1].write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert imported("inject") == 2
    assert "equalization.pkl: asks for os.system" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_is_named_as_weights_and_is_no_source(
    published: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["attacker", "import", *map(str, published), "--action", "inject", "-o"]
    assert main([*start, str(tmp_path / "attacker.h5")]) == 2
    assert "weights are named *.safetensors" in capsys.readouterr().err
    odd = published[0].rename(tmp_path / "model.safetensors")
    start[2] = str(odd)
    content = odd.read_bytes()
    assert main([*start, str(odd), "--overwrite"]) == 2
    assert "is the input" in capsys.readouterr().err
    assert odd.read_bytes() == content


def test_info_shows_the_card(
    imported: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported("inject", "--quiet") == 0
    file = tmp_path / "attacker.safetensors"
    capsys.readouterr()
    assert main(["attacker", "info", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "config.action: inject" in lines
    assert "config.width: 2" in lines
    assert "imported.1.name: G_model.h5" in lines
    assert "licence: as given by its authors" in lines
    assert main(["attacker", "info", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == load_weights(file, "attacker")[1]


def test_info_refuses_a_damaged_file(
    imported: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported("inject", "--quiet") == 0
    file = tmp_path / "attacker.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert main(["attacker", "info", str(file)]) == 2
    assert "checksum" in capsys.readouterr().err
