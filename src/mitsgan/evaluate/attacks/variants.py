"""Attackers who know how a scan is protected, and do something about it.

Each is a variant of the attack with fixed parameters and the signature of `tamper_cut`, used for
the original and for the protected scan alike. None is tuned to a protector but three: `notch` knows
the frequency of the waves, `comb` the patches of the networks, `flatten` that a bias field is slow;
`filters` are all three.
What each does and why: docs/purifiers.md. An attacker fine-tuned on protected scans is no variant
but another file of weights, see `mitsgan train attacker --protect`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

from mitsgan.attack import Attacker, Cut, Variant, paint_cut, tamper_cut
from mitsgan.attack.networks.ctgan import SIDE
from mitsgan.attack.resample import Shift
from mitsgan.attack.tamper import UNMOVED
from mitsgan.attack.touchup import blend
from mitsgan.errors import MitsganError, PositionError
from mitsgan.evaluate.purify import filters
from mitsgan.protect.patches import PATCH
from mitsgan.protect.wave import CYCLES_PER_MM, FINEST_CYCLES

DENOISE_MM = 1.0
"""Sigma of the Gaussian, along every axis."""

DENOISE_HU = 20.0
"""Sigma that non-local means takes for noise."""

LOW_MM = 2.0
"""Sigma of the Gaussian that parts low from high frequencies, along every axis."""

NOTCH_MM = 4.0
"""Sigma of the Gaussian over which a wave is fitted, along every axis."""

FLAT_MM = 4.0
"""Sigma of the Gaussian over which the density of the lung is taken for slow, along every axis."""

_LUNG_HU = (-650.0, -500.0)
"""Lung below the first, none of it above the second; vessels have a density of their own."""

_NO_WAVE = 1e-6
_NO_LUNG = 1e-3

_SOME_LUNG = 0.1
"""Of what is around a voxel: with less lung there, less is known of its density."""

SHIFTS: tuple[Shift, ...] = (
    (0.0, 0.0, 0.0),
    (0.0, 1.0, 0.0),
    (0.0, -1.0, 0.0),
    (0.0, 0.0, 1.0),
    (0.0, 0.0, -1.0),
    (0.5, 0.0, 0.0),
    (-0.5, 0.0, 0.0),
    (0.0, 0.5, 0.5),
    (0.0, -0.5, -0.5),
)
"""Voxels ``[z, y, x]`` by which the attacked cube is moved: whole ones within the slice, halves
along z, where slices are thick, and across."""

_REACH = 3.0


class VariantError(MitsganError):
    """No variant of the attack has that name."""


def variant(name: str) -> Variant:
    """The variant of that name.

    Raises:
        VariantError: there is none; names those that are.
    """
    if name not in VARIANTS:
        raise VariantError(
            f"no variant of the attack is called {name!r}; there are: {', '.join(VARIANTS)}"
        )
    return VARIANTS[name]


def _denoising(denoise: Callable[[Cut], Tensor]) -> Variant:
    """Shows the generator a denoised cube; the touch-up blends into the scan as it is."""

    def tamper(cut: Cut, attacker: Attacker, shift: Shift = UNMOVED) -> Tensor:
        where = (slice(None), *cut.plans[0].cube_in_block)
        painted = cut.before.clone()
        painted[where] = paint_cut(replace(cut, before=denoise(cut)), attacker, shift)[where]
        return _touched_up(cut, painted)

    return tamper


def _over_shifts(cut: Cut, attacker: Attacker, shift: Shift = UNMOVED) -> Tensor:
    """Paints from nine cubes a little apart, and takes the mean of what they paint."""
    total = torch.zeros_like(cut.before)
    for z, y, x in SHIFTS:
        rows, columns = int(y), int(x)
        moved = replace(cut, before=_moved(cut.before, rows, columns))
        rest = (shift[0] + z, shift[1] + y - rows, shift[2] + x - columns)
        total = total + _moved(paint_cut(moved, attacker, rest), -rows, -columns)
    where = (slice(None), *cut.plans[0].cube_in_block)
    painted = cut.before.clone()
    painted[where] = total[where] / len(SHIFTS)
    return _touched_up(cut, painted)


def _low_frequency(cut: Cut, attacker: Attacker, shift: Shift = UNMOVED) -> Tensor:
    """Pastes only the low frequencies of the change; every fine detail of the scan stays."""
    change = tamper_cut(cut, attacker, shift) - cut.before
    return cut.before + _blurred(change, cut, LOW_MM)


def _flattened(cut: Cut, attacker: Attacker, shift: Shift = UNMOVED) -> Tensor:
    """Shows the generator a lung of one density, and adds what was taken away to what it paints."""
    return _painted_on_flat(cut, cut, attacker, shift)


def _filtered(cut: Cut, attacker: Attacker, shift: Shift = UNMOVED) -> Tensor:
    """All three filters that are tuned to a protector, of one who does not know which it was."""
    clean = replace(cut, before=_without_waves(replace(cut, before=_without_patches(cut))))
    return _painted_on_flat(cut, clean, attacker, shift)


def _painted_on_flat(scan: Cut, seen: Cut, attacker: Attacker, shift: Shift) -> Tensor:
    """Paints on ``seen`` without its slow changes, and blends what comes out into ``scan``."""
    full, none = _LUNG_HU
    lung = ((none - seen.before) / (none - full)).clamp(0, 1)
    density, around = (
        _blurred(of, seen, FLAT_MM, edges="constant") for of in (seen.before * lung, lung)
    )
    density = density / around.clamp_min(_NO_LUNG)
    mean = (density * lung).sum((1, 2, 3), keepdim=True)
    mean = mean / lung.sum((1, 2, 3), keepdim=True).clamp_min(_NO_LUNG)
    slow = (density - mean) * (around / _SOME_LUNG).clamp(0, 1)
    return _touched_up(
        scan, paint_cut(replace(seen, before=seen.before - slow), attacker, shift) + slow
    )


def _touched_up(cut: Cut, painted: Tensor) -> Tensor:
    plan = cut.plans[0]
    if plan.style != "repaired":
        raise PositionError(
            "an attacker who knows the method has none of the release's faults; plan the attack "
            "in the repaired style"
        )
    return blend(cut.before, painted, cut.noise, plan.action)


def _moved(block: Tensor, rows: int, columns: int) -> Tensor:
    """``[b, z, y, x]`` seen from so many voxels further on, edges held."""
    height, width = block.shape[-2:]
    padded = F.pad(block, (1, 1, 1, 1), mode="replicate")
    return padded[..., 1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]


def _gaussian(cut: Cut) -> Tensor:
    return _blurred(cut.before, cut, DENOISE_MM)


def _without_waves(cut: Cut) -> Tensor:
    """Without waves as `mitsgan.protect.wave` has them, along rows and along columns."""
    along_y, along_x = (
        min(CYCLES_PER_MM * SIDE / samples, FINEST_CYCLES) for samples in cut.plans[0].cube[1:]
    )
    return _without(cut, [(along_y, 0.0), (0.0, along_x)])


def _without_patches(cut: Cut) -> Tensor:
    """Without all that repeats from patch to patch, as what the networks of MITS-GAN add does."""
    waves = [
        (rows / PATCH, columns / PATCH)
        for rows, columns in product(range(PATCH), repeat=2)
        # The other half of the frequencies is these, mirrored.
        if 0 < rows * PATCH + columns <= -rows % PATCH * PATCH + -columns % PATCH
    ]
    return _without(cut, waves)


def _without(cut: Cut, waves: Sequence[tuple[float, float]]) -> Tensor:
    """Without plane waves, fitted around each voxel.

    Args:
        cut: what is attacked.
        waves: cycles per pixel along y and x.
    """
    before = cut.before
    fine = before - _blurred(before, cut, LOW_MM)  # the mean, of -850 HU, would leak in
    inside = _blurred(torch.ones_like(before), cut, NOTCH_MM, edges="constant")
    fitted = torch.zeros_like(before)
    for cycles in waves:
        y, x = (torch.arange(n) * c for n, c in zip(before.shape[-2:], cycles, strict=True))
        angles = 2 * math.pi * (y[:, None] + x).to(before)
        for carrier in (angles.cos(), angles.sin()):
            energy = carrier.square().mean()
            if energy > _NO_WAVE:  # a sine of half a cycle a pixel is 0 everywhere
                along = _blurred(fine * carrier, cut, NOTCH_MM, edges="constant") / inside
                fitted = fitted + carrier * along / energy
    return before - fitted


def _blurred(blocks: Tensor, cut: Cut, sigma_mm: float, edges: str = "replicate") -> Tensor:
    """Gaussian blur of ``[b, z, y, x]``, cut at 3 sigma; edges held, or nothing beyond them."""
    for axis, samples in enumerate(cut.plans[0].cube, start=1):
        sigma = sigma_mm * samples / SIDE
        reach = min(int(_REACH * sigma + 0.5), blocks.shape[axis] - 1)
        taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
        taps = (taps / taps.sum()).to(blocks)
        last = blocks.movedim(axis, -1)
        flat = last.reshape(-1, 1, last.shape[-1])
        flat = F.conv1d(F.pad(flat, (reach, reach), mode=edges), taps[None, None])
        blocks = flat.reshape(last.shape).movedim(-1, axis)
    return blocks


def _passed_through(change: Callable[[filters.Array], filters.Array]) -> Callable[[Cut], Tensor]:
    """A filter of one block; its gradient is taken for that of leaving the block as it is.

    Source: backward pass differentiable approximation, Athalye et al., ICML 2018, section 4.1.
    """

    def denoise(cut: Cut) -> Tensor:
        seen = cut.before.detach()
        clean = [torch.from_numpy(change(block.float().cpu().numpy())) for block in seen]
        return cut.before + (torch.stack(clean).to(seen) - seen)

    return denoise


def _non_local_means(block: filters.Array) -> filters.Array:
    return filters.non_local_means(block, DENOISE_HU)


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        "plain": tamper_cut,
        "denoise-gaussian": _denoising(_gaussian),
        "denoise-median": _denoising(_passed_through(filters.median)),
        "denoise-nlm": _denoising(_passed_through(_non_local_means)),
        "notch": _denoising(_without_waves),
        "comb": _denoising(_without_patches),
        "flatten": _flattened,
        "filters": _filtered,
        "shifts": _over_shifts,
        "low-frequency": _low_frequency,
    }
)
"""Every variant by its name, the attack that knows nothing first."""
