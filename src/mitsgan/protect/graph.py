"""The MITS-GANs that ship, run on a processor without torch: to import that takes longest of all.

Each network is an ONNX graph that `tools/onnx_graph.py` makes of the weights; ONNX Runtime gives
what torch gives, to rounding, as quickly. See docs/decisions/speed.md.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import WeightsError
from mitsgan.protect.bounded import BoundedGenerator
from mitsgan.protect.patches import Spacing, local_mean, scales
from mitsgan.slabs import helpers

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_GRAPHS = Path(__file__).parent / "pretrained"

_FATAL = 4


@dataclass(frozen=True, eq=False)
class MitsGanGraph(BoundedGenerator):
    """The perturbation of the generator that ships, for one seed; in float32.

    Attributes:
        session: the network, ready to run; slabs share it.
        seed: of the noise that the generator is fed; same seed, same perturbation.
        card: of the weights that the graph was made of.
    """

    name: ClassVar[str] = "mits-gan"
    title: ClassVar[str] = "MITS-GAN"
    summary: ClassVar[str] = "the network that ships, without torch"
    SHIPPED: ClassVar[str] = "mitsgan"

    session: InferenceSession
    card: dict[str, Any]
    seed: int = 0

    @classmethod
    def read(cls, graph: Path | None = None, seed: int = 0) -> Self:
        """Load a graph, by default the one that ships, and the card beside it.

        Raises:
            WeightsError: there is none, or it is damaged.
        """
        graph = graph_path(cls.SHIPPED) if graph is None else graph
        try:
            content = graph.read_bytes()
            beside = json.loads(card_path(graph).read_text("utf-8"))
            expected, card = beside["graph_sha256"], beside["card"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WeightsError(
                f"{graph}: no graph of a network with its card ({error}); install mitsgan again"
            ) from error
        actual = hashlib.sha256(content).hexdigest()
        if actual != expected:
            raise WeightsError(
                f"{graph}: checksum is {actual[:12]}..., its card says {str(expected)[:12]}...; "
                "the file is damaged or was changed: install mitsgan again"
            )
        return cls(_session(content), card, seed)

    @property
    def computes(self) -> tuple[str, str]:
        """See `Protector.computes`."""
        return "cpu", "float32"

    def part_of_budget(
        self,
        hu: NDArray[np.float32],
        noise: NDArray[np.float32],
        spacing: Spacing,
        phase: tuple[float, float],
    ) -> NDArray[np.float32]:
        """See `BoundedGenerator.part_of_budget`."""
        inputs = {
            "hu": hu,
            "noise": noise,
            "scales": np.array(scales(spacing), np.float32),
            "window": np.ones((1, 1, *local_mean(spacing)), np.float32),
            **self._more(noise.shape[1:], spacing, phase),
        }
        (bounded,) = self.session.run(["part_of_budget"], inputs)
        result: NDArray[np.float32] = bounded
        return result

    def _more(
        self, patches: tuple[int, ...], spacing: Spacing, phase: tuple[float, float]
    ) -> dict[str, NDArray[np.float32]]:
        """What this network is given besides; it has no waves, and the phase does not matter."""
        return {}


@dataclass(frozen=True, eq=False)
class MitsGanWavesGraph(MitsGanGraph):
    """The same of the network that chooses plane waves; the seed is of their phase as well."""

    name: ClassVar[str] = "mits-gan-waves"
    title: ClassVar[str] = "MITS-GAN with waves"
    summary: ClassVar[str] = "the network with waves that ships, without torch"
    SHIPPED: ClassVar[str] = "mitsgan-waves"

    def _more(
        self, patches: tuple[int, ...], spacing: Spacing, phase: tuple[float, float]
    ) -> dict[str, NDArray[np.float32]]:
        """The waves along rows and columns, at every pixel of a patch."""
        from mitsgan.protect.wave import wave_basis

        waves = self.card["config"]["waves"]
        along = zip(("along_y", "along_x"), patches, spacing[1:], phase, strict=True)
        return {name: wave_basis(waves, count, mm, first) for name, count, mm, first in along}


def graph_path(weights: str) -> Path:
    """Where the graph of weights lies that ship."""
    return _GRAPHS / f"{weights}.onnx"


def card_path(graph: Path) -> Path:
    """Where the card of a graph lies, with the checksum of the graph."""
    return graph.with_suffix(".json")


def mits_gan_graph(name: str, seed: int) -> MitsGanGraph | None:
    """A protector's network without torch; None where there is none.

    Raises:
        WeightsError: see `MitsGanGraph.read`.
    """
    kinds = {kind.name: kind for kind in (MitsGanGraph, MitsGanWavesGraph)}
    return kinds[name].read(seed=seed) if name in kinds else None


def _session(content: bytes) -> InferenceSession:
    """A network that runs each slab on its own thread, with what processors slabs leave."""
    # From 1.29 on it reports to its makers, unless it is told not to before it is imported. Our
    # range ends below that; an environment may hold another one.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # of older builds, those for Windows
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1 + helpers()
    options.enable_mem_pattern = False  # a plan for all of a slab takes more than its parts do
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
