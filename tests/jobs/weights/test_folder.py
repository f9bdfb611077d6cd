"""Weights go out as a folder and come back as they were; what was changed is refused."""

from __future__ import annotations

import json
import pickle
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mitsgan as mg
from mitsgan.cli.main import main
from mitsgan.jobs.weights.folder import export_weights, import_weights
from mitsgan.jobs.weights.settings import ExportWeights, ImportWeights
from mitsgan.networks import read_card, shipped
from mitsgan.ownership import is_ours

NAMES = sorted(p.stem for p in shipped("").parent.glob("*.safetensors") if p.stem != "golden")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return export_weights(ExportWeights(weights="mitsgan-waves", output=tmp_path / "exported"))


def test_a_round_trip_gives_the_same_voxels_without_network(
    folder: Path, small_chest: mg.Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: Any) -> None:
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    file = folder.parent / "back.safetensors"
    import_weights(ImportWeights(folder=folder, output=file))
    assert file.read_bytes() == shipped("mitsgan-waves").read_bytes()
    of_folder, of_file, shipped_graph = (
        mg.protect(small_chest, weights=weights, device="cpu").scan.stored
        for weights in (folder, file, None)
    )
    np.testing.assert_array_equal(of_folder, of_file)
    # What ships runs without torch; torch may compute files in bfloat16, a few steps apart.
    steps = np.abs(of_folder.astype(np.int32) - shipped_graph)
    assert steps.max() <= 2
    assert (steps > 0).mean() < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_all_that_ships_has_a_full_card(name: str, tmp_path: Path) -> None:
    folder = export_weights(ExportWeights(weights=name, output=tmp_path / name))
    card = read_card(shipped(name))
    assert card is not None
    assert sorted(p.name for p in folder.iterdir()) == [
        *("README.md", "config.json", "model.safetensors"),
    ]
    assert json.loads((folder / "config.json").read_text())["card"] == card
    text = (folder / "README.md").read_text()
    assert text.startswith("---\nlibrary_name: mitsgan\nlicense: mit\n")
    assert text.count("---\n") >= 2
    for title in ("Use", "Training", "Measured", "Limits", "Licence", "Checksum"):
        part = text.split(f"\n## {title}\n")[1].split("\n## ")[0].strip()
        assert len(part) > 2, title
    assert card["sha256"] in text
    assert card["licence"] in text
    assert all(scan["name"] in text for scan in card["data"])


def test_the_folder_is_ours_and_replaced_only_when_told(folder: Path) -> None:
    assert all(is_ours(path) for path in folder.iterdir())
    again = ExportWeights(weights="mitsgan", output=folder)
    with pytest.raises(mg.OutputError, match="exists"):
        export_weights(again)
    export_weights(ExportWeights(weights="mitsgan", output=folder, overwrite=True))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(mg.OutputError, match=r"notes\.txt"):
        export_weights(ExportWeights(weights="mitsgan", output=folder, overwrite=True))


def test_a_file_of_weights_is_exported_too(tmp_path: Path, folder: Path) -> None:
    settings = ExportWeights(weights=str(folder / "model.safetensors"), output=tmp_path / "b")
    assert (export_weights(settings) / "config.json").read_bytes() == (
        folder / "config.json"
    ).read_bytes()


def test_a_config_that_was_changed_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["card"]["config"]["max_hu"] = 20
    (folder / "config.json").write_text(json.dumps(config))
    check_refused(folder, "not the card")


def test_weights_that_were_changed_are_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    check_refused(folder, "checksum")


def test_what_is_missing_is_told(folder: Path) -> None:
    (folder / "config.json").unlink()
    check_refused(folder, "config.json cannot be read")
    (folder / "model.safetensors").unlink()
    check_refused(folder, "exported by mitsgan")


class Runs:
    """Leaves a file behind where it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("unpickled"),)  # type: ignore[return-value]


def test_a_pickle_is_not_opened(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Runs()))
    check_refused(folder, "reading a pickle runs")
    with pytest.raises(mg.WeightsError):
        mg.protect(mg.Scan.from_hu(np.zeros((2, 2, 2)), (1, 1, 1), plausible=False), weights=folder)
    assert not Path("unpickled").exists()


def check_refused(folder: Path, message: str) -> None:
    output = folder.parent / "refused.safetensors"
    with pytest.raises(mg.WeightsError, match=message):
        import_weights(ImportWeights(folder=folder, output=output))
    assert not output.exists()


def test_weights_that_are_not_there_are_told_by_their_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "export", "nothing", "-o", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("error: nothing: no such file")


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = tmp_path / "exported", tmp_path / "back.safetensors"
    assert main(["weights", "export", "tafim", "-o", str(folder)]) == 0
    assert main(["weights", "import", str(folder), "-o", str(file)]) == 0
    assert file.read_bytes() == shipped("tafim").read_bytes()
    assert main(["weights", "export", "mitgan", "-o", str(tmp_path / "c")]) == 2
    assert "weights list" in capsys.readouterr().err
    assert main(["weights", "import", str(folder), "-o", str(tmp_path / "x.bin")]) == 2
    assert "*.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mitsgan", "injector-smooth", "remover-smooth", "classifier"])
def test_what_a_card_says_of_its_use_works(
    name: str, tmp_path: Path, small_chest: mg.Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    export_weights(ExportWeights(weights=name, output=tmp_path / "FOLDER"))
    mg.write(small_chest, tmp_path / "scan.nrrd")
    code = (tmp_path / "FOLDER" / "README.md").read_text().split("```python\n")[1].split("```")[0]
    exec(code.replace("SCAN", "scan.nrrd"), {})
