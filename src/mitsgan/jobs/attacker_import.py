"""CT-GAN as its authors hand it on, to an attacker of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from mitsgan import __version__
from mitsgan.atomic import atomic_output
from mitsgan.errors import OutputError
from mitsgan.jobs.entries import rounded
from mitsgan.jobs.outputs import check_file
from mitsgan.jobs.shared import Overwriting
from mitsgan.progress import Phases, Progress, silent
from mitsgan.result import Result


@dataclass(frozen=True, kw_only=True)
class ImportSettings(Overwriting):
    """What is imported.

    Raises:
        OutputError: an output that is not named as weights are.
    """

    model: Path
    """The generator: Keras' HDF5 format, the whole model."""
    equalization: Path
    """Its equalisation table; the pickle is read without being run."""
    normalization: Path
    """Its mean, minimum and maximum."""
    action: Literal["inject", "remove"]
    """What the model was trained to do; its files do not say it."""
    output: Path
    """The attacker to write, in float32."""
    name: str = "ct-gan"
    """What reports call it."""
    licence: str = "as given by its authors"
    """Of the model, for its card."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output.suffix != ".safetensors":
            raise OutputError(f"`output` {self.output}: weights are named *.safetensors")


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

    phases = Phases(progress)
    sources = (settings.model, settings.equalization, settings.normalization)
    for source in sources:
        check_file(settings.output, settings.overwrite, "output", source=source)
    with phases.phase("read", f"reading {settings.model}"):
        attacker = read_published(*sources, settings.action, settings.name)
        card = published_card(attacker, sources, settings.licence)
    with (
        phases.phase("write", f"writing {settings.output}"),
        atomic_output(settings.output, overwrite=settings.overwrite) as temporary,
    ):
        attacker.save(temporary, card, precision="float32")
    return Imported(
        output=str(settings.output),
        name=settings.name,
        action=settings.action,
        width=int(card["config"]["width"]),
        seconds=rounded(phases.seconds),
    )
