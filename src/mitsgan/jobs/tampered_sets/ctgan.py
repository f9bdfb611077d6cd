"""The scans that the makers of CT-GAN tampered with (Mirsky et al., USENIX Security 2019).

Kaggle's "Medical Deepfakes: Lung Cancer" has ``labels_exp1.csv`` and ``labels_exp2.csv`` beside
``CT_Scans/EXP1_blind/UUID/`` and ``CT_Scans/EXP2_open/UUID/``, each a DICOM series; the copy at
UCI calls the folders ``Experiment 1 - Blind`` and ``Experiment 2 - Open``. A row names a place by
``uuid``, ``slice``, ``x`` and ``y``, where slices are counted from the feet, and its ``type``: FM,
injected; FB, removed; TM, a cancer that is there; TB, a place without any.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from mitsgan.errors import DataError
from mitsgan.files import read_scan
from mitsgan.jobs.tampered_sets.labelled import (
    Label,
    LabelledPlace,
    LabelledScan,
    table_rows,
    whole_number,
)
from mitsgan.scan.scan import Scan

_EXPERIMENTS = {
    "labels_exp1.csv": ("CT_Scans/EXP1_blind", "Experiment 1 - Blind"),
    "labels_exp2.csv": ("CT_Scans/EXP2_open", "Experiment 2 - Open"),
}

_TYPES: dict[str, tuple[Label, Label]] = {
    "FM": ("injected", "injected"),
    "FB": ("removed", "removed"),
    "TM": ("untouched", "injected"),
    "TB": ("untouched", "removed"),
}
"""The label, and which kind of tampering an untouched place looks like."""


def ctgan(folder: Path) -> Iterator[LabelledScan]:
    """The scans of both experiments, one by one; those that are not there are left out.

    Raises:
        DataError: no table is there, one says something else than expected, or no scan is there.
    """
    found = 0
    tables = [name for name in _EXPERIMENTS if (folder / name).is_file()]
    if not tables:
        raise DataError(f"{folder} holds neither of {', '.join(_EXPERIMENTS)}")
    for name in tables:
        path = folder / name
        places: dict[str, list[LabelledPlace]] = {}
        for row in table_rows(path, ("type", "uuid", "slice", "x", "y")):
            kind = row["type"].strip()
            if kind not in _TYPES:
                raise DataError(f"{path}: unknown type {kind!r}; known: {', '.join(_TYPES)}")
            z, y, x = (whole_number(row[column], path) for column in ("slice", "y", "x"))
            label, against = _TYPES[kind]
            places.setdefault(row["uuid"].strip(), []).append(
                LabelledPlace((z, y, x), label, against)
            )
        for uuid, labelled in places.items():
            for scans in _EXPERIMENTS[name]:
                series = folder / scans / uuid
                if series.is_dir():
                    found += 1
                    yield LabelledScan(
                        f"{scans}/{uuid}", "ct-gan", tuple(labelled), partial(_read, series)
                    )
    if not found:
        expected = " or ".join(_EXPERIMENTS["labels_exp1.csv"])
        raise DataError(f"{folder} holds no scan: expected series in {expected}, by their uuid")


def _read(series: Path) -> Scan:
    return replace(read_scan(series), source=None)
