"""What docs/baselines.md says of the published strengths in words and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from statistics import fmean

from operating_tables import PUBLISHED, changed, results

from mitsgan.attack import ACTIONS, Action
from mitsgan.evaluate.attacks.appearance import JUDGES, Judge
from mitsgan.evaluate.statistics import RateRow
from operating_bench import At
from operating_point import NOISE, OperatingPoints, Point

_OURS, _RELEASED, _OFFSET = "mits-gan", "mits-gan-paper", "offset"
_TAFIM_HERE = "tafim"
_MITS_GAN, _TAFIM = "MITS-GAN, as published", "TAFIM, as published"
_DOING: dict[Action, str] = {"inject": "injecting", "remove": "removing"}


def findings() -> str:
    """What came out, scan by scan."""
    return "\n".join(f"- {text}" for one in results() for text in _findings(one))


def implied() -> str:
    """What the published numbers imply, beside what was measured here."""
    return "\n".join(f"- {text}" for text in _implied(results()[0]))


def in_short() -> str:
    """The sentences that matter most, of the first scan."""
    result = results()[0]
    said = (*islice(_findings(result), 2), next(_implied(result)))
    return "\n".join(f"- {text}" for text in said)


def _findings(result: OperatingPoints) -> Iterator[str]:
    point, pair, scan = result.points[0], result.config.pairs[0], f"`{result.scan.name}`"
    strength = f"{point.square_rmse_hu:.1f} HU"
    ranges = ", ".join(
        f"{_range(one.value for one in over.values())} (`{name}`)"
        for name, over in point.over_noise.items()
        if name != NOISE
    )
    yield (
        f"**Over noise, at {strength} on {scan}**: {ranges}. Each is the range of "
        f"{len(result.config.pairs)} pairs of attackers and both actions."
    )
    offset = point.over_noise[_OFFSET]
    clear = ", ".join(
        f"{sum(one.low > offset[row].high for row, one in over.items())} (`{name}`)"
        for name, over in point.over_noise.items()
        if name not in (NOISE, _OFFSET)
    )
    yield (
        "**More than a constant offset of the same strength**, the intervals apart, in so many of "
        f"those {len(offset)} rows: {clear}."
    )
    if result.untouched is not None:
        told = (
            f"by {judge} {_passes(result.untouched.failed[f'{pair} inject'][judge])} without "
            "protection, " + ", ".join(
                f"{_passes(_failed(at, pair, 'inject', judge))} with `{name}`"
                for name, at in point.protectors.items()
            )
            for judge in JUDGES
        )  # fmt: skip
        yield (
            f"**Nodules that `{pair}` paints in and that pass**, of "
            f"{result.config.positions}: {'; '.join(told)}."
        )
    more, fewer, of = _otherwise(result)
    yield (
        f"**Of {of} rows** (a strength, a protector, a pair, an action and a judge) more attacks "
        f"fail than on the scan itself in {more}, and fewer in {fewer}, the 95 % intervals apart; "
        "the table below has them."
    )
    yield (
        f"**The whole slice** is moved by {_slices(point, _OURS)} HU RMSE by `mits-gan`, which "
        "adds nothing far from the lungs, "
        f"{_slices(point, _RELEASED)} HU by the released network and {_slices(point, NOISE)} HU by "
        "noise."
    )


def _otherwise(result: OperatingPoints) -> tuple[int, int, int]:
    """In how many rows more attacks fail than on the scan itself, or fewer; of how many."""
    changes = [change for _, _, _, _, *change in changed(result)]
    more = sum(after.count > before.count for before, after in changes)
    every = [
        failed
        for point in result.points
        for at in point.protectors.values()
        for struck in at.struck
        for failed in struck.failed
    ]
    return more, len(changes) - more, len(every)


def _implied(result: OperatingPoints) -> Iterator[str]:
    pair = result.config.pairs[0]
    parts = []
    for point in result.points:
        at = point.protectors[NOISE]
        by_action = [_tampered(at, pair, action) or 0 for action in ACTIONS]
        together = math.sqrt(fmean(value**2 for value in by_action))
        *each, both = (_gain(at.compared.squares.rmse_hu, v) for v in (*by_action, together))
        printed = _gain(*_squares(point.of))
        doing = " and ".join(
            f"{gain:.2f} {_DOING[action]}" for action, gain in zip(ACTIONS, each, strict=True)
        )
        parts.append(
            f"{printed:.2f} ({point.of}, {point.square_rmse_hu:.1f} HU put in), where random signs "
            f"of that strength reach {both:.2f} against `{pair}`, {doing}: the published one is "
            f"{'more' if printed > both else 'less'} than energy alone gives here"
        )
    yield (
        f"**Disruption in the square over what was put in** is {'; and '.join(parts)}. The paper "
        "has no such control; its attackers are other networks, on other scans. "
        "It leaves open which real picture its tampered ones are held against: if the untouched "
        "scan, what tampering itself changes is in its numbers, and protection did less."
    )
    first, second = result.points[0], result.points[-1]
    stronger = [
        1 / point.protectors[name].strength.factor
        for point, name in ((first, _RELEASED), (second, _TAFIM_HERE))
    ]
    yield (
        f"**What was trained here is stronger by itself**: in the square the released network adds "
        f"{stronger[0]:.1f} times what the paper prints for it, and TAFIM {stronger[1]:.1f} times. "
        "Neither has a term that bounds what it adds but a discriminator, or a weight, so how "
        "strong they are is a matter of training; how strong the published ones are cannot be had "
        "from the release."
    )
    outside = {
        who: (_of("paper-slice-protected", who)[0] or 0) / (_squares(who)[0] or 1)
        for who in (_MITS_GAN, _TAFIM)
    }
    ours = ", ".join(
        f"{_ratio(result.points[0].protectors[name]):.2f} (`{name}`)"
        for name in result.config.protectors
    )
    yield (
        f"**The whole slice moves {outside[_MITS_GAN]:.1f} times as far as the square** for "
        f"MITS-GAN and {outside[_TAFIM]:.1f} times for TAFIM, as published; here {ours}. The "
        "published networks change the rest of the slice more than what is attacked."
    )
    here = [at.compared.slices for at in result.points[0].protectors.values()]
    theirs = PUBLISHED["paper-slice-protected"][_MITS_GAN]
    yield (
        f"**LPIPS and SSIM depend on the grey scale**, which may be another there. At "
        f"{result.points[0].square_rmse_hu:.1f} HU in the square, LPIPS of the slices is "
        f"{_ends([m.lpips for m in here])} here and {theirs.lpips:.3f} as published, SSIM "
        f"{_ends([m.ssim for m in here])} and {theirs.ssim:.3f}."
    )
    peaks = sorted(
        rmse * math.pow(10, decibels / 20)
        for block in PUBLISHED.values()
        for rmse, decibels in ((m.rmse_hu or 0, m.psnr_db or 0) for m in block.values())
    )
    yield (
        "**RMSE and PSNR of the paper do not come from one scale**: a PSNR is 20 log10(peak / "
        f"RMSE), and the peaks run from {peaks[0]:.0f} to {peaks[-1]:.0f}. Its RMSE is read as HU "
        "here, since the release keeps scans in HU; if it is of another scale, these strengths are "
        "not the paper's."
    )


def _ends(values: Sequence[float | None]) -> str:
    found = sorted(value or 0 for value in values)
    return f"{found[0]:.3f} to {found[-1]:.3f}"


def _range(values: Iterable[float]) -> str:
    found = sorted(values)
    return f"{found[0]:.1f} to {found[-1]:.1f}"


def _failed(at: At, pair: str, action: Action, judge: Judge) -> RateRow:
    (struck,) = (s for s in at.struck if (s.attackers, s.action) == (pair, action))
    return struck.failed[judge]


def _passes(failed: RateRow) -> int:
    return failed.n - failed.count


def _tampered(at: At, pair: str, action: Action) -> float | None:
    (struck,) = (s for s in at.struck if (s.attackers, s.action) == (pair, action))
    return None if struck.compared is None else struck.compared.squares.rmse_hu


def _of(block: str, who: str) -> tuple[float | None, float | None]:
    return PUBLISHED[block][who].rmse_hu, PUBLISHED[block][who].psnr_db


def _squares(who: str) -> tuple[float | None, float | None]:
    """RMSE of the published square before the attack, and after."""
    return _of("paper-square-protected", who)[0], _of("paper-square-tampered", who)[0]


def _gain(added: float | None, disrupted: float | None) -> float:
    return (disrupted or 0) / (added or 1)


def _ratio(at: At) -> float:
    return (at.compared.slices.rmse_hu or 0) / (at.compared.squares.rmse_hu or 1)


def _slices(point: Point, name: str) -> str:
    return f"{point.protectors[name].compared.slices.rmse_hu or 0:.0f}"
