"""`mitsgan attacker import`: CT-GAN as its authors hand it on, to an attacker of ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg


@dataclass(frozen=True)
class ImportAttacker:
    """Convert a published CT-GAN model, to measure protection against it; in memory only."""

    model: Annotated[Positional[Path], arg(metavar="G_model.h5")]
    """The generator: Keras' HDF5 format, the whole model."""
    equalization: Annotated[Positional[Path], arg(metavar="equalization.pkl")]
    """Its equalisation table; the pickle is read without being run."""
    normalization: Annotated[Positional[Path], arg(metavar="normalization.npy")]
    """Its mean, minimum and maximum."""
    action: Literal["inject", "remove"]
    """What the model was trained to do; its files do not say it."""
    output: Annotated[Path, arg(aliases=["-o"], metavar="FILE.safetensors")]
    """The attacker to write, in float32."""
    name: Annotated[str, arg(metavar="TEXT")] = "ct-gan"
    """What reports call it."""
    licence: Annotated[str, arg(metavar="TEXT")] = "as given by its authors"
    """Of the model, for its card."""
    overwrite: bool = False
    """Replace the output of an earlier run."""
    quiet: bool = False
    """No progress and no summary; errors are still told."""

    def run(self) -> int:
        """Import; the exit code."""
        from mitsgan.cli.console import Console
        from mitsgan.cli.files import check_file
        from mitsgan.errors import OutputError

        console = Console(quiet=self.quiet)
        sources = (self.model, self.equalization, self.normalization)
        if self.output.suffix != ".safetensors":
            raise OutputError(f"--output {self.output}: weights are named *.safetensors")
        for source in sources:
            check_file(self.output, self.overwrite, "--output", source=source)

        from mitsgan.atomic import atomic_output
        from mitsgan.attack.import_ctgan.published import published_card, read_published

        with console.phase("read", f"reading {self.model}"):
            attacker = read_published(*sources, self.action, self.name)
            card = published_card(attacker, sources, self.licence)
        with (
            console.phase("write", f"writing {self.output}"),
            atomic_output(self.output, overwrite=self.overwrite) as temporary,
        ):
            attacker.save(temporary, card, precision="float32")
        console.say(
            f"{self.output}: CT-GAN of width {card['config']['width']}, action {self.action}; "
            f"imported in {console.elapsed:.0f} s"
        )
        return 0
