"""Two arrays out of a pickle that is not run.

A pickle is a program. This one's operations are listed first, and only those that lists, numbers,
text and bytes need may occur; the only names that it may use stand for stand-ins of ours, which
hold a shape, a type and bytes. No function of NumPy or of anything else is reached from it.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import WeightsError

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

    state: tuple[object, object, object] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, _, raw = state
        self.state = (shape, kind, raw)

    def values(self) -> NDArray[np.float64]:
        shape, kind, raw = self.state or (None, None, None)
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
    array.state = (shape, kind, raw)
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


def pickled_pair(data: bytes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read a pickled list of two one-dimensional float arrays, without running the pickle.

    Args:
        data: of any protocol, written by Python 2 or 3 with NumPy 1 or 2.

    Raises:
        WeightsError: damaged, hostile, or something else.
    """
    try:
        for operation, argument, position in pickletools.genops(data):
            if operation.name not in _OPERATIONS:
                raise WeightsError(
                    f"uses {operation.name} at byte {position}, which two arrays do not need: it "
                    "may be hostile and was not run; do not open it with anything else"
                )
            if operation.name in _PUTS and int(str(argument)) > len(data):
                raise WeightsError(f"asks for memory beyond its size at byte {position}; damaged")
        pair = _Reader(io.BytesIO(data), fix_imports=False, encoding="latin1").load()
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise WeightsError("holds something else than a list of two arrays")
        first, second = pair
        if not (isinstance(first, _Array) and isinstance(second, _Array)):
            raise WeightsError("holds a list of something else than two arrays")
        return first.values(), second.values()
    except (
        pickle.UnpicklingError,
        *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError),
        *(RecursionError, TypeError, ValueError),
    ) as error:
        raise WeightsError(
            f"not a whole pickle of two arrays ({error}); give the equalization.pkl of CT-GAN"
        ) from error
