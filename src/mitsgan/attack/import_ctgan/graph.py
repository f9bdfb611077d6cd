"""The layers of CT-GAN's generator in a Keras model's configuration, checked one by one.

A Keras HDF5 file describes its model as JSON: Keras 2 and Keras 3 write the same layers with the
edges between them in different forms. Weights mean something only in the network that they were
trained in, so every layer, its options and its edges must be those of Mirsky et al. 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.errors import WeightsError

_DOWN = (1, 2, 4, 8, 8)
_UP = (8, 4, 2, 1)
"""Filters of each level, in multiples of the width."""

_LAST_AXIS = (-1, 4, [-1], [4])

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "Conv3D": {
        "strides": [1, 1, 1],
        "padding": "valid",
        "data_format": "channels_last",
        "dilation_rate": [1, 1, 1],
        "groups": 1,
        "use_bias": True,
    },
    "BatchNormalization": {"axis": -1, "epsilon": 1e-3, "center": True, "scale": True},
    "UpSampling3D": {"size": [2, 2, 2], "data_format": "channels_last"},
    "LeakyReLU": {"alpha": 0.3},
    "Concatenate": {"axis": -1},
}
"""What Keras takes where a configuration leaves an option out, as older versions do."""


@dataclass(frozen=True)
class _Layer:
    name: str
    kind: str
    options: Mapping[str, Any]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class _Step:
    """What must come next: a layer's kind and options, and our module that takes its weights."""

    kind: str
    where: str
    options: Mapping[str, Any]
    module: str = ""
    skip: str = ""


def generator_layers(config: object) -> tuple[int, dict[str, str]]:
    """Check that a model is CT-GAN's generator.

    Args:
        config: the JSON of the attribute ``model_config``, read.

    Returns:
        The width (base filters), and for each module of `mitsgan.attack.Generator` that has
        weights the name of the Keras layer that holds them.

    Raises:
        WeightsError: it is another model; the message names the first layer that differs.
    """
    try:
        layers, entry, exit_ = _read(config)
        chain = _chain(layers, entry, exit_)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise WeightsError(
            f"its model_config is not that of a Keras functional model ({error!r}); "
            "give the generator as model.save wrote it"
        ) from error
    convolutions = [layer for layer in chain if layer.kind == "Conv3D"]
    width = convolutions[0].options.get("filters") if convolutions else None
    if not isinstance(width, int) or isinstance(width, bool) or width < 1:
        raise WeightsError("no layer is a Conv3D with filters; CT-GAN's generator begins with one")
    return width, _matched(chain, width)


def _matched(chain: list[_Layer], width: int) -> dict[str, str]:
    layer_of: dict[str, str] = {}
    before = ""
    ends: dict[str, str] = {}
    """The last layer of each level: where the skips come from."""
    for step, layer in zip_longest(_steps(width), chain):
        if layer is None:
            raise WeightsError(
                f"after layer {before} nothing follows; CT-GAN's generator has {_words(step)} there"
            )
        if step is None:
            raise WeightsError(
                f"layer {layer.name} ({layer.kind}) is one too many; CT-GAN's generator ends "
                f"before it, with {before}"
            )
        _check(layer, step)
        joined = (before, ends[step.skip]) if step.skip else layer.inputs[:1]
        if layer.inputs != joined:
            raise WeightsError(
                f"layer {layer.name} joins {' and '.join(layer.inputs)}; CT-GAN's generator joins "
                f"{' and '.join(joined)} there, in this order ({step.where})"
            )
        ends[step.where] = layer.name
        if step.module:
            layer_of[step.module] = layer.name
        before = layer.name
    return layer_of


def _steps(width: int) -> Iterator[_Step]:
    """CT-GAN's generator from input to output (Mirsky et al. 2019, section 4; the release)."""
    convolution = {
        "kernel_size": [4, 4, 4],
        "padding": "same",
        "data_format": "channels_last",
        "dilation_rate": [1, 1, 1],
        "groups": 1,
        "use_bias": True,
    }
    normalization = {"axis": _LAST_AXIS, "epsilon": 1e-3, "center": True, "scale": True}
    doubling = {"size": [2, 2, 2], "data_format": "channels_last"}
    one, two = {"strides": [1, 1, 1]}, {"strides": [2, 2, 2]}
    for level, factor in enumerate(_DOWN):
        where, module = f"down {level + 1}", f"down.{level}"
        filters = {"filters": factor * width}
        yield _Step("Conv3D", where, convolution | two | filters, f"{module}.convolution")
        yield _Step("LeakyReLU", where, {"alpha": 0.2})
        if level:
            yield _Step("BatchNormalization", where, normalization, f"{module}.normalization")
    for level, factor in enumerate(_UP):
        where, module = f"up {level + 1}", f"up.{level}"
        filters = {"filters": factor * width}
        yield _Step("UpSampling3D", where, doubling)
        yield _Step("Conv3D", where, convolution | one | filters, f"{module}.convolution")
        yield _Step("relu", where, {})
        yield _Step("BatchNormalization", where, normalization, f"{module}.normalization")
        yield _Step("Concatenate", where, {"axis": _LAST_AXIS}, skip=f"down {len(_UP) - level}")
    yield _Step("UpSampling3D", "last", doubling)
    yield _Step("Conv3D", "last", convolution | one | {"filters": 1}, "last")
    yield _Step("tanh", "last", {})


