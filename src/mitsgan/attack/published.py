"""CT-GAN's attackers as their authors hand them on: a generator, a pickle and an array.

A pickle is a program. This one is not run: its operations are listed first, only those that lists,
numbers, text and bytes need may occur, and the only names it may use stand for stand-ins of ours
that hold a shape, a type and bytes. No function of NumPy or of anything else is reached from it.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mitsgan.attack.attacker import Attacker
from mitsgan.attack.equalize import Equalization
from mitsgan.attack.keras_weights import read_keras_generator
from mitsgan.attack.plan import Action
from mitsgan.errors import WeightsError

_LARGEST_PICKLE = 16_000_000
_LARGEST_ARRAY_FILE = 4_096
"""Bytes; a hundred times, and about twenty times, the published files."""

_NEEDED = """
PROTO FRAME STOP MARK GLOBAL STACK_GLOBAL REDUCE BUILD
EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET
NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1
STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE
BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8
"""
_OPERATIONS = frozenset(_NEEDED.split())
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))


@dataclass
class _Type:
    """Stands for ``numpy.dtype``: float32 or float64, of either byte order."""

    name: str
    align: object = False
    copy: object = True
    order: str = "<"

    def __post_init__(self) -> None:
        if self.name not in ("f4", "f8"):
            raise WeightsError(f"holds an array of type {self.name!r}; expected float32 or float64")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", ">", "=") or any(part is not None for part in state[2:5]):
            raise WeightsError("holds an array of a structured type; expected plain numbers")
        self.order = state[1]


class _Array:
    """Stands for ``numpy.ndarray``: keeps what an array is made of, and makes it when asked."""

    held: tuple[object, object, object] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, _, raw = state
        self.held = (shape, kind, raw)

    def values(self) -> NDArray[np.float64]:
        shape, kind, raw = self.held or (None, None, None)
        if isinstance(raw, str):  # Python 2 keeps bytes as text
            raw = raw.encode("latin-1")
        if not isinstance(kind, _Type) or not isinstance(raw, bytes | bytearray):
            raise WeightsError("holds an array without a type or without bytes")
        numbers = np.frombuffer(raw, f"{kind.order}{kind.name}")
        if shape != (len(numbers),):
            raise WeightsError(f"holds {len(numbers)} numbers for an array of shape {shape}")
        return numbers.astype(np.float64)


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    return _Array()


def _from_buffer(raw: object, kind: object, shape: object, order: object) -> _Array:
    array = _Array()
    array.held = (shape, kind, raw)
    return array


def _encode(text: str, encoding: str) -> bytes:
    """Python 3 writes bytes so for readers of Python 2."""
    if encoding not in ("latin1", "latin-1"):
        raise WeightsError(f"holds text encoded as {encoding!r}; expected latin1")
    return text.encode("latin-1")


_NAMES: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    # NumPy 1 and NumPy 2 call the same functions differently.
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
}


class _Reader(pickle.Unpickler):
    """Finds our stand-ins, and nothing else."""

    def find_class(self, module: str, name: str, /) -> Any:
        """Called by the base for every name that the pickle asks for."""
        if (module, name) not in _NAMES:
            raise WeightsError(
                f"asks for {module}.{name}, which two arrays do not need: it may be hostile and "
                "was not run; do not open it with anything else"
            )
        return _NAMES[module, name]


def read_equalization(table: Path, triple: Path) -> Equalization:
    """Read a published equalisation table and its normalisation, without running the pickle.

    Args:
        table: ``equalization.pkl``, a pickled list of two float arrays: bin centres in HU and
            cumulative counts per cube. Any protocol, of Python 2 or 3 and NumPy 1 or 2.
        triple: ``normalization.npy``, mean, minimum and maximum of the equalised cubes.

    Raises:
        WeightsError: missing, damaged, hostile, or not such a table or triple.
    """
    bins, cdf = _pickled_pair(table)
    if len(bins) != len(cdf) or len(bins) < 2:
        raise WeightsError(
            f"{table}: {len(bins)} bins and {len(cdf)} counts; expected as many of each, two or "
            "more"
        )
    finite = np.isfinite(bins).all() and np.isfinite(cdf).all()
    if not finite or (np.diff(bins) <= 0).any() or (np.diff(cdf) < 0).any() or cdf[0] >= cdf[-1]:
        raise WeightsError(
            f"{table}: expected bin centres that ascend and counts that never descend; give the "
            "equalization.pkl of CT-GAN"
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
) -> Attacker:
    """Read an attacker as CT-GAN's authors hand it on.

    Args:
        model: ``G_model.h5``, see `mitsgan.attack.keras_weights.read_keras_generator`.
        table: ``equalization.pkl``.
        triple: ``normalization.npy``.
        action: what the model was trained to do; the files do not say it.
        name: for reports.

    Raises:
        WeightsError: a file is missing, damaged, hostile, or not what it should be.
        MissingExtraError: h5py is not installed.
    """
    equalization = read_equalization(table, triple)
    return Attacker(action, read_keras_generator(model), equalization, name)


def _pickled_pair(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    data = _bytes(path, _LARGEST_PICKLE, "equalization.pkl")
    try:
        for operation, argument, position in pickletools.genops(data):
            if operation.name not in _OPERATIONS:
                raise WeightsError(
                    f"uses {operation.name} at byte {position}, which two arrays do not need: it "
                    "may be hostile and was not run; do not open it with anything else"
                )
            if operation.name in _PUTS and int(str(argument)) > len(data):
                raise WeightsError(f"asks for memory beyond its size at byte {position}; damaged")
        held = _Reader(io.BytesIO(data), fix_imports=False, encoding="latin1").load()
        if not isinstance(held, list | tuple) or len(held) != 2:
            raise WeightsError("holds something else than a list of two arrays")
        first, second = held
        if not (isinstance(first, _Array) and isinstance(second, _Array)):
            raise WeightsError("holds a list of something else than two arrays")
        return first.values(), second.values()
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    except (
        pickle.UnpicklingError,
        *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError),
        *(RecursionError, TypeError, ValueError),
    ) as error:
        raise WeightsError(
            f"{path}: not a whole pickle of two arrays ({error}); give the equalization.pkl of "
            "CT-GAN"
        ) from error


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
