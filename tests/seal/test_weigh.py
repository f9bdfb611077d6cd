"""Blocks are told apart by whether they show the patient: those of air around him do not count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mitsgan.files import Derivation, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.seal.digest import Box
from mitsgan.seal.format import Seal, read_seal, write_seal
from mitsgan.seal.report import Finding
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.sketch.encoding import from_fields
from mitsgan.seal.sketch.sketch import Sketch
from mitsgan.seal.weigh import weigh

BLOCK = 16
"""Smaller than that of a real seal, so that a small scan has many; 90 x 100 are no multiple."""


@pytest.fixture(scope="module")
def scan() -> Scan:
    """A chest in a wide field of air."""
    return chest((8, 90, 100), (6.0, 6.2, 7.4), seed=2)


@pytest.fixture(scope="module", params=["dicom", "image"])
def sealed(
    request: pytest.FixtureRequest,
    scan: Scan,
    signer: Signer,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Seal, Sketch]:
    folder = tmp_path_factory.mktemp("weigh")
    path = folder / ("series" if request.param == "dicom" else "scan.mha")
    if request.param == "dicom":
        phantom_series(scan, path)
    else:
        write_scan(scan, path, derivation=Derivation("a copy", "copy"))
    write_seal(make_seal(path, signer), folder / "seal.json")
    seal = read_seal(folder / "seal.json")
    assert seal.sketch is not None
    return replace(seal, block=BLOCK), from_fields(seal.sketch)


def blocks(shape: tuple[int, ...]) -> Iterator[Box]:
    for top in range(0, shape[1], BLOCK):
        for left in range(0, shape[2], BLOCK):
            yield Box(top, min(top + BLOCK, shape[1]), left, min(left + BLOCK, shape[2]))


def shown(sketch: Sketch, z: int) -> tuple[list[Box], list[Box]]:
    """The blocks of a slice that show some of the patient, and those that do not: by voxels."""
    cells = [
        np.arange(n) // side for n, side in zip(sketch.grid.shape, sketch.grid.cell, strict=True)
    ]
    body: NDArray[np.bool_] = sketch.body[np.ix_(*cells)][z]
    patient, around = list[Box](), list[Box]()
    for box in blocks(sketch.grid.shape):
        some = body[box.top : box.bottom, box.left : box.right].any()
        (patient if some else around).append(box)
    return patient, around


def explained(sealed: tuple[Seal, Sketch], differing: list[list[Box]]) -> list[bool]:
    """Of each slice, whether its differing blocks are those of a slice that was processed."""
    seal, sketch = sealed
    findings = [Finding("pixels", "", (z,), boxes=tuple(of)) for z, of in enumerate(differing)]
    return [finding.explained for finding in weigh(seal, sketch, findings)]


def test_half_of_the_blocks_of_the_patient_is_all_of_a_slice(sealed: tuple[Seal, Sketch]) -> None:
    slices = range(len(sealed[0].slices))
    parts = [shown(sealed[1], z) for z in slices]
    assert all(len(patient) > 6 and len(around) > 6 for patient, around in parts)
    enough = [patient[: -(-len(patient) // 2)] for patient, _ in parts]
    assert all(explained(sealed, enough))
    assert all(explained(sealed, [patient[len(patient) // 2 :] for patient, _ in parts]))
    too_few = [few[:-1] + around for few, (_, around) in zip(enough, parts, strict=True)]
    assert not any(explained(sealed, too_few))


def test_one_edited_slice_among_processed_ones_is_named(sealed: tuple[Seal, Sketch]) -> None:
    parts = [shown(sealed[1], z) for z in range(len(sealed[0].slices))]
    differing = [patient for patient, _ in parts]
    differing[5] = differing[5][:1]
    assert explained(sealed, differing) == [z != 5 for z in range(len(parts))]


def test_slices_of_other_places_than_the_sketch_count_whole(sealed: tuple[Seal, Sketch]) -> None:
    """A seal that does not say where its slices lie tells nothing of the patient in them."""
    seal, sketch = sealed
    names = {"ImagePositionPatient", "Origin"}
    lost = {k: v for k, v in seal.attributes.items() if k not in names}
    items = tuple(
        replace(item, attributes={k: v for k, v in item.attributes.items() if k not in names})
        for item in seal.slices
    )
    seal = replace(seal, attributes=lost, slices=items)
    every = list(blocks(sketch.grid.shape))
    half = -(-len(every) // 2)
    assert all(explained((seal, sketch), [every[:half]] * len(items)))
    assert not any(explained((seal, sketch), [every[: half - 1]] * len(items)))