def _check(layer: _Layer, step: _Step) -> None:
    if layer.kind != step.kind:
        raise WeightsError(
            f"layer {layer.name} is {layer.kind}; CT-GAN's generator has {_words(step)} there"
        )
    defaults = _DEFAULTS.get(layer.kind, {})
    for option, expected in step.options.items():
        value = layer.options.get(option, defaults.get(option))
        if not _equal(value, expected):
            shown = expected[0] if isinstance(expected, tuple) else expected
            raise WeightsError(
                f"layer {layer.name} has {option} {value}; CT-GAN's generator has {shown} there "
                f"({step.where})"
            )


def _equal(value: object, expected: object) -> bool:
    if isinstance(expected, tuple):
        return any(_equal(value, one) for one in expected)
    if isinstance(expected, float):
        # Keras 2 writes 0.2 as the nearest float32.
        return isinstance(value, float | int) and abs(value - expected) < 1e-6
    return value == expected


def _words(step: _Step | None) -> str:
    return f"{step.kind} ({step.where})" if step else "its end"


def _chain(layers: Mapping[str, _Layer], entry: str, exit_: str) -> list[_Layer]:
    """From output back to input along first inputs; activations apart, dropout (off) left out."""

    def awake(name: str) -> str:
        for _ in layers:
            if layers[name].kind != "Dropout":
                break
            name = layers[name].inputs[0]
        return name

    chain: list[_Layer] = []
    name = exit_
    for _ in layers:
        layer = layers[name := awake(name)]
        if name == entry:
            shape = layer.options.get("batch_shape", layer.options.get("batch_input_shape"))
            if layer.kind != "InputLayer" or shape is None or shape[1:] != [SIDE, SIDE, SIDE, 1]:
                raise WeightsError(
                    f"layer {name} is {layer.kind} of {shape}; CT-GAN's generator takes cubes of "
                    f"[batch, {SIDE}, {SIDE}, {SIDE}, 1]"
                )
            return chain[::-1]
        inputs = tuple(awake(one) for one in layer.inputs)
        activation = layer.options.get("activation", "linear")
        if layer.kind in ("Activation", "ReLU"):
            chain.append(_Layer(name, _activation(layer), {}, inputs))
        else:
            if activation != "linear":
                chain.append(_Layer(name, str(activation), {}, (name,)))
            chain.append(_Layer(name, layer.kind, layer.options, inputs))
        name = inputs[0]
    raise ValueError("the layers lead in a circle")


def _activation(layer: _Layer) -> str:
    if layer.kind == "Activation":
        return str(layer.options.get("activation"))
    plain = ("max_value", None), ("negative_slope", 0.0), ("threshold", 0.0)
    return "relu" if all(layer.options.get(k, v) in (v, [v]) for k, v in plain) else "bounded ReLU"


def _read(config: Any) -> tuple[dict[str, _Layer], str, str]:
    """Layers by name, and the names of the one input and the one output."""
    if config["class_name"] not in ("Functional", "Model"):
        raise ValueError(f"it is a {config['class_name']}")
    layers: dict[str, _Layer] = {}
    for entry in config["config"]["layers"]:
        options = dict(entry["config"])
        if "negative_slope" in options and entry["class_name"] == "LeakyReLU":
            options["alpha"] = options["negative_slope"]  # Keras 3's name for it
        nodes = entry["inbound_nodes"]
        if len(nodes) > 1:
            raise ValueError(f"layer {entry['name']} is used more than once")
        name = str(entry["name"])
        if name in layers:
            raise ValueError(f"two layers are called {name}")
        layers[name] = _Layer(name, str(entry["class_name"]), options, tuple(_sources(nodes)))
    ends = [list(_sources(config["config"][key])) for key in ("input_layers", "output_layers")]
    if any(len(end) != 1 for end in ends):
        raise ValueError("it has not one input and one output")
    return layers, ends[0][0], ends[1][0]


def _sources(node: Any) -> Iterator[str]:
    """Names of layers in edges: Keras 2 writes [name, 0, 0, {}], Keras 3 tensors with a history."""
    if isinstance(node, dict):
        if "keras_history" in node.get("config", {}):
            yield str(node["config"]["keras_history"][0])
        else:
            yield from _sources(node["args"])
    elif node and isinstance(node[0], str):
        yield node[0]
    else:
        for one in node:
            yield from _sources(one)
