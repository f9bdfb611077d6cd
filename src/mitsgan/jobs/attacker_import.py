"""Published models of others, to attackers of ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from mitsgan import __version__
from mitsgan.atomic import atomic_output
from mitsgan.errors import OutputError
from mitsgan.jobs.entries import rounded
from mitsgan.jobs.outputs import check_file
from mitsgan.jobs.shared import Overwriting
from mitsgan.progress import Phases, Progress, silent
from mitsgan.result import Result
from mitsgan.settings import at_least

if TYPE_CHECKING:
    from mitsgan.attack import TrainedAttacker
    from mitsgan.networks import Card


@dataclass(frozen=True, kw_only=True)
class Importing(Overwriting):
    """Where an imported attacker is written.

    Raises:
        OutputError: an output that is not named as weights are.
    """

    output: Path
    """The attacker to write, in float32."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output.suffix != ".safetensors":
            raise OutputError(f"`output` {self.output}: weights are named *.safetensors")


@dataclass(frozen=True, kw_only=True)
class ImportSettings(Importing):
    """A CT-GAN that is imported."""

    model: Path
    """The generator: Keras' HDF5 format, the whole model."""
    equalization: Path
    """Its equalisation table; the pickle is read without being run."""
    normalization: Path
    """Its mean, minimum and maximum."""
    action: Literal["inject", "remove"]
    """What the model was trained to do; its files do not say it."""
    name: str = "ct-gan"
    """What reports call it."""
    licence: str = "as given by its authors"
    """Of the model, for its card."""


@dataclass(frozen=True, kw_only=True)
class LesionImportSettings(Importing):
    """A LeFusion that is imported; it injects.

    Raises:
        OutputError: an output that is not named as weights are.
        SettingsError: no steps.
    """

    checkpoint: Path
    """LeFusion's checkpoint for lung nodules, as its training saved it; nothing in it is run."""
    texture: Literal[1, 2, 3] = 3
    """How bright its lesions are to be: the release's histograms, 1 faint and mixed, 3 solid."""
    steps: int = 20
    """Evaluations of the network for one lesion; the release's schedule has 300 steps."""
    name: str = "lefusion"
    """What reports call it."""
    licence: str = "Apache-2.0"
    """Of the weights, for the card; as its authors give their code and the first upload."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("steps", self.steps, 1)


@dataclass(frozen=True, kw_only=True)
class Imported(Result):
    """An attacker that was imported.

    Attributes:
        output: its file.
        name, action, width: what it is.
        seconds: of each phase.
    """

    KIND: ClassVar[str] = "import"

    version: str = __version__
    output: str
    name: str
    action: str
    width: int
    seconds: dict[str, float]


def import_attacker(settings: ImportSettings, *, progress: Progress = silent) -> Imported:
    """Convert a published CT-GAN model, to measure protection against it; in memory only.

    Raises:
        WeightsError: a file is not what it should be; nothing in it is ever run.
        MissingExtraError: h5py is not installed.
        OutputError: the attacker cannot be written there.
    """
    from mitsgan.attack.import_ctgan.published import published_card, read_published

    sources = (settings.model, settings.equalization, settings.normalization)

    def read() -> tuple[TrainedAttacker, Card]:
        attacker = read_published(*sources, settings.action, settings.name)
        return attacker, published_card(attacker, sources, settings.licence)

    return _imported(settings, sources, read, progress)


def import_lefusion(settings: LesionImportSettings, *, progress: Progress = silent) -> Imported:
    """Convert LeFusion's checkpoint, to measure protection against it; in memory only.

    Raises:
        WeightsError: the file is not what it should be; nothing in it is ever run.
        SettingsError: its schedule has not as many steps.
        OutputError: the attacker cannot be written there.
    """
    from mitsgan.attack.import_lefusion.published import lefusion_card, read_lefusion

    sources = (settings.checkpoint,)

    def read() -> tuple[TrainedAttacker, Card]:
        attacker = read_lefusion(
            settings.checkpoint,
            texture=settings.texture,
            steps=settings.steps,
            name=settings.name,
        )
        return attacker, lefusion_card(attacker, sources, settings.licence)

    return _imported(settings, sources, read, progress)


def _imported(
    settings: Importing,
    sources: Sequence[Path],
    read: Callable[[], tuple[TrainedAttacker, Card]],
    progress: Progress,
) -> Imported:
    """Read, and write what was read."""
    phases = Phases(progress)
    for source in sources:
        check_file(settings.output, settings.overwrite, "output", source=source)
    with phases.phase("read", f"reading {sources[0]}"):
        attacker, card = read()
    with (
        phases.phase("write", f"writing {settings.output}"),
        atomic_output(settings.output, overwrite=settings.overwrite) as temporary,
    ):
        attacker.save(temporary, card, precision="float32")
    return Imported(
        output=str(settings.output),
        name=attacker.name,
        action=attacker.action,
        width=int(card["config"]["width"]),
        seconds=rounded(phases.seconds),
    )
