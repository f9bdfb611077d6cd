"""The four blocks of the MITS-GAN paper's table: whole slices and squares, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mitsgan.attack import Attacker, Plan, hu_volume
from mitsgan.evaluate.attacks.slices import Pair, tampered_slices, untouched_slices
from mitsgan.evaluate.metrics.lpips import Lpips
from mitsgan.evaluate.metrics.metrics import Comparison, compare_slices
from mitsgan.evaluate.metrics.windows import HU
from mitsgan.scan.scan import Scan

PROTECTED = "protected vs real"
TAMPERED = "tampered protected vs tampered real"
AGAINST_REAL = "tampered protected vs real"


@dataclass(frozen=True)
class Block:
    """One block of the published table.

    Attributes:
        id, title: of our table.
        compared: which pictures, one of the names above.
        region: as `compare_slices` names it.
        published: what the paper prints, per method: RMSE, PSNR, LPIPS, SSIM. Empty where the
            paper has no such block.
    """

    id: str
    title: str
    compared: str
    region: str
    published: tuple[tuple[str, tuple[float, float, float, float]], ...] = ()


_SLICES, _SQUARES = "attack slices", "attack squares"
_MITS_GAN, _TAFIM = "MITS-GAN, as published", "TAFIM, as published"

BLOCKS = (
    Block(
        "paper-slice-protected",
        "Whole slice, protected vs real",
        PROTECTED,
        _SLICES,
        ((_MITS_GAN, (169.481, 27.949, 0.170, 0.983)), (_TAFIM, (194.943, 21.702, 0.383, 0.945))),
    ),
    Block(
        "paper-slice-tampered",
        "Whole slice, tampered vs real",
        TAMPERED,
        _SLICES,
        ((_MITS_GAN, (198.253, 21.237, 0.226, 0.970)), (_TAFIM, (233.780, 21.469, 0.391, 0.981))),
    ),
    Block(
        "paper-square-protected",
        "Tampered square, protected vs real",
        PROTECTED,
        _SQUARES,
        ((_MITS_GAN, (50.565, 26.682, 0.372, 0.992)), (_TAFIM, (66.061, 18.854, 0.342, 0.972))),
    ),
    Block(
        "paper-square-tampered",
        "Tampered square, tampered vs real",
        TAMPERED,
        _SQUARES,
        ((_MITS_GAN, (84.349, 11.289, 0.591, 0.740)), (_TAFIM, (79.451, 18.511, 0.346, 0.866))),
    ),
    Block("slice-against-real", "Whole slice, tampered vs untouched", AGAINST_REAL, _SLICES),
    Block("square-against-real", "Tampered square, tampered vs untouched", AGAINST_REAL, _SQUARES),
)
"""Pasqualino et al. 2024, and two blocks for another reading of its words.

The paper's "tampered vs real" names two pictures and leaves open which real one. Here it is the
attacker's result on the protected scan against his result on the real one: what protection
changes. The last two blocks take the untouched real picture instead, which differs from any
tampered one even where nothing is protected.
"""


def compare_blocks(
    original: Scan,
    protected: Scan,
    plans: Sequence[Plan],
    attacker: Attacker,
    lpips: Lpips | None,
) -> list[Comparison]:
    """Compare the slices through the positions of attacks, and the squares in them.

    Args:
        original, protected: the scans.
        plans: of the attacker's action, for the original.
        attacker: tampers with both.
        lpips: the perceptual distance, if its weights are there.

    Returns:
        A row for each of `BLOCKS`, in HU; PSNR and SSIM for a range of 2000 HU.
    """
    untouched = list(untouched_slices(original, protected, [plan.position for plan in plans]))
    before, after = (hu_volume(scan) for scan in (original, protected))
    tampered = list(tampered_slices(original, (before, after), plans, attacker))
    against: list[Pair] = [
        (real, result, inside, square)
        for (real, *_), (_, result, inside, square) in zip(untouched, tampered, strict=True)
    ]
    rows: list[Comparison] = []
    for name, pairs in ((PROTECTED, untouched), (TAMPERED, tampered), (AGAINST_REAL, against)):
        rows += compare_slices(name, pairs, lpips, windows=(HU,))
    return rows
