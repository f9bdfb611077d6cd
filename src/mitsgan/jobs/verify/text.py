"""A verification in a few lines."""

from __future__ import annotations

from mitsgan.jobs.verify.result import RegionEntry, UnlikeEntry, Verification
from mitsgan.jobs.verify.verify import Verified
from mitsgan.mark import SliceState

_SHOWN = 10


def summary(verified: Verified) -> str:
    """What counts first, then what each layer tells."""
    result = verified.result
    lines = [f"{result.source}: {verified.verdict.upper()}"]
    if verified.detection is not None:
        lines += _of_mark(result)
    if verified.seal is not None:
        lines += verified.seal.lines()
    if result.mark_not_verified is not None:
        lines.append(f"the mark was not looked for: {result.mark_not_verified}")
    lines += [f"note: {note}" for note in result.notes]
    if result.decided_by is not None and verified.seal is not None:
        lines.append(_both(result, verified.seal.verdict))
    return "\n".join(lines)


def _both(result: Verification, of_seal: str) -> str:
    """Mark and seal side by side, and which of them decided."""
    who = "both say so" if result.decided_by == "both" else f"the {result.decided_by} decided"
    return f"mark {result.mark_verdict}, seal {of_seal}: {result.verdict.upper()}, {who}"


def _of_mark(result: Verification) -> list[str]:
    lines = [f"mark: {result.mark_verdict or result.verdict}; {result.reason}"]
    regions, slices = result.regions or (), result.slices or ()
    lines += [
        f"  repainted: {_place(region)}; {region.z_score:.1f} standard deviations"
        for region in regions[:_SHOWN]
    ]
    lines += _more(len(regions), "regions")
    unlike = result.unlike or ()
    lines += [
        f"  not checked: {_place(place)}; its grain is {place.grain_over_surroundings:.1f} times "
        "that around"
        for place in unlike[:_SHOWN]
    ]
    lines += _more(len(unlike), "places")
    odd = [f for f in slices if f.detail and f.state != SliceState.CHANGED]
    lines += [f"  slice {f.slice} at {f.position_mm:g} mm: {f.detail}" for f in odd[:_SHOWN]]
    lines += _more(len(odd), "slices")
    return lines + [f"  {end}" for end in result.missing_ends or ()]


def _place(box: RegionEntry | UnlikeEntry) -> str:
    """Where a box of voxels lies, in the file and in the patient."""
    ends = zip(box.start_voxel, box.stop_voxel, strict=True)
    z, y, x = (f"{start}-{stop - 1}" for start, stop in ends)
    centre = ", ".join(f"{value:.1f}" for value in box.centre_lps_mm)
    return f"slices {z}, rows {y}, columns {x}; centre {centre} mm (LPS)"


def _more(count: int, what: str) -> list[str]:
    return (
        [f"  and {count - _SHOWN} more {what}, all of them in the JSON"] if count > _SHOWN else []
    )
