"""Training cubes in a file: HU, whose they are, and on which side of the split they belong.

An ``.npz`` without pickled objects: ``cubes`` int16 ``[n, 32, 32, 32]``; for each cube ``patient``
and ``series`` (hashes), ``kind`` and ``diameter_mm``; ``about``, a JSON text with the rest.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mitsgan.attack import ACTIONS, Action
from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.errors import DataError
from mitsgan.scan.scan import Scan
from mitsgan.training.data.cubes import CubeSampler, sharpened, turned, volumes
from mitsgan.training.data.make_cubes import CubeRecipe, MadeCubes
from mitsgan.training.data.split import SPLITS, Origin, Split

FORMAT = "mitsgan cubes 1"
SUFFIX = ".npz"

_PER_CUBE = ("patient", "series", "kind", "diameter_mm")


class Sampler(Protocol):
    """Endless training cubes."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, 32, 32, 32]`` in HU, all decided by ``generator``."""


@dataclass(frozen=True)
class CubeFile:
    """Cubes as a file holds them; also a `Sampler` of them.

    Attributes:
        name: the file's name.
        cubes: ``[n, 32, 32, 32]``, whole HU.
        action: what they teach.
        split: the side they belong on.
        patients, series: hashes, one for each cube.
        kinds: ``healthy``, ``real`` or the kind of the synthetic nodule, one for each cube.
        diameters_mm: of the nodule in each; 0 where there is none.
        about: the recipe, the seed and the version that made it.
    """

    name: str
    cubes: NDArray[np.int16]
    action: Action
    split: Split
    patients: tuple[str, ...]
    series: tuple[str, ...]
    kinds: tuple[str, ...]
    diameters_mm: tuple[float, ...]
    about: Mapping[str, object]

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The patients and series in it, each once."""
        pairs = sorted(set(zip(self.patients, self.series, strict=True)))
        return tuple(Origin(p, s, f"{self.name} (patient {p[:8]})") for p, s in pairs)

    def summary(self) -> dict[str, object]:
        """Numbers for a card: cubes of each kind, and patients."""
        kinds = dict(sorted(Counter(self.kinds).items()))
        return {"cubes": kinds, "patients": len(set(self.patients)), "split": self.split}

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, 32, 32, 32]`` in HU, flipped and turned in the axial plane."""
        picks = torch.randint(len(self.cubes), (count,), generator=generator).tolist()
        choices = torch.randint(8, (count,), generator=generator).tolist()
        return torch.stack(
            [
                turned(torch.from_numpy(self.cubes[pick].astype(np.float32)), choice)
                for pick, choice in zip(picks, choices, strict=True)
            ]
        )


def sampler_for(
    sources: Sequence[Scan | CubeFile], action: Action, sharpness: Sequence[float] = (0.0,)
) -> Sampler:
    """One sampler of scans and files of cubes.

    A file counts as often as it has patients, all scans together as often as they are. Among the
    scans each version counts the same, so that one of thin slices, which is averaged to thicker
    ones, counts more than one of thick slices. Each scan serves once per amount of unsharp masking;
    cubes from files stay as they are.

    Raises:
        DataError: a file holds cubes for the other action.
        ScanError: no lung was found in a scan.
    """
    check_action(sources, action)
    files = [source for source in sources if isinstance(source, CubeFile)]
    scans = [source for source in sources if isinstance(source, Scan)]
    samplers: list[Sampler] = [*files]
    weights = [len({origin.patient for origin in file.origins}) for file in files]
    if scans:
        samplers.append(CubeSampler(sharpened(volumes(scans), sharpness), action))
        weights.append(len(scans))
    if len(samplers) == 1:
        return samplers[0]
    return _Mixed(samplers, torch.tensor(weights, dtype=torch.float32))


def check_action(sources: Sequence[Scan | CubeFile], action: Action) -> None:
    """Raise `DataError` where a file among them holds cubes for the other action."""
    for file in sources:
        if isinstance(file, CubeFile) and file.action != action:
            raise DataError(
                f"{file.name} holds cubes to {file.action}, and these are needed to {action}; make "
                f"others with `mitsgan data cubes` and `action={action}`"
            )


