"""Makes the fixture that our generator is compared with: CT-GAN's, as the real Keras computes it.

Run by hand, once with each layout's Keras; the project itself never needs Keras:

    pip install 'tensorflow-cpu==2.15.*'
    python tools/keras_fixture.py tests/attack/import_ctgan/data/keras2 --pairs 2
    pip install 'keras>=3' 'jax[cpu]' h5py
    KERAS_BACKEND=jax python tools/keras_fixture.py tests/attack/import_ctgan/data/keras3 --pairs 1

Writes ``NAME.h5.gz``, what `model.save` wrote, and ``NAME.npz`` with ``inputs`` and ``outputs``
``[n, 32, 32, 32]`` of `model.predict`. Weights and running statistics are random, and lie on a
coarse grid so that the files stay small.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

WIDTH, SIDE, CORE = 2, 32, slice(6, 26)
GRID = 1024


def build(width: int) -> keras.Model:
    """The generator of CT-GAN, in Keras' functional API."""

    def down(x: Any, filters: int, *, normalize: bool = True) -> Any:
        x = layers.Conv3D(filters, kernel_size=4, strides=2, padding="same")(x)
        x = layers.LeakyReLU(0.2)(x)
        return layers.BatchNormalization(momentum=0.8)(x) if normalize else x

    def up(x: Any, skip: Any, filters: int) -> Any:
        x = layers.UpSampling3D(size=2)(x)
        x = layers.Conv3D(filters, kernel_size=4, padding="same", activation="relu")(x)
        x = layers.Dropout(0.5)(x)
        x = layers.BatchNormalization(momentum=0.8)(x)
        return layers.Concatenate()([x, skip])

    entry = layers.Input(shape=(SIDE, SIDE, SIDE, 1))
    levels = [down(entry, width, normalize=False)]
    for factor in (2, 4, 8, 8):
        levels.append(down(levels[-1], factor * width))
    x = levels.pop()
    for factor in (8, 4, 2, 1):
        x = up(x, levels.pop(), factor * width)
    x = layers.UpSampling3D(size=2)(x)
    return keras.Model(entry, layers.Conv3D(1, 4, padding="same", activation="tanh")(x))


def fill(model: keras.Model, rng: np.random.Generator) -> None:
    """Random weights of about unit gain; no statistic of a normalisation is 0 or 1."""
    for layer in model.layers:
        held = layer.get_weights()
        if len(held) == 2:
            kernel, bias = held
            spread = (2 / np.prod(kernel.shape[:-1])) ** 0.5
            held = [rng.normal(0, spread, kernel.shape), rng.normal(0, 0.1, bias.shape)]
        elif len(held) == 4:
            shape = held[0].shape
            held = [
                rng.uniform(0.5, 1.5, shape),
                rng.normal(0, 0.3, shape),
                rng.normal(0, 0.3, shape),
                rng.uniform(0.3, 2.0, shape),
            ]
        layer.set_weights([np.round(weight * GRID) / GRID for weight in held])


def main() -> None:
    """Write one fixture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="path and name, without an ending")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    rng = np.random.default_rng(arguments.seed)
    model = build(arguments.width)
    fill(model, rng)
    inputs = rng.integers(-128, 128, (arguments.pairs, SIDE, SIDE, SIDE)) / 256
    inputs[:, CORE, CORE, CORE] = 0
    inputs = inputs.astype(np.float32)
    outputs = model.predict(inputs[..., None], verbose=0)[..., 0]
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "model.h5"
        model.save(saved)
        written = gzip.compress(saved.read_bytes(), 9, mtime=0)
    arguments.output.with_suffix(".h5.gz").write_bytes(written)
    np.savez_compressed(
        arguments.output.with_suffix(".npz"), inputs=inputs.astype(np.float16), outputs=outputs
    )


if __name__ == "__main__":
    main()
