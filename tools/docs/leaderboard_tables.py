"""The table of docs/leaderboard.md, from the claims in benchmarks/leaderboard."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from drawing import plain

from claims import CLAIMS, REQUIRED, Against, Claim, Ratio
from mitsgan.evaluate.attacks.appearance import JUDGES, Judge
from mitsgan.evaluate.report.formatting import Cell, of_sample
from mitsgan.evaluate.report.table import Column


def leaderboard(folder: Path = CLAIMS) -> str:
    """The claims of every scan and budget, the best first."""
    claims = [Claim.read(path) for path in sorted(folder.glob("*.json"))]
    claims.sort(key=_group)
    return "\n\n".join(
        f"### {scan}, {budget}\n\n{_table(list(members))}"
        for (scan, budget), members in groupby(claims, _group)
    )


def _group(claim: Claim) -> tuple[str, str]:
    return claim.scan, claim.budget


def _table(claims: list[Claim]) -> str:
    claims.sort(key=lambda claim: (-claim.least_over_noise.value, claim.protector, claim.by))
    return plain(
        (
            *("protector", "by", "weights", "over noise, at the least", "by attackers"),
            Column("", "above noise", "of rows"),
            Column("", "offset does more", "of rows"),
            *(f"injections that fail, by {judge}: without, with it" for judge in JUDGES),
            Column("", "RMSE of the scan", "HU", digits=1),
        ),
        [_row(claim) for claim in claims],
    )


def _row(claim: Claim) -> list[Cell]:
    rows = [row for row in claim.against if row.attacker in REQUIRED]
    least = min(rows, key=lambda row: row.over_noise.value)
    above = sum(row.over_noise.low > 1 for row in rows)
    offset = sum((row.offset_hu or 0) > row.disruption_hu.value for row in rows)
    return [
        claim.protector,
        claim.by,
        "none" if claim.sha256 is None else f"`{claim.sha256[:8]}`",
        _interval(claim.least_over_noise, least.positions),
        f"{least.attacker}, {least.action}",
        f"{above} of {len(rows)}",
        f"{offset} of {len(rows)}",
        *(_failed(rows, judge) for judge in JUDGES),
        claim.rmse_hu,
    ]


def _failed(rows: list[Against], judge: Judge) -> str:
    """How many of all injections fail without protection, and with it; a dash: not asked."""
    injected = [row.failed for row in rows if row.action == "inject"]
    asked = [by for by in injected if judge in by["protected"] and judge in by["original"]]
    if not asked or len(asked) < len(injected):
        return "-"
    without, protected = (
        sum(by[scan][judge].count for by in asked) for scan in ("original", "protected")
    )
    return f"{without}, {protected} of {sum(by['protected'][judge].n for by in asked)}"


def _interval(ratio: Ratio, positions: int) -> str:
    return of_sample(ratio.value, positions, (ratio.low, ratio.high))