class _Mixed:
    """Several samplers, drawn from by weight."""

    def __init__(self, samplers: Sequence[Sampler], weights: Tensor) -> None:
        self.samplers = samplers
        self.weights = weights

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """``[count, 32, 32, 32]`` in HU."""
        picks = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        return torch.cat([self.samplers[pick].sample(1, generator) for pick in picks.tolist()])


def join_cubes(
    name: str,
    parts: Sequence[tuple[Origin, MadeCubes]],
    recipe: CubeRecipe,
    split: Split,
    about: Mapping[str, object],
) -> CubeFile:
    """What becomes one file, of all scans."""
    return CubeFile(
        name=name,
        cubes=np.concatenate([cubes.hu for _, cubes in parts]),
        action=recipe.action,
        split=split,
        patients=tuple(origin.patient for origin, cubes in parts for _ in cubes.kinds),
        series=tuple(origin.series for origin, cubes in parts for _ in cubes.kinds),
        kinds=tuple(kind for _, cubes in parts for kind in cubes.kinds),
        diameters_mm=tuple(mm for _, cubes in parts for mm in cubes.diameters_mm),
        about={"recipe": asdict(recipe), **about},
    )


def write_cubes(file: CubeFile, path: Path) -> None:
    """Write to ``path``, which the caller moves into place when it is whole."""
    about = {**file.about, "format": FORMAT, "action": file.action, "split": file.split}
    with path.open("wb") as handle:  # given a name, NumPy may change its ending
        np.savez_compressed(
            handle,
            cubes=file.cubes,
            patient=np.array(file.patients),
            series=np.array(file.series),
            kind=np.array(file.kinds),
            diameter_mm=np.array(file.diameters_mm, np.float32),
            about=np.array(json.dumps(about, sort_keys=True)),
        )


def read_cubes(path: Path) -> CubeFile:
    """Read what `write_cubes` wrote.

    Raises:
        DataError: it is no such file, or damaged.
    """
    try:
        # Opened here: given a path, NumPy leaves it open where the zip is damaged.
        with path.open("rb") as handle:
            archive = np.load(handle, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path} holds one array, not cubes with their origin; {_REMEDY}")
            arrays: dict[str, NDArray[Any]] = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; {_REMEDY}") from error
    # RuntimeError: a flipped bit makes of it what zipfile cannot unpack.
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read as cubes ({error}); {_REMEDY}") from error
    missing = [name for name in ("cubes", *_PER_CUBE, "about") if name not in arrays]
    if missing:
        raise DataError(f"{path} has no {', '.join(missing)}; {_REMEDY}")
    about = _about(arrays["about"], path)
    cubes, per_cube = arrays["cubes"], [arrays[name] for name in _PER_CUBE]
    if cubes.dtype != np.int16 or cubes.shape[1:] != (SIDE,) * 3 or not len(cubes):
        raise DataError(
            f"{path}: cubes are {cubes.dtype} of shape {cubes.shape}, expected int16 of "
            f"(n, {SIDE}, {SIDE}, {SIDE}); {_REMEDY}"
        )
    if any(values.shape != (len(cubes),) for values in per_cube):
        raise DataError(f"{path} does not say for each cube whose it is; {_REMEDY}")
    patients, series, kinds, diameters = (tuple(values.tolist()) for values in per_cube)
    return CubeFile(
        name=path.name,
        cubes=cubes,
        action=about.pop("action"),
        split=about.pop("split"),
        patients=patients,
        series=series,
        kinds=kinds,
        diameters_mm=diameters,
        about=about,
    )


_REMEDY = "make one with `mitsgan data cubes`"


def _about(array: NDArray[Any], path: Path) -> dict[str, Any]:
    try:
        about = json.loads(str(array))
    except ValueError:
        about = None
    known = (
        isinstance(about, dict)
        and about.pop("format", None) == FORMAT
        and about.get("action") in ACTIONS
        and about.get("split") in SPLITS
    )
    if not known:
        raise DataError(f"{path} does not say that it is {FORMAT!r}; {_REMEDY}")
    return dict(about)
