"""CT-GAN's attackers as their authors hand them on: a generator, a pickle and an array."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from mitsgan.attack.equalize import Equalization
from mitsgan.attack.import_ctgan.table import pickled_pair
from mitsgan.attack.import_ctgan.weights import read_keras_generator
from mitsgan.attack.imported import imported_card
from mitsgan.attack.plan import Action
from mitsgan.attack.trained import TrainedAttacker
from mitsgan.errors import WeightsError
from mitsgan.networks import Card

_LARGEST_PICKLE = 16_000_000
_LARGEST_ARRAY_FILE = 4_096
"""Bytes; a hundred times, and about twenty times, the published files."""


def read_equalization(table: Path, triple: Path) -> Equalization:
    """Read a published equalisation table and its normalisation, without running the pickle.

    Args:
        table: ``equalization.pkl``, a pickled list of two float arrays: bin centres in HU and
            cumulative counts per cube. Any protocol, of Python 2 or 3 and NumPy 1 or 2.
        triple: ``normalization.npy``, mean, minimum and maximum of the equalised cubes.

    Raises:
        WeightsError: missing, damaged, hostile, or not such a table or triple.
    """
    data = _bytes(table, _LARGEST_PICKLE, "equalization.pkl")
    try:
        bins, cdf = pickled_pair(data)
    except WeightsError as error:
        raise WeightsError(f"{table}: {error}") from error
    if len(bins) != len(cdf) or len(bins) < 2:
        raise WeightsError(
            f"{table}: {len(bins)} bins and {len(cdf)} counts; expected as many of each, two or "
            "more"
        )
    finite = np.isfinite(bins).all() and np.isfinite(cdf).all()
    counts = cdf[0] >= 0 and (np.diff(cdf) >= 0).all() and cdf[-1] > cdf[0]
    if not (finite and counts and (np.diff(bins) > 0).all()):
        raise WeightsError(
            f"{table}: expected bin centres that ascend, then counts of 0 or more that never "
            "descend; give the equalization.pkl of CT-GAN"
        )
    mean, low, high = _triple(triple)
    slack = 1e-3 * (cdf[-1] - cdf[0])
    if low < cdf[0] - slack or high > cdf[-1] + slack:
        raise WeightsError(
            f"{triple}: minimum {low:g} and maximum {high:g} lie outside the counts of {table}, "
            f"{cdf[0]:g} to {cdf[-1]:g}; give two files of the same model"
        )
    return Equalization(torch.from_numpy(bins), torch.from_numpy(cdf), mean, low, high)


def read_published(
    model: Path, table: Path, triple: Path, action: Action, name: str = "ct-gan"
) -> TrainedAttacker:
    """Read an attacker as CT-GAN's authors hand it on.

    Args:
        model: ``G_model.h5``, see `mitsgan.attack.import_ctgan.weights.read_keras_generator`.
        table: ``equalization.pkl``.
        triple: ``normalization.npy``.
        action: what the model was trained to do; the files do not say it.
        name: for reports.

    Raises:
        WeightsError: a file is missing, damaged, hostile, or not what it should be.
        MissingExtraError: h5py is not installed.
    """
    equalization = read_equalization(table, triple)
    return TrainedAttacker(action, read_keras_generator(model), equalization, name)


def published_card(attacker: TrainedAttacker, sources: Iterable[Path], licence: str) -> Card:
    """The card of an imported attacker: what it is, and which files it was made from."""
    config = {"architecture": "ct-gan", "width": attacker.network.width, "action": attacker.action}
    return imported_card(config, sources, licence)


def _triple(path: Path) -> tuple[float, float, float]:
    data = _bytes(path, _LARGEST_ARRAY_FILE, "normalization.npy")
    try:
        values = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, TypeError, EOFError, OSError, MemoryError, SyntaxError) as error:
        raise WeightsError(
            f"{path}: not an array file of NumPy ({error}); give the normalization.npy of CT-GAN"
        ) from error
    if not isinstance(values, np.ndarray) or values.shape != (3,) or values.dtype.kind not in "fiu":
        raise WeightsError(f"{path}: expected three numbers, mean, minimum and maximum")
    mean, low, high = (float(value) for value in values)
    if not (math.isfinite(high - low) and low <= mean <= high and low < high):
        raise WeightsError(
            f"{path}: mean {mean:g}, minimum {low:g}, maximum {high:g}: expected the mean between "
            "the other two"
        )
    return mean, low, high


def _bytes(path: Path, largest: int, what: str) -> bytes:
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give the {what} of CT-GAN")
    size = path.stat().st_size
    if size > largest:
        raise WeightsError(f"{path}: {size} bytes, too many for the {what} of CT-GAN; give that")
    return path.read_bytes()
