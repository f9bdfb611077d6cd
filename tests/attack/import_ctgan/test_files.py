"""Files that hold no whole Keras model of CT-GAN are refused, and told why."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mitsgan.attack.import_ctgan.weights import read_keras_generator
from mitsgan.errors import MissingExtraError, WeightsError


def _replace(name: str, values: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        group = file["model_weights"]
        del group[name]
        group[name] = values

    return change


def _remove(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file["model_weights"][name]

    return change


def _outside(file: h5py.File) -> None:
    del file["model_weights/conv3d_1"]
    with h5py.File(Path(file.filename).with_name("other.h5"), "w") as other:
        other["kernel:0"], other["bias:0"] = np.zeros((4, 4, 4, 2, 4)), np.zeros(4)
    file["model_weights/conv3d_1"] = h5py.ExternalLink("other.h5", "/")


def _raw_outside(file: h5py.File) -> None:
    name = "model_weights/conv3d_1/conv3d_1/bias:0"
    del file[name]
    raw = Path(file.filename).with_name("raw")
    raw.write_bytes(bytes(16))
    file.create_dataset(name, (4,), "f4", external=[(str(raw), 0, 16)])


@pytest.mark.parametrize("layout", ["keras2"], indirect=True)
@pytest.mark.parametrize(
    "change, message",
    [
        (_remove("conv3d_5"), "conv3d_5 has no weights"),
        (_remove("conv3d_5/conv3d_5/bias:0"), "conv3d_5 holds kernel; expected"),
        (_replace("conv3d_9/conv3d_9/bias:0", np.zeros(2)), "conv3d_9 holds bias of shape"),
        (_replace("conv3d_9/conv3d_9/bias:0", np.zeros(1, int)), "conv3d_9 holds bias of shape"),
        (_replace("conv3d_9/conv3d_9/bias:0", np.full(1, np.nan)), "not finite"),
        (
            _replace("batch_normalization/batch_normalization/moving_variance:0", -np.ones(4)),
            "batch_normalization holds moving_variance that is not finite, or below 0",
        ),
        (_outside, "conv3d_1 keeps .* in another file"),
        (_raw_outside, "conv3d_1 keeps bias in another file"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    model: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    with h5py.File(model, "r+") as file:
        change(file)
    with pytest.raises(WeightsError, match=message):
        read_keras_generator(model)


@pytest.mark.parametrize("part", [0, 7, 100, 2000, 50_000, 0.5, 0.99])
def test_a_file_cut_short_is_refused(model: Path, part: float) -> None:
    whole = model.read_bytes()
    model.write_bytes(whole[: int(part if part > 1 else part * len(whole))])
    with pytest.raises(WeightsError, match=r"not an HDF5 file|damaged or cut short"):
        read_keras_generator(model)


def test_weights_alone_are_refused(model: Path) -> None:
    """What `model.save_weights` writes: the same groups, one level up, without architecture."""
    alone = model.with_name("weights.h5")
    with h5py.File(model) as file, h5py.File(alone, "w") as target:
        for name in file["model_weights"]:
            file.copy(f"model_weights/{name}", target, name)
        target.attrs["layer_names"] = list(file["model_weights"])
    with pytest.raises(WeightsError, match=r"weights alone.*model\.save\('G_model\.h5'\)"):
        read_keras_generator(alone)


@pytest.mark.parametrize(
    "start, message",
    [(b"PK\x03\x04" + bytes(40), "Keras' .keras format"), (b"solid", "not an HDF5 file")],
)
def test_other_files_are_refused(tmp_path: Path, start: bytes, message: str) -> None:
    path = tmp_path / "G_model.h5"
    path.write_bytes(start)
    with pytest.raises(WeightsError, match=message):
        read_keras_generator(path)


def test_an_hdf5_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["image"] = np.zeros(3)
    with pytest.raises(WeightsError, match="holds no Keras model"):
        read_keras_generator(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such file"):
        read_keras_generator(tmp_path / "G_model.h5")


def test_without_h5py_the_install_line_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mitsgan\[keras\]'"):
        read_keras_generator(tmp_path / "G_model.h5")
