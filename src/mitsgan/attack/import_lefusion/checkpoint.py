"""The checkpoint of LeFusion's training: opened without running it, every tensor accounted for."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from mitsgan.attack.import_lefusion.names import (
    NO_HISTOGRAM,
    SCHEDULE,
    TURNS,
    published,
    published_shape,
    turns,
)
from mitsgan.attack.networks.lefusion.attention import Heads, frequencies
from mitsgan.attack.networks.lefusion.inpainter import kept_signal, noise_added
from mitsgan.attack.networks.lefusion.unet import HISTOGRAM, LesionUNet, Shape
from mitsgan.errors import WeightsError
from mitsgan.networks import DAMAGED

_WEIGHTS = "model"
"""The entry of a checkpoint whose weights the release samples with; ``ema`` is their average."""

_LARGEST_FILE = 4_000_000_000
_LONGEST_SCHEDULE = 10_000
_SHOWN = 3
"""Bytes, fourteen times the published file; steps; names in a message."""

_PREFIX = re.compile(r"^denoise_fn\.(module\.)?")
"""Of the network's tensors, trained on several GPUs (as published) or on one."""


def read_lesion_unet(path: Path) -> tuple[LesionUNet, int]:
    """Read the network that LeFusion's training saved.

    Width, levels and heads are those of the tensors; everything else must be as published: names,
    shapes, schedule, one channel, sixteen bins of a histogram.

    Args:
        path: ``lidc.pt`` or ``model-50.pt``.

    Returns:
        The network in float32, and the number of steps of its schedule.

    Raises:
        WeightsError: no such file, damaged, holding more than tensors, or another model; the
            message names the first tensor that differs.
    """
    try:
        return _network(_state(path))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def _state(path: Path) -> dict[str, Tensor]:
    """The tensors by their names in the release, those of the network without its prefix."""
    if not path.is_file():
        raise WeightsError("no such file; give the lidc.pt of LeFusion")
    if path.stat().st_size > _LARGEST_FILE:
        raise WeightsError(f"{path.stat().st_size} bytes, too many for the lidc.pt of LeFusion")
    content = _tensors_alone(path)
    if not isinstance(content, dict) or not isinstance(content.get(_WEIGHTS), Mapping):
        found = _few(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise WeightsError(
            f"holds {found}; expected the checkpoint of LeFusion's training, whose weights are "
            f"its entry {_WEIGHTS}"
        )
    state: dict[str, Tensor] = {}
    for name, tensor in content[_WEIGHTS].items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise WeightsError(f"its entry {_WEIGHTS} holds {name}, which is no tensor")
        short = _PREFIX.sub("", name)
        if short in state:
            raise WeightsError(f"two tensors are called {short}")
        state[short] = tensor
    return state


def _tensors_alone(path: Path) -> object:
    """What PyTorch reads where nothing may be run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles that it does not expect, and refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        asks = re.search(r"GLOBAL ([\w.]+)", str(error))
        if asks:
            raise WeightsError(
                f"asks for {asks[1]}, which tensors do not need; it may be hostile and was not run"
            ) from error
        raise WeightsError("not a checkpoint of PyTorch; give the lidc.pt of LeFusion") from error
    except (*DAMAGED, OSError) as error:
        raise WeightsError(
            "not a whole checkpoint of PyTorch; the file is damaged or was not fetched whole: "
            "fetch it again"
        ) from error


def _network(state: Mapping[str, Tensor]) -> tuple[LesionUNet, int]:
    timesteps = _schedule(state)
    shape = _shape(state)
    with torch.device("meta"):
        network = LesionUNet(shape)
    ours = network.state_dict()
    names = {name: published(name) for name in ours}
    shapes = {names[name]: published_shape(name, tensor) for name, tensor in ours.items()}
    shapes[NO_HISTOGRAM] = (1, HISTOGRAM)
    shapes |= dict.fromkeys(turns(ours), (shape.heads.channels // 2,))
    shapes |= dict.fromkeys(SCHEDULE, (timesteps,))
    _check(state, shapes)
    tensors = {
        name: state[names[name]].float().reshape(tensor.shape).clone()
        for name, tensor in ours.items()
    }
    network.load_state_dict(tensors, assign=True)
    return network.eval().requires_grad_(False), timesteps


def _schedule(state: Mapping[str, Tensor]) -> int:
    """The number of steps, if the schedule is the published one."""
    added = _named(state, SCHEDULE[0])
    if added.ndim != 1 or not 2 <= len(added) <= _LONGEST_SCHEDULE:
        raise WeightsError(f"{SCHEDULE[0]} has the shape {tuple(added.shape)}: no schedule")
    n = len(added)
    for name, expected in ((SCHEDULE[0], noise_added(n)), (SCHEDULE[1], kept_signal(n))):
        found = _named(state, name).double()
        if found.shape != expected.shape or float((found - expected).abs().max()) > 1e-5:
            raise WeightsError(
                f"{name} is not that of the cosine schedule of {n} steps that LeFusion is trained "
                "on; weights mean something with their own schedule alone"
            )
    return n


def _shape(state: Mapping[str, Tensor]) -> Shape:
    """What the tensors say of width, levels and heads."""
    first = _axes(state, "init_conv.weight", 5)
    if NO_HISTOGRAM not in state:
        raise WeightsError(
            f"it has no {NO_HISTOGRAM}: a model that no histogram guides, such as the one of masks "
            "(diffmask.pt); give lidc.pt, which paints nodules"
        )
    bins = _axes(state, NO_HISTOGRAM, 2)[1]
    if first[1] != 1 or bins != HISTOGRAM:
        raise WeightsError(
            f"it takes {first[1]} channels and {bins} bins of a histogram, LeFusion for CT 1 and "
            f"{HISTOGRAM}; emidec.pt is of cardiac MRI: give lidc.pt"
        )
    levels = 0
    while f"downs.{levels}.0.block1.proj.weight" in state:
        levels += 1
    channels = [_axes(state, f"downs.{n}.0.block1.proj.weight", 5)[0] for n in range(levels)]
    multiples = tuple(many // max(first[0], 1) for many in channels)
    heads = _axes(state, published("apart.table"), 2)[1]
    attended = _axes(state, published("first_along.qkv.weight"), 2)[0]
    try:
        return Shape(first[0], multiples, Heads(heads, attended // max(3 * heads, 1)))
    except ValueError as error:
        raise WeightsError(f"no network of LeFusion: {error}") from error


def _check(state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    missing, more = shapes.keys() - state.keys(), state.keys() - shapes.keys()
    if missing:
        raise WeightsError(f"it lacks {_few(missing)}, which the network of LeFusion has")
    if more:
        raise WeightsError(f"it has {_few(more)}, which the network of LeFusion does not have")
    for name, shape in shapes.items():
        tensor = state[name]
        if tuple(tensor.shape) != shape:
            raise WeightsError(f"{name} has the shape {tuple(tensor.shape)}, expected {shape}")
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{name} holds values that are no finite numbers")
        if name.endswith(TURNS):
            expected = frequencies(2 * len(tensor))
            if float((tensor.float() - expected).abs().max()) > 1e-5:
                raise WeightsError(f"{name} holds other frequencies than those of LeFusion")


def _named(state: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in state:
        raise WeightsError(f"it lacks {name}, which every checkpoint of LeFusion has")
    return state[name]


def _axes(state: Mapping[str, Tensor], name: str, count: int) -> tuple[int, ...]:
    """The shape of a tensor that has so many axes."""
    shape = tuple(_named(state, name).shape)
    if len(shape) != count:
        raise WeightsError(f"{name} has the shape {shape}, expected {count} axes")
    return shape


def _few(names: Iterable[str]) -> str:
    found = sorted(names)
    rest = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + rest
