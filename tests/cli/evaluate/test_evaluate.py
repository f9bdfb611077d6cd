"""`mitsgan evaluate`: numbers, table, picture, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import matplotlib.image
import pytest
import SimpleITK as sitk  # noqa: N813 - its own habit
import torch

from mitsgan.cli.main import main
from mitsgan.evaluate.report.formatting import of_sample
from mitsgan.files import read_scan
from mitsgan.networks import load_weights
from mitsgan.phantom.chest import NODULE_LPS

Run = Callable[..., int]
FEW = ("--pgd-steps", "2", "--positions", "3")


@pytest.fixture(scope="module")
def evaluate(series: Path, attacker_options: list[str]) -> Run:
    """Evaluate the series at few positions, with further arguments."""

    def run(*arguments: str) -> int:
        few = FEW[:2] if "--position" in arguments else FEW
        return main(["evaluate", str(series), *arguments, *few, *attacker_options])

    return run


@dataclass(frozen=True)
class Evaluated:
    """What one evaluation left, and said."""

    arguments: Sequence[str]
    numbers: str
    picture: Path
    page: str
    said: str


@pytest.fixture(scope="module")
def evaluated(
    evaluate: Run, protector_options: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Evaluated:
    """All that an evaluation can be asked for, of a scan that is protected in memory."""
    folder = tmp_path_factory.mktemp("evaluated")
    numbers, picture, page = (folder / name for name in ("a.json", "a.png", "a.html"))
    arguments = ["--output", str(numbers), "--picture", str(picture), "--html", str(page)]
    arguments += ["--nodule", ",".join(f"{v:g}" for v in NODULE_LPS), *protector_options]
    with redirect_stdout(StringIO()) as said:
        assert evaluate(*arguments) == 0
    html = page.read_text(encoding="utf-8")
    return Evaluated(arguments, numbers.read_text(), picture, html, said.getvalue())


@pytest.mark.slow
def test_protects_in_memory_and_measures(evaluated: Evaluated, series: Path, weights: Path) -> None:
    text = evaluated.numbers
    result = json.loads(text)
    assert result["scan"]["name"] == "chest"
    assert str(series.parent) not in text, "no path of this machine"
    assert result["protector"]["name"] == "mitsgan"
    protector = load_weights(weights / "mitsgan.safetensors", "protector")[1]
    assert result["protector"]["sha256"] == protector["sha256"]
    for action, name in (("inject", "injector"), ("remove", "remover")):
        card = load_weights(weights / f"{name}.safetensors", "attacker")[1]
        assert result["attackers"][action]["sha256"] == card["sha256"]
        rows = result["disruption"][action]
        assert next(iter(rows)) == "protected"
        assert len(rows["protected"]["positions_rmse_hu"]) == 3
        assert "PGD, position known" in rows
    assert result["fidelity"]["largest_hu"] <= 10
    median = result["disruption"]["remove"]["protected"]["rmse_hu"]["median"]
    assert of_sample(median, 3) in evaluated.said
    assert "PGD, position known" in evaluated.said
    height, width = matplotlib.image.imread(evaluated.picture).shape[:2]
    assert width > height > 500


@pytest.mark.slow
def test_measures_a_scan_that_was_protected_before(
    evaluate: Run, series: Path, protector_options: list[str], tmp_path: Path
) -> None:
    """The same numbers as in memory, byte for byte, but for who protected it."""
    protected = tmp_path / "protected"
    assert main(["protect", str(series), str(protected), *protector_options, "--quiet"]) == 0
    files = [tmp_path / "memory.json", tmp_path / "disk.json"]
    assert evaluate("-o", str(files[0]), "--quiet", *protector_options) == 0
    assert evaluate(str(protected), "-o", str(files[1]), "--quiet") == 0
    memory, disk = (json.loads(file.read_text()) for file in files)
    assert disk.pop("protector") is disk.pop("protected_by") is None
    assert memory.pop("protector")["name"] == "mitsgan"
    assert memory.pop("protected_by") == "mits-gan", "its weights have no waves"
    assert memory == disk


def test_tells_budget_metrics_and_invariants(evaluated: Evaluated) -> None:
    result, output = json.loads(evaluated.numbers), evaluated.said
    assert result["budget_check"]["kept"] is True
    assert "budget of 10 HU kept by all" in output
    assert "padding untouched" in output
    compared = [(row["compared"], row["region"]) for row in result["metrics"]]
    attacked = ("attack slices", "attack squares")
    assert compared == [
        *(("protected", where) for where in ("whole scan", "body", "lung", *attacked)),
        *(("tampered: inject", where) for where in attacked),
        *(("tampered: remove", where) for where in attacked),
    ]
    whole = result["metrics"][0]["windows"]
    assert list(whole) == ["HU", "lung", "mediastinal", "bone"]
    assert whole["HU"]["rmse_hu"] == result["fidelity"]["rmse_hu"]
    assert f"{whole['lung']['psnr_db']:.1f}" in output
    assert any(row["name"] == "Perc15" for row in result["invariants"])
    assert "Perc15" in output
    assert "Perc15: QIBA Profile" in " ".join(output.split())


@pytest.mark.slow
def test_leaves_tampering_out(
    evaluate: Run,
    protector_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers = tmp_path / "numbers.json"
    nodule = ",".join(f"{v:g}" for v in NODULE_LPS)
    wanted = ("--no-attack", "--nodule", nodule, "-o", str(numbers))
    assert evaluate(*wanted, *protector_options) == 0
    result, output = json.loads(numbers.read_text()), capsys.readouterr().out
    assert result["disruption"] == {}
    assert result["config"]["nodules"] == [list(NODULE_LPS)]
    assert {row["compared"] for row in result["metrics"]} == {"protected"}
    assert any(row["name"].startswith("nodule volume") for row in result["invariants"])
    assert "Disruption" not in output
    assert "What a diagnosis rests on" in output


@pytest.mark.slow
def test_attacks_given_positions_in_a_variant(
    evaluate: Run,
    protector_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers, picture = tmp_path / "numbers.json", tmp_path / "picture.png"
    place = ",".join(f"{v:g}" for v in NODULE_LPS)
    wanted = ["--position", place, "--nodule", place, "--variant", "low-frequency"]
    wanted += ["-o", str(numbers), "--picture", str(picture)]
    assert evaluate(*wanted, *protector_options) == 0
    result = json.loads(numbers.read_text())
    output = " ".join(capsys.readouterr().out.split())  # titles are wrapped
    (position,) = result["positions"]
    assert position["lps_mm"] == pytest.approx(NODULE_LPS, abs=4.1)  # the nearest voxel
    assert result["config"]["variant"] == "low-frequency"
    assert "1 given position per action, attack: low-frequency" in output
    assert set(result["appearance"]) == {"inject", "remove", "remove, at known nodules"}
    assert "What the attacked cubes look like" in output
    assert "calls that flip" in output
    assert result["classifier"]["name"] == "classifier"
    assert picture.exists()


def test_a_page_with_pictures(evaluated: Evaluated, evaluate: Run, series: Path) -> None:
    html, result = evaluated.page, json.loads(evaluated.numbers)
    assert html.count("<img ") == 2 * (2 * 4 + 4), "two scans, one difference, two attacks"
    assert "Removing a nodule from chest" in html
    voxel = read_scan(series).geometry.to_voxel(NODULE_LPS)
    assert f"voxel {', '.join(map(str, voxel))} [z, y, x]" in html, "removal at the nodule"
    assert str(evaluated.picture.parent) not in html, "no path of this machine"
    median = result["disruption"]["inject"]["protected"]["rmse_hu"]["median"]
    assert f"{of_sample(median, len(result['positions']))} HU when injecting" in html
    assert evaluate(*evaluated.arguments) == 2, "nothing is overwritten unasked"


def test_the_variants_known_to_settings_are_those_that_there_are() -> None:
    from typing import get_args

    from mitsgan.evaluate.attacks.variants import VARIANTS
    from mitsgan.evaluate.settings import VariantName

    assert get_args(VariantName) == tuple(VARIANTS)


@pytest.mark.slow
def test_a_budget_that_is_not_kept_is_told(
    evaluate: Run,
    series: Path,
    protector_options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    protected = tmp_path / "protected"
    assert main(["protect", str(series), str(protected), *protector_options, "--quiet"]) == 0
    assert evaluate(str(protected), "--max-hu", "2", "--no-attack") == 1
    assert "BUDGET of 2 HU NOT KEPT" in capsys.readouterr().out


@pytest.mark.slow
def test_two_formats_of_one_scan(
    evaluate: Run, series: Path, protector_options: list[str], tmp_path: Path
) -> None:
    folder, image = tmp_path / "protected", tmp_path / "protected.nii.gz"
    files = [tmp_path / "folder.json", tmp_path / "image.json"]
    assert main(["protect", str(series), str(folder), *protector_options, "--quiet"]) == 0
    scan = read_scan(folder)
    stored = sitk.GetImageFromArray(scan.hu())
    stored.SetSpacing(scan.spacing[::-1])
    stored.SetOrigin(scan.geometry.origin)
    sitk.WriteImage(stored, str(image))
    for protected, file in zip((folder, image), files, strict=True):
        assert evaluate(str(protected), "--no-attack", "-o", str(file), "--quiet") == 0
    first, second = (json.loads(file.read_text()) for file in files)
    assert second["metrics"] == first["metrics"]
    assert second["budget_check"]["corners_mm"] < 0.001
    assert second["budget_check"]["padding_moved"] == 0


def test_a_scan_elsewhere_is_refused(
    evaluate: Run, series: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, scan = tmp_path / "moved.mha", read_scan(series)
    stored = sitk.GetImageFromArray(scan.hu())
    stored.SetSpacing(scan.spacing[::-1])
    sitk.WriteImage(stored, str(image))
    assert evaluate(str(image), "--no-attack") == 2
    assert "lie in different places" in capsys.readouterr().err


@pytest.mark.slow
def test_lpips_without_weights_is_a_gap_and_with_them_a_column(
    evaluate: Run,
    protector_options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    numbers, weights = tmp_path / "numbers.json", tmp_path / "alexnet.pth"
    wanted = ("--no-attack", "-o", str(numbers), "--overwrite", *protector_options)
    assert evaluate(*wanted) == 0
    assert "LPIPS: no AlexNet in torch's cache" in capsys.readouterr().out
    result = json.loads(numbers.read_text())
    assert result["lpips"] is None
    assert result["metrics"][0]["windows"]["HU"]["lpips"] is None

    shapes = (
        (0, 64, 3, 11),
        (3, 192, 64, 5),
        (6, 384, 192, 3),
        (8, 256, 384, 3),
        (10, 256, 256, 3),
    )
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for number, out, into, side in shapes:
        kernel = torch.randn(out, into, side, side, generator=generator)
        tensors[f"features.{number}.weight"] = kernel / (into * side * side) ** 0.5
        tensors[f"features.{number}.bias"] = torch.zeros(out)
    torch.save(tensors, weights)
    assert evaluate(*wanted, "--lpips-weights", str(weights)) == 0
    assert "LPIPS: torch's cache" not in capsys.readouterr().out
    result = json.loads(numbers.read_text())
    assert all(row["windows"]["lung"]["lpips"] > 0 for row in result["metrics"])
    cached = tmp_path / "hub" / "checkpoints" / "alexnet-owt-broken.pth"
    cached.parent.mkdir(parents=True)
    cached.write_text("no weights")
    assert evaluate(*wanted) == 0
    assert "in torch's cache cannot be used" in capsys.readouterr().out


def test_refuses_the_original_as_its_protected_version(
    evaluate: Run, series: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(str(series)) == 2
    assert "give a scan and its protected version" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--positions", "0"], "--positions must be 1 or more"),
        (["--max-hu", "-1"], "--max-hu"),
        (["--pgd-steps", "-1"], "--pgd-steps must be 0 or more"),
        (["nowhere"], "nowhere does not exist"),
        (["--nodule", "1,2"], "1,2: expected three numbers"),
        (["--nodule", "0,0,900"], "lies outside the scan"),
        (["--position", "1,2"], "1,2: expected three numbers"),
        (["--position", "0,0,900"], "lies outside the scan, which reaches from"),
        (["--position", "0,0,0", "--no-attack"], "do without --no-attack"),
        (["--position", "0,0,0", "--positions", "3"], "leave --positions out"),
        (["--classifier", "none.safetensors"], "none.safetensors: no such weights file"),
        (["--no-attack", "--picture", "p.png"], "do without --no-attack"),
        (["--lpips-weights", "none.pth"], "none.pth: no such file"),
        (["--weights", "none.safetensors"], "none.safetensors: no such weights file"),
        (["--protector", "wafe"], "there is no protector 'wafe'; there are: mits-gan"),
        (
            ["--protector", "noise", "--weights", "w.safetensors"],
            "noise (random signs) has no weights",
        ),
        (["somewhere", "--protector", "wave"], "--protector protects in memory; leave it out, or"),
        (["--output", "no/such/numbers.json"], "the folder no/such does not exist"),
    ],
)
def test_refusals(
    series: Path,
    attacker_options: list[str],
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluate", str(series), *arguments, *attacker_options]) == 2
    assert said in capsys.readouterr().err


def test_refuses_attackers_in_each_others_place(
    weights: Path,
    series: Path,
    protector_options: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    swapped = ["--injector", str(weights / "remover.safetensors")]
    assert main(["evaluate", str(series), *swapped, *protector_options]) == 2
    assert "these weights remove, --injector must inject" in capsys.readouterr().err


def test_refuses_a_protector_for_a_protected_scan(
    evaluate: Run,
    series: Path,
    protector_options: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert evaluate(str(series), *protector_options) == 2
    assert "leave it out, or PROTECTED" in capsys.readouterr().err
