"""A verification in a few lines."""

from __future__ import annotations

from mitsgan.jobs.verify.verify import Verified
from mitsgan.mark import Detection, SliceState

_SHOWN = 10


def summary(verified: Verified) -> str:
    """What counts first, then what each layer tells."""
    result = verified.result
    lines = [f"{result.source}: {verified.verdict.upper()}"]
    if verified.detection is not None:
        lines += _of_mark(verified.detection)
    if verified.seal is not None:
        lines += verified.seal.lines()
    if result.mark_not_verified is not None:
        lines.append(f"the mark was not looked for: {result.mark_not_verified}")
    return "\n".join(lines)


def _of_mark(detection: Detection) -> list[str]:
    lines = [f"mark: {detection.verdict}; {detection.reason}"]
    for region in detection.regions[:_SHOWN]:
        z, y, x = (f"{a}-{b - 1}" for a, b in zip(region.start, region.stop, strict=True))
        place = ", ".join(f"{value:.1f}" for value in region.centre_mm)
        lines.append(
            f"  repainted: slices {z}, rows {y}, columns {x}; centre {place} mm (LPS); "
            f"{region.score:.1f} standard deviations"
        )
    lines += _more(len(detection.regions), "regions")
    odd = [f for f in detection.slices if f.detail and f.state != SliceState.CHANGED]
    lines += [f"  slice {f.number} at {f.position_mm:g} mm: {f.detail}" for f in odd[:_SHOWN]]
    lines += _more(len(odd), "slices")
    return lines + [f"  {end}" for end in detection.missing_ends]


def _more(count: int, what: str) -> list[str]:
    return [f"  and {count - _SHOWN} more {what}, see --json"] if count > _SHOWN else []
