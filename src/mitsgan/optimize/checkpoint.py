"""An ascent in a file, so that it can go on where it was interrupted."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mitsgan.atomic import atomic_output
from mitsgan.errors import DataError

if TYPE_CHECKING:
    from mitsgan.optimize.ascent import State

_ARRAYS = ("perturbation", "velocity", "touched")


class Checkpoint:
    """Saves and loads the state of an ascent; does nothing where there is no path.

    Only the box in which anything was touched is kept: the rest is as it began.

    Args:
        path: the file, an ``.npz``.
        fingerprint: of scan and ascent; another one is refused.
    """

    def __init__(self, path: Path | None, fingerprint: tuple[object, ...]) -> None:
        self._path = path
        self._fingerprint = json.loads(json.dumps(fingerprint))
        self._saved = time.monotonic()

    def load(self, state: State) -> None:
        """Go on from the file, if there is one.

        Raises:
            DataError: it is of another scan or ascent, or is damaged.
        """
        if self._path is None or not self._path.exists():
            return
        try:
            with self._path.open("rb") as whole, np.load(whole, allow_pickle=False) as file:
                card = json.loads(str(file["card"]))
                arrays = {name: torch.from_numpy(file[name]) for name in _ARRAYS}
            fingerprint, box = card["fingerprint"], tuple(slice(a, b) for a, b in card["box"])
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{self._path} is no checkpoint of an ascent, or is damaged ({error}); delete it, "
                "or name another"
            ) from error
        if fingerprint != self._fingerprint:
            raise DataError(
                f"{self._path} is of another scan, budget or ascent; go on with the same, delete "
                "it, or name another"
            )
        for name, values in arrays.items():
            array: Tensor = getattr(state, name)
            array[box] = values.to(array)
        state.rng.bit_generator.state = state.drawn = card["rng"]
        state.step, state.seconds = card["step"], card["seconds"]

    def save(self, state: State, at_most_every: float = 0.0) -> None:
        """Write the file, unless the last time was less than so many seconds ago.

        A step that is half done is not saved: the file then holds an earlier one.
        """
        if (
            self._path is None
            or not state.is_whole
            or time.monotonic() - self._saved < at_most_every
        ):
            return
        box = _box(state.touched)
        card = {
            "fingerprint": self._fingerprint,
            "box": [(part.start, part.stop) for part in box],
            "rng": state.drawn,
            "step": state.step,
            "seconds": state.seconds,
        }
        arrays = {name: getattr(state, name)[box].cpu().numpy() for name in _ARRAYS}
        with (
            atomic_output(self._path, overwrite=True, anything=True) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(file, allow_pickle=False, card=np.array(json.dumps(card)), **arrays)
        self._saved = time.monotonic()


def _box(touched: Tensor) -> tuple[slice, ...]:
    """Where anything was touched."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        where = torch.nonzero(touched.amax(others)).flatten()
        low, high = (int(where[0]), int(where[-1]) + 1) if len(where) else (0, 0)
        box.append(slice(low, high))
    return tuple(box)
