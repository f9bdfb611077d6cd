"""CT-GAN's Keras models: ours computes what Keras computes, and nothing else is taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from mitsgan.attack.import_ctgan.weights import read_keras_generator
from mitsgan.errors import WeightsError

FIXTURES = Path(__file__).parent / "data"
Config = dict[str, Any]


def _largest_difference(path: Path, layout: str) -> float:
    with np.load(FIXTURES / f"{layout}.npz") as pairs:
        inputs = torch.from_numpy(pairs["inputs"].astype(np.float32))
        outputs = torch.from_numpy(pairs["outputs"])
    assert float(outputs.std()) > 0.1, "the pairs must tell one network from another"
    with torch.no_grad():
        ours = read_keras_generator(path)(inputs[:, None])[:, 0]
    return float((ours - outputs).abs().max())


def test_ours_computes_what_keras_computes(model: Path, layout: str) -> None:
    assert _largest_difference(model, layout) < 1e-5


def test_the_generator_is_ready_to_use(model: Path) -> None:
    generator = read_keras_generator(model)
    assert generator.width == 2
    assert not generator.training
    assert not any(p.requires_grad for p in generator.parameters())
    state = generator.state_dict()
    assert not any(t.is_meta for t in state.values())
    with h5py.File(model) as file:
        name = next(n for n in file["model_weights/conv3d_6/conv3d_6"] if n.startswith("kernel"))
        kernel = file["model_weights/conv3d_6/conv3d_6"][name][()]
    assert state["up.1.convolution.weight"].shape == (8, 32, 4, 4, 4)
    assert float(state["up.1.convolution.weight"][5, 30, 0, 1, 2]) == kernel[0, 1, 2, 30, 5]


def _edit(path: Path, change: Callable[[Config], None]) -> None:
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)


def _layer(config: Config, name: str) -> Config:
    return next(entry for entry in config["config"]["layers"] if entry["name"] == name)


def _as_keras_2_2(config: Config) -> None:
    """How the releases of 2018 and 2019 say the same."""
    config["class_name"] = "Model"
    for entry in config["config"]["layers"]:
        options = entry["config"]
        options.pop("groups", None)
        if entry["class_name"] == "BatchNormalization":
            options["axis"] = -1


@pytest.mark.parametrize("layout", ["keras2"], indirect=True)
def test_the_oldest_layout_is_read_too(model: Path, layout: str) -> None:
    _edit(model, _as_keras_2_2)
    with h5py.File(model, "r+") as file:
        text = file.attrs["model_config"]
        del file.attrs["model_config"]
        file.attrs["model_config"] = np.bytes_(text.encode())
    assert _largest_difference(model, layout) < 1e-5


@pytest.mark.parametrize("layout", ["keras2"], indirect=True)
def test_an_activation_may_be_a_layer_of_its_own(model: Path, layout: str) -> None:
    def change(config: Config) -> None:
        _layer(config, "conv3d_8")["config"]["activation"] = "linear"
        _layer(config, "dropout_3")["class_name"] = "ReLU"
        _layer(config, "conv3d_9")["config"]["activation"] = "linear"
        config["config"]["layers"].append(
            {
                "class_name": "Activation",
                "name": "end",
                "config": {"activation": "tanh"},
                "inbound_nodes": [[["conv3d_9", 0, 0, {}]]],
            }
        )
        config["config"]["output_layers"] = [["end", 0, 0]]

    _edit(model, change)
    assert _largest_difference(model, layout) < 1e-5


DIFFERENT: dict[str, tuple[str, dict[str, Any], str]] = {
    "kernel": ("conv3d_2", {"kernel_size": [3, 3, 3]}, "conv3d_2 has kernel_size"),
    "stride": ("conv3d_3", {"strides": [1, 1, 1]}, "conv3d_3 has strides"),
    "padding": ("conv3d_5", {"padding": "valid"}, "conv3d_5 has padding valid"),
    "filters": ("conv3d_7", {"filters": 5}, "conv3d_7 has filters 5; .* has 4"),
    "no bias": ("conv3d", {"use_bias": False}, "conv3d has use_bias"),
    "groups": ("conv3d_4", {"groups": 2}, "conv3d_4 has groups"),
    "dilation": ("conv3d_5", {"dilation_rate": [2, 2, 2]}, "conv3d_5 has dilation_rate"),
    "channels": ("conv3d_6", {"data_format": "channels_first"}, "conv3d_6 has data_format"),
    "slope": ("leaky_re_lu_2", {"alpha": 0.3, "negative_slope": 0.3}, "leaky_re_lu_2 has alpha"),
    "epsilon": ("batch_normalization_1", {"epsilon": 1e-5}, "batch_normalization_1 has epsilon"),
    "axis": ("batch_normalization_7", {"axis": 1}, "batch_normalization_7 has axis"),
    "no scale": ("batch_normalization_4", {"scale": False}, "batch_normalization_4 has scale"),
    "size": ("up_sampling3d_3", {"size": [4, 4, 4]}, "up_sampling3d_3 has size"),
    "activation": ("conv3d_8", {"activation": "elu"}, "conv3d_8 is elu; .* has relu"),
    "no activation": ("conv3d_5", {"activation": "linear"}, "batch_normalization_4 is Batch"),
    "last": ("conv3d_9", {"activation": "sigmoid"}, "conv3d_9 is sigmoid; .* has tanh"),
    "concatenation": ("concatenate_1", {"axis": 1}, "concatenate_1 has axis"),
    "width": ("conv3d", {"filters": 100}, "conv3d_1 has filters 4; .* has 200"),
    "no filters": ("conv3d", {"filters": "two"}, "no layer is a Conv3D with filters"),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_another_network_is_refused_by_the_layer_that_differs(model: Path, case: str) -> None:
    name, options, message = DIFFERENT[case]
    _edit(model, lambda config: _layer(config, name)["config"].update(options))
    with pytest.raises(WeightsError, match=message) as raised:
        read_keras_generator(model)
    assert str(model) in str(raised.value)


def _leave_out(name: str) -> Callable[[Config], None]:
    """Rewire around one layer."""

    def change(config: Config) -> None:
        gone = _layer(config, name)
        config["config"]["layers"].remove(gone)
        before = gone["inbound_nodes"][0][0][0]
        text = json.dumps(config).replace(f'["{name}", 0', f'["{before}", 0')
        config.clear()
        config.update(json.loads(text))

    return change


def _add(config: Config) -> None:
    config["config"]["layers"].append(
        {
            "class_name": "LeakyReLU",
            "name": "more",
            "config": {"alpha": 0.2},
            "inbound_nodes": [[["conv3d_9", 0, 0, {}]]],
        }
    )
    config["config"]["output_layers"] = [["more", 0, 0]]


def _cross_skips(config: Config) -> None:
    _layer(config, "concatenate_2")["inbound_nodes"][0][1][0] = "leaky_re_lu_1"


def _turn_skips(config: Config) -> None:
    _layer(config, "concatenate_3")["inbound_nodes"][0].reverse()


def _join_three(config: Config) -> None:
    _layer(config, "concatenate")["inbound_nodes"][0].append(["conv3d_3", 0, 0, {}])


def _circle(config: Config) -> None:
    _layer(config, "conv3d")["inbound_nodes"] = [[["conv3d_9", 0, 0, {}]]]


def _end_early(config: Config) -> None:
    config["config"]["output_layers"] = [["concatenate_3", 0, 0]]


def _two_outputs(config: Config) -> None:
    config["config"]["output_layers"].append(["concatenate_3", 0, 0])


def _smaller_cube(config: Config) -> None:
    _layer(config, "input_1")["config"]["batch_input_shape"] = [None, 16, 16, 16, 1]


def _shared(config: Config) -> None:
    _layer(config, "conv3d_4")["inbound_nodes"] *= 2


def _sequential(config: Config) -> None:
    config["class_name"] = "Sequential"


def _deep(config: Config) -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    _layer(config, "conv3d")["inbound_nodes"] = [deep]


def _no_layers(config: Config) -> None:
    config["config"] = {"layers": "none"}


@pytest.mark.parametrize("layout", ["keras2"], indirect=True)
@pytest.mark.parametrize(
    "change, message",
    [
        (_leave_out("batch_normalization_2"), "conv3d_4 is Conv3D; .* has BatchNormalization"),
        (_leave_out("leaky_re_lu"), "conv3d_1 is Conv3D; .* has LeakyReLU"),
        (_leave_out("up_sampling3d_2"), "conv3d_7 is Conv3D; .* has UpSampling3D"),
        (_add, "more .LeakyReLU. is one too many"),
        (_end_early, "after layer concatenate_3 nothing follows"),
        (_cross_skips, "concatenate_2 joins .* batch_normalization "),
        (_turn_skips, "concatenate_3 "),
        (_join_three, "concatenate joins .* and conv3d_3"),
        (_circle, "circle"),
        (_two_outputs, "one input and one output"),
        (_smaller_cube, "input_1 is InputLayer of .*16"),
        (_shared, "conv3d_4 is used more than once"),
        (_sequential, "Sequential"),
        (_deep, "model_config is "),
        (_no_layers, "model_config is not that of"),
    ],
)
def test_other_graphs_are_refused(
    model: Path, change: Callable[[Config], None], message: str
) -> None:
    _edit(model, change)
    with pytest.raises(WeightsError, match=message):
        read_keras_generator(model)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "null", "[]", '{"class_name": 3}'])
def test_a_damaged_configuration_is_refused(model: Path, text: str) -> None:
    with h5py.File(model, "r+") as file:
        del file.attrs["model_config"]
        file.attrs.create("model_config", text[:60_000])
    with pytest.raises(WeightsError, match="model_config"):
        read_keras_generator(model)


@pytest.mark.parametrize("layout", ["keras2"], indirect=True)
@pytest.mark.parametrize("width", [5000, 10**30])
def test_a_small_file_cannot_ask_for_much_memory(model: Path, width: int) -> None:
    """Every layer says that it is that wide: a terabyte and more."""

    def change(config: Config) -> None:
        for entry in config["config"]["layers"]:
            if entry["config"].get("filters", 1) > 1:
                entry["config"]["filters"] *= width // 2

    _edit(model, change)
    with pytest.raises(
        WeightsError, match=rf"width {width} has more than .* MB of weights, the file 0\.4 MB"
    ):
        read_keras_generator(model)
