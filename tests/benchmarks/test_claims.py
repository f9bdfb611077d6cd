"""Every claim is what its run gives, and a run that is not comparable is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from claims import CLAIMS, OURS, REQUIRED, Claim, Run, all_claims, check_comparable, stale
from mitsgan.errors import ResultError
from mitsgan.evaluate.benchmark.result import Benchmark
from mitsgan.evaluate.benchmark.summary.rows import Rows

pytestmark = pytest.mark.slow

Change = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def fresh() -> dict[str, str]:
    return all_claims()


def submit(folder: Path, change: Change) -> Path:
    """A run that is ours with other rows, as somebody hands it in."""
    run = folder / "runs" / "somebody"
    run.mkdir(parents=True)
    shutil.copy(OURS[0] / "summary.json", run)
    head, *lines = (OURS[0] / "results.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    changed = [{"step": row["step"], "result": change(row["result"])} for row in rows]
    text = "\n".join([head, *map(json.dumps, changed)])
    (run / "results.jsonl").write_text(f"{text}\n")
    return folder / "runs"


def test_every_claim_is_what_its_run_gives(fresh: dict[str, str]) -> None:
    assert stale(fresh) == []
    assert len(fresh) == len(list(CLAIMS.glob("*.json"))) >= 5


def test_a_number_that_was_typed_is_seen(fresh: dict[str, str], tmp_path: Path) -> None:
    for name, text in fresh.items():
        (tmp_path / name).write_text(text)
    assert stale(fresh, tmp_path) == []
    name = next(iter(fresh))
    claim = json.loads(fresh[name])
    claim["least_over_noise"]["value"] += 0.01
    (tmp_path / name).write_text(json.dumps(claim))
    (tmp_path / "invented.json").write_text("{}")
    assert stale(fresh, tmp_path) == sorted([name, "invented.json"])


def test_a_claim_holds_what_the_summary_says(fresh: dict[str, str]) -> None:
    """By another way: the tables of the committed summaries."""
    summaries = [Benchmark.read(folder / "summary.json") for folder in OURS]
    of_run = {
        sha256(summary.config_toml.encode()).hexdigest(): {t.id: t for t in summary.tables}
        for summary in summaries
    }
    compared = 0
    for text in fresh.values():
        claim = Claim.from_json(text)
        assert {row.attacker for row in claim.against} >= REQUIRED
        assert min(row.over_noise.value for row in claim.against if row.attacker in REQUIRED) == (
            claim.least_over_noise.value
        )
        for row in of_run[claim.config_sha256][f"main-{claim.scan}"].rows:
            if (row["protector"], row["budget"]) != (claim.protector, claim.budget):
                continue
            (against,) = (
                a
                for a in claim.against
                if (a.attacker, a.action) == (row["attacker"], row["action"])
            )
            assert against.over_noise.value == pytest.approx(row["over_noise"], abs=1e-4)
            assert against.disruption_hu.low == pytest.approx(row["low"], abs=1e-2)
            assert against.positions == row["n"]
            compared += 1
    assert compared >= 160


def renamed(row: dict[str, Any]) -> dict[str, Any]:
    """A row that tells of another protector than MITS-GAN."""
    if row.get("protector") == "MITS-GAN":
        row = {**row, "protector": "Theirs"}
    if row["kind"] == "weights" and row["name"] == "MITS-GAN":
        row = {**row, "name": "Theirs", "sha256": "ab" * 32}
    return row


def test_a_run_that_is_handed_in_becomes_a_claim(tmp_path: Path) -> None:
    made = all_claims(submit(tmp_path, renamed))
    theirs = [Claim.from_json(text) for text in made.values() if '"somebody"' in text]
    assert {claim.protector for claim in theirs} == {"Theirs"}
    assert {claim.sha256 for claim in theirs} == {"ab" * 32}
    ours = [Claim.from_json(t) for t in made.values() if '"by": "mitsgan"' in t]
    mine = next(c for c in theirs if c.budget == "10 HU")
    (same,) = (
        c for c in ours if (c.protector, c.scan, c.budget) == ("MITS-GAN", mine.scan, "10 HU")
    )
    assert mine.against == same.against
    assert mine.file_name != same.file_name


def test_a_run_at_other_places_is_refused(tmp_path: Path) -> None:
    def moved(row: dict[str, Any]) -> dict[str, Any]:
        key = "nodule_probability_original"
        if row["kind"] == "attack" and row["attacker"] == "residual":
            return {**row, key: [1 - value for value in row[key]]}
        return row

    with pytest.raises(ResultError, match="other positions"):
        all_claims(submit(tmp_path, moved))


def test_fewer_positions_are_refused(tmp_path: Path) -> None:
    def fewer(row: dict[str, Any]) -> dict[str, Any]:
        if row["kind"] != "attack":
            return row
        few = {key: v[:7] if isinstance(v, list) else v for key, v in row.items()}
        return {**few, "n": 7}

    with pytest.raises(ResultError, match="another number of positions"):
        all_claims(submit(tmp_path, fewer))


@pytest.mark.parametrize("lost", ["inject", "remove"])
def test_a_claim_against_half_of_what_attackers_do_is_refused(lost: str, tmp_path: Path) -> None:
    def half(row: dict[str, Any]) -> dict[str, Any]:
        gone = row["kind"] == "attack" and row["action"] == lost and row["scan"] == "lungdx-a0001"
        return {"kind": "lost"} if gone else renamed(row)

    with pytest.raises(ResultError, match="not all of the actions"):
        all_claims(submit(tmp_path, half))


def test_a_run_that_gives_no_claim_is_told_why(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="gives no claim"):
        all_claims(submit(tmp_path, lambda row: row))  # all of its protectors have names of ours


def test_nobody_hands_in_a_run_as_ours(tmp_path: Path) -> None:
    runs = submit(tmp_path, renamed)
    (runs / "somebody").rename(runs / "mitsgan")
    with pytest.raises(ResultError, match="give the run another name"):
        all_claims(runs)


def test_our_own_runs_attacked_the_same_places() -> None:
    first, *others = (Run.read(folder, "mitsgan") for folder in OURS)
    counts = {row["n"] for row in first.rows.attacks()}
    for run in others:
        of_scan = (row for row in run.rows.rows if row.get("scan") == "lungdx-a0001")
        shared = [row for row in of_scan if row.get("n") in {None, *counts}]
        attackers = {row["attacker"] for row in shared if row["kind"] == "attack"}
        assert attackers >= REQUIRED
        check_comparable(Run("x", Rows(shared, 0, 0), run.summary), [first])


def test_a_claim_against_part_of_the_attackers_is_none() -> None:
    run = Run.read(OURS[0], "mitsgan")
    rows = [row for row in run.rows.rows if row.get("attacker") != "smooth"]
    part = Run("x", Rows(rows, run.rows.resamples, run.rows.seed), run.summary)
    check_comparable(part, [run])
    assert list(part.claims()) == []


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs" / "empty").mkdir(parents=True)
    with pytest.raises(ResultError, match=r"summary\.json"):
        all_claims(tmp_path / "runs")
