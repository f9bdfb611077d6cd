"""Make the ONNX graphs that the package runs in place of torch, of the weights that ship.

    python tools/onnx_graph.py

writes `mitsgan.onnx` and `mitsgan-waves.onnx` into `src/mitsgan/protect/pretrained`, and the cards
beside them; to be run after new weights. A graph holds all that the network does with a slab,
scaling to tanh. It computes what `mitsgan.protect.network` computes, put so that ONNX Runtime is
quick: its convolutions in two dimensions are, those in three are not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mitsgan.errors import WeightsError
from mitsgan.networks import load_weights, shipped
from mitsgan.protect.graph import MitsGanGraph, MitsGanWavesGraph, card_path, graph_path
from mitsgan.protect.patches import HALO, PATCH

Array = NDArray[np.float32]

_OPSET = 18
_IR_VERSION = 10
"""Old enough for every ONNX Runtime that the package allows."""

_PIXELS = PATCH**2
_AIR_HU, _LUNG_HU, _LUNG_RANGE = 850.0, 150.0, (-1.5, 3.0)
_TISSUE_HU, _TISSUE_RANGE = 500.0, (-2.0, 2.0)
_ALL = 2**40


class Graph:
    """Operations put one behind the other; each gives the name of what it made."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def apply(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        """One operation."""
        name = to or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Sequence[float] | Array | float, kind: type = np.float32) -> str:
        """An array, or a number."""
        name = f"constant_{len(self._constants)}"
        array: NDArray[Any] = np.array(values, kind, order="C")
        self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def whole(self, *values: int) -> str:
        """Whole numbers, as axes and shapes are."""
        return self.constant(values, np.int64)

    def convolution(
        self, x: str, kernel: Array, bias: Array | None = None, *, pad: int = 0, stride: int = 1
    ) -> str:
        """Of ``[n, channels, y, x]``; the kernel is ``[outputs, inputs, y, x]``."""
        constants = [kernel] if bias is None else [kernel, bias]
        return self.apply(
            "Conv",
            x,
            *(self.constant(array) for array in constants),
            kernel_shape=list(kernel.shape[2:]),
            pads=[pad] * 4,
            strides=[stride] * 2,
        )

    def relu(self, x: str) -> str:
        """Leaky, as everywhere in the network."""
        return self.apply("LeakyRelu", x, alpha=0.2)

    def clip(self, x: str, low: float, high: float) -> str:
        """Within limits."""
        return self.apply("Clip", x, self.constant(low), self.constant(high))

    def part(self, x: str, start: int, stop: int, axis: int = 0) -> str:
        """Of an axis, ``start:stop``."""
        return self.apply("Slice", x, *(self.whole(n) for n in (start, stop, axis)))

    def model(self, waves: int) -> onnx.ModelProto:
        """All of it, checked.

        Args:
            waves: cosines and sines that it is given, of patches along rows and columns.
        """

        def value(name: str, *shape: int | str) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

        inputs = [
            value("hu", "slices", "y", "x"),
            value("noise", "slices", "rows", "columns"),
            value("scales", 2),
            value("window", 1, 1, "window_rows", "window_columns"),
        ]
        if waves:
            inputs += [
                value("along_y", "rows", waves, PATCH),
                value("along_x", "columns", waves, PATCH),
            ]
        graph = helper.make_graph(
            self._nodes,
            "mits-gan",
            inputs,
            [value("part_of_budget", "inner_slices", "y", "x")],
            list(self._constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model)
        return model


def network(weights: Mapping[str, Array]) -> onnx.ModelProto:
    """The graph of `mitsgan.protect.network.PerturbationGenerator`.

    Args:
        weights: by the names of its parameters.

    Raises:
        WeightsError: it reaches farther, which no graph is made of.
    """
    if any(name.startswith("far.") for name in weights):
        raise WeightsError("a network with a reach runs on torch alone")
    g = Graph()

    def layer(name: str, x: str, *, pad: int = 1, stride: int = 1) -> str:
        """A convolution in plane; one over three slices is one over three times the channels."""
        kernel = weights[f"{name}.weight"]
        flat = kernel.swapaxes(1, 2).reshape(len(kernel), -1, *kernel.shape[3:])
        return g.convolution(x, flat, weights[f"{name}.bias"], pad=pad, stride=stride)

    def with_neighbours(x: str) -> str:
        """Slices with those before and behind them, as channels; the outermost are gone."""
        parts = [g.part(x, 0, -2), g.part(x, 1, -1), g.part(x, 2, _ALL)]
        return g.apply("Concat", *parts, axis=1)

    x = g.relu(_stem(g, weights))
    x = g.apply("Add", g.relu(layer("side", x)), x)
    down = g.relu(layer("down", x, pad=0, stride=2))
    deep = layer("deep2", with_neighbours(g.relu(layer("deep1", with_neighbours(down)))))
    deep = g.relu(g.apply("Add", deep, g.part(down, HALO, -HALO)))
    up = g.apply(
        "ConvTranspose",
        deep,
        g.constant(weights["up.weight"][:, :, 0]),
        g.constant(weights["up.bias"]),
        kernel_shape=[2, 2],
        strides=[2, 2],
    )
    x = g.relu(g.apply("Add", g.part(x, HALO, -HALO), up))
    x = g.relu(layer("merge", x))
    residual = layer("head", x)
    residual = g.apply("Sub", residual, _local_mean(g, residual))
    waves = 0
    if "amplitudes.weight" in weights:
        waves = len(weights["amplitudes.weight"]) // 2
        residual = g.apply("Add", residual, _waves(g, layer("amplitudes", x), waves))
    pixels = g.apply("DepthToSpace", residual, blocksize=PATCH, mode="DCR")
    g.apply("Tanh", g.apply("Squeeze", pixels, g.whole(1)), to="part_of_budget")
    return g.model(waves)


def _waves(g: Graph, amplitudes: str, waves: int) -> str:
    """What waves come to in every pixel, ``[z, PATCH**2, y, x]`` of patches."""
    along_y = g.part(amplitudes, 0, waves, axis=1)
    along_x = g.part(amplitudes, waves, 2 * waves, axis=1)
    by_row = g.apply("MatMul", g.apply("Transpose", along_y, perm=[0, 2, 3, 1]), "along_y")
    by_column = g.apply("MatMul", g.apply("Transpose", along_x, perm=[0, 3, 2, 1]), "along_x")
    by_row = g.apply("Transpose", by_row, perm=[0, 3, 1, 2])  # [z, pixel along y, y, x]
    by_column = g.apply("Transpose", by_column, perm=[0, 3, 2, 1])
    total = g.apply(
        "Add", g.apply("Unsqueeze", by_row, g.whole(2)), g.apply("Unsqueeze", by_column, g.whole(1))
    )
    size = g.apply("Shape", amplitudes)
    flat = g.apply("Concat", g.part(size, 0, 1), g.whole(_PIXELS), g.part(size, 2, _ALL), axis=0)
    return g.apply("Reshape", total, flat)


def _stem(g: Graph, weights: Mapping[str, Array]) -> str:
    """The first convolution over patches: of pixels, with strides, and of noise and scales.

    A pixel outside counts as zero once scaled. So it is moved and clipped first, and the factor is
    in the kernel.
    """
    kernel = weights["stem.weight"][:, :, 0]
    hu, noise = (g.apply("Unsqueeze", name, g.whole(1)) for name in ("hu", "noise"))
    lung = g.apply("Add", hu, g.constant(_AIR_HU))
    lung = g.clip(lung, *(_LUNG_HU * end for end in _LUNG_RANGE))
    tissue = g.clip(hu, *(_TISSUE_HU * end for end in _TISSUE_RANGE))
    of_lung = _of_pixels(kernel[:, :_PIXELS]) / _LUNG_HU
    of_tissue = _of_pixels(kernel[:, _PIXELS : 2 * _PIXELS]) / _TISSUE_HU
    total = g.apply(
        "Add",
        g.convolution(lung, of_lung, weights["stem.bias"], pad=PATCH, stride=PATCH),
        g.convolution(tissue, of_tissue, pad=PATCH, stride=PATCH),
    )
    last = sum(name.startswith("noise.layers.") for name in weights) // 2 - 1
    shaped = noise
    for number in range(last + 1):
        name = f"noise.layers.{number}"
        shaped = g.convolution(shaped, weights[f"{name}.weight"][:, :, 0], weights[f"{name}.bias"])
        if number < last:
            shaped = g.relu(shaped)
    shape = g.apply("Shape", noise)
    like = g.apply("Concat", g.part(shape, 0, 1), g.whole(2), g.part(shape, 2, 4), axis=0)
    scale = g.apply("Expand", g.apply("Reshape", "scales", g.whole(1, 2, 1, 1)), like)
    coarse = g.apply("Concat", shaped, scale, axis=1)
    return g.apply("Add", total, g.convolution(coarse, kernel[:, 2 * _PIXELS :], pad=1))


def _of_pixels(kernel: Array) -> Array:
    """``[outputs, pixels of a patch, y, x]`` of patches as ``[outputs, 1, y, x]`` of pixels."""
    outputs, _, y, x = kernel.shape
    apart = kernel.reshape(outputs, PATCH, PATCH, y, x).transpose(0, 3, 1, 4, 2)
    return apart.reshape(outputs, 1, y * PATCH, x * PATCH)


def _local_mean(g: Graph, residual: str) -> str:
    """Over the window, of as many patches as lie in the slab."""
    mean = g.apply("ReduceMean", residual, g.whole(1), keepdims=1)
    one = g.part(mean, 0, 1)
    ones = g.apply("Add", g.apply("Sub", one, one), g.constant(1.0))
    total, count = (g.apply("Conv", x, "window", auto_pad="SAME_UPPER") for x in (mean, ones))
    return g.apply("Div", total, count)


def main(argv: Sequence[str] | None = None) -> int:
    """Write graphs and cards; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=None, metavar="FOLDER")
    folder = parser.parse_args(argv).output
    for kind in (MitsGanGraph, MitsGanWavesGraph):
        path = graph_path(kind.SHIPPED)
        _write(kind.SHIPPED, path if folder is None else folder / path.name)
    return 0


def _write(weights: str, path: Path) -> None:
    """The graph of weights that ship, and its card."""
    tensors, card = load_weights(shipped(weights), "protector")
    content = network({name: tensor.numpy() for name, tensor in tensors.items()})
    written = content.SerializeToString()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written)
    beside = {"graph_sha256": hashlib.sha256(written).hexdigest(), "card": card}
    card_path(path).write_text(json.dumps(beside, indent=2, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
