"""Weights as a folder that a model hub takes as it is, and back.

The layout is Hugging Face's: ``model.safetensors`` is the file byte for byte, ``config.json`` the
card in it, ``README.md`` the same for people. Reading opens the first two alone, from the disk:
no network, and no pickle, whatever else lies there.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mitsgan.atomic import atomic_output, check_target
from mitsgan.errors import WeightsError
from mitsgan.jobs.weights.model_card import model_card
from mitsgan.jobs.weights.settings import ExportWeights, ImportWeights
from mitsgan.networks import FILE_IN_FOLDER, Card, load_weights, read_card

CONFIG = "config.json"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def export_weights(settings: ExportWeights) -> Path:
    """Write weights as a folder.

    Returns:
        The folder.

    Raises:
        WeightsError: they are damaged, or carry no card.
        OutputError: the folder exists, or cannot be written.
    """
    source, output = settings.source, settings.output
    check_target(output, settings.overwrite, folder=True, source=source)
    card = _checked(source)
    with atomic_output(output, overwrite=settings.overwrite, folder=True) as folder:
        shutil.copyfile(source, folder / FILE_IN_FOLDER)
        text = json.dumps(_config(card), indent=2, sort_keys=True)
        (folder / CONFIG).write_text(f"{text}\n", "utf-8")
        (folder / "README.md").write_text(model_card(source.stem, card), "utf-8")
        if _checked(folder / FILE_IN_FOLDER) != card:
            raise WeightsError(f"{output}: what was written is not what was read; try again")
    return output


def import_weights(settings: ImportWeights) -> Card:
    """Check a folder of weights, and write them as one file.

    Returns:
        Their card.

    Raises:
        WeightsError: the folder lacks a file, or what is in it does not fit together.
        OutputError: the output exists, or cannot be written.
    """
    folder, output = settings.folder, settings.output
    check_target(output, settings.overwrite, folder=False, source=folder)
    file = folder / FILE_IN_FOLDER
    if not file.is_file():
        raise WeightsError(f"{folder} has no {FILE_IN_FOLDER}{_pickle_note(folder)}")
    card = _checked(file)
    if _read_config(folder / CONFIG) != _config(card):
        raise WeightsError(
            f"{folder / CONFIG} is not the card of {file.name}: one of them was changed; fetch "
            "the folder again"
        )
    with atomic_output(output, overwrite=settings.overwrite) as temporary:
        shutil.copyfile(file, temporary)
        _checked(temporary)
    return card


def _checked(path: Path) -> Card:
    """The card of weights whose checksum is right."""
    card = read_card(path)
    if card is None or "kind" not in card:
        raise WeightsError(f"{path}: carries no mitsgan card; give weights made by `mitsgan train`")
    load_weights(path, card["kind"])
    return card


def _config(card: Card) -> dict[str, Any]:
    return {
        "kind": "weights",
        "schema": 1,
        "library_name": "mitsgan",
        "model_type": card["kind"],
        "card": card,
    }


def _read_config(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); fetch the folder again") from error


def _pickle_note(folder: Path) -> str:
    """What to say where there are weights that run code when they are read."""
    pickles = [p.name for p in sorted(folder.glob("*")) if p.suffix in _PICKLES]
    if not pickles:
        return "; give a folder that was exported by mitsgan"
    return f"; {pickles[0]} is not opened, for reading a pickle runs what is in it"
