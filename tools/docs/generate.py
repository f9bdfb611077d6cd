"""Write the tables of the documentation from the JSON results and the cards of the weights.

`python tools/docs/generate.py` rewrites what stands between the markers ``<!-- NAME -->`` and
``<!-- /NAME -->``; `--check` changes nothing and exits 1 where a table is out of date.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tools")]

import archive_tables  # noqa: E402 - the path above first
import badges  # noqa: E402
import benchmark_pages  # noqa: E402
import bound_tables  # noqa: E402
import card_tables  # noqa: E402
import choice_tables  # noqa: E402
import count_tables  # noqa: E402
import curve_tables  # noqa: E402
import density_tables  # noqa: E402
import diffusion_tables  # noqa: E402
import first_contact  # noqa: E402
import first_tables  # noqa: E402
import idea_tables  # noqa: E402
import judge_tables  # noqa: E402
import kept_tables  # noqa: E402
import known_tables  # noqa: E402
import leaderboard_tables  # noqa: E402
import mark_key_tables  # noqa: E402
import node_tables  # noqa: E402
import objective_tables  # noqa: E402
import operating_tables  # noqa: E402
import operating_words  # noqa: E402
import result_tables  # noqa: E402
import sketch_tables  # noqa: E402
import speed_tables  # noqa: E402
import visibility_tables  # noqa: E402
import wave_tables  # noqa: E402

PAGES = tuple(
    ROOT / name
    for name in (
        "README.md",
        "docs/results/README.md",
        "docs/decisions/wave.md",
        "docs/decisions/field.md",
        "docs/decisions/keyed-wave.md",
        "docs/decisions/ideas.md",
        "docs/decisions/objective.md",
        "docs/decisions/bound.md",
        "docs/decisions/known-places.md",
        "docs/decisions/mark-measured.md",
        "docs/decisions/mark-grain.md",
        "docs/decisions/mark-wear.md",
        *(f"docs/{page}.md" for page in ("training", "mark", "attackers", "refine", "restore")),
        *(
            f"docs/{page}.md"
            for page in (
                "archive",
                "seal",
                "detection",
                "leaderboard",
                "training-data",
                "studio",
                "baselines",
                "research",
            )
        ),
        *(
            f"docs/{page}.md"
            for page in (
                "candidates",
                "benchmark",
                "results/benchmark-data",
                "measuring-speed",
                "first-contact",
                "visibility",
                "where-it-counts",
            )
        ),
    )
)


TABLES: Mapping[str, Callable[[], str]] = {
    "badges": badges.badges,
    "in-words": first_tables.in_words,
    "first-contact": first_contact.table,
    "limits-in-numbers": first_tables.limits,
    "moved-voxels": first_tables.moved_voxels,
    "fidelity": result_tables.fidelity,
    "disruption": result_tables.disruption,
    "transfer": result_tables.transfer,
    "diagnosis": result_tables.diagnosis,
    "density": density_tables.density,
    "mark-attacks": result_tables.mark_attacks,
    "mark-verdicts": result_tables.mark_verdicts,
    "mark-bars": result_tables.mark_bars,
    "mark-alarms": result_tables.mark_alarms,
    "mark-grains": result_tables.mark_grains,
    "mark-louder": result_tables.louder,
    "mark-keys": mark_key_tables.keys,
    "candidates": result_tables.candidates,
    "attackers": card_tables.attackers,
    "classifier": card_tables.classifier,
    "judges": judge_tables.shares,
    "calibration": judge_tables.calibration,
    "calibration-errors": judge_tables.errors,
    "real-nodules": judge_tables.real,
    "failures": result_tables.failures,
    "kept": kept_tables.kept,
    "restorable": kept_tables.restorable,
    "speed": speed_tables.speed,
    "memory": speed_tables.memory,
    "tamper-speed": speed_tables.tamper_speed,
    "archive-campaign": archive_tables.campaign,
    "archive-speed": archive_tables.speed,
    "archive-ledger": archive_tables.ledger,
    "archive-simulation": archive_tables.simulation,
    "node-campaign": node_tables.campaign,
    "node-speed": node_tables.speed,
    "longer-findings": curve_tables.findings,
    "longer-paper": curve_tables.paper,
    "longer-stops": curve_tables.stops,
    "operating-point": operating_tables.headline,
    "operating-point-added": operating_tables.put_in,
    "operating-point-attacks": operating_tables.attacks,
    "operating-point-failing": operating_tables.failing,
    "operating-point-findings": operating_words.findings,
    "operating-point-implied": operating_words.implied,
    "operating-point-in-short": operating_words.in_short,
    "operating-point-seen": operating_tables.seen,
    "refine-nodules": partial(speed_tables.refined, "nodules"),
    "refine-lung": partial(speed_tables.refined, "lung"),
    "refine-uncertainty": speed_tables.refined_by_uncertainty,
    "diffusion-attacks": diffusion_tables.attacks,
    "diffusion-purified": diffusion_tables.purified,
    "ideas": idea_tables.ideas,
    "visibility-answer": visibility_tables.answer,
    "visibility-keyed": visibility_tables.drawn_from_a_key,
    "visibility-in-short": visibility_tables.in_short,
    "visibility-lung": partial(visibility_tables.table, "lung"),
    "visibility-mediastinal": partial(visibility_tables.table, "mediastinal"),
    "wave-scans": wave_tables.scans,
    "wave-purified": wave_tables.purified,
    "wave-notched": wave_tables.notched,
    "recomputed": wave_tables.recomputed,
    "field-known": partial(
        wave_tables.notched, wave_tables.FIELD, wave_tables.BESIDE_FIELD, wave_tables.ON_FIELD
    ),
    "field-purified": partial(
        wave_tables.purified,
        wave_tables.FIELD,
        wave_tables.BESIDE_FIELD,
        wave_tables.ON_FIELD,
        ("purifier",),
    ),
    "keyed-known": partial(
        wave_tables.notched, wave_tables.KEYED, wave_tables.BESIDE_KEYED, wave_tables.ON_FIELD
    ),
    "keyed-light": wave_tables.lightly_purified,
    "linear-bound": bound_tables.bounds,
    "objectives-inject": partial(objective_tables.reached, "inject"),
    "objectives-remove": partial(objective_tables.reached, "remove"),
    "objectives-held-out-inject": partial(objective_tables.held_out, "inject"),
    "objectives-held-out-remove": partial(objective_tables.held_out, "remove"),
    "objectives-over-attacks": objective_tables.over_attacks,
    "objectives-elsewhere": objective_tables.elsewhere,
    "known-in-short": known_tables.in_short,
    "known-over-noise-10": partial(known_tables.over_noise, "10 HU"),
    "known-over-noise-sigma": partial(known_tables.over_noise, "0.5 sigma"),
    "known-left-10": partial(known_tables.left, "10 HU"),
    "known-left-sigma": partial(known_tables.left, "0.5 sigma"),
    "known-curve": known_tables.curve,
    "known-cost": known_tables.cost,
    "layers": sketch_tables.layers,
    "detectors": result_tables.detectors,
    "detectors-behind": result_tables.detectors_behind,
    "sketch-bars": sketch_tables.bars,
    "chest-ct": card_tables.chest_ct,
    "choice": choice_tables.choice,
    "counts-over-noise": count_tables.over_noise,
    "counts-failed": count_tables.outcomes,
    "counts-findings": count_tables.findings,
    "counts-known": count_tables.known_places,
    "leaderboard": leaderboard_tables.leaderboard,
    "sketch-behind": sketch_tables.behind,
    "sketch-benign": sketch_tables.benign,
    "sketch-mended": sketch_tables.mended,
    "sketch-untouched": sketch_tables.untouched,
    "studio-first": speed_tables.studio_first,
}


def filled(text: str) -> str:
    """A page with every table between markers made anew."""
    for name, draw in TABLES.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if block.search(text):
            text = block.sub(partial(_between_markers, draw()), text)
    return benchmark_pages.filled(text)


def _between_markers(table: str, found: re.Match[str]) -> str:
    return f"{found[1]}{table}\n{found[2]}"


def main() -> int:
    """Rewrite the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    check = parser.parse_args().check
    fresh = {page: filled(page.read_text(encoding="utf-8")) for page in PAGES}
    stale = [page for page, text in fresh.items() if text != page.read_text(encoding="utf-8")]
    plots = [*benchmark_pages.stale_plots(), *judge_tables.stale_picture()]
    plots += [*objective_tables.stale_picture(), *curve_tables.stale_picture()]
    plots += [badges.PICTURE] if badges.stale() else []
    for path in (*stale, *plots) if check else ():
        print(f"{path.relative_to(ROOT)} differs from docs/results: run make docs")
    if not check:
        for page in stale:
            page.write_text(fresh[page], encoding="utf-8")
        benchmark_pages.draw_plots()
        judge_tables.draw_picture()
        objective_tables.draw_picture()
        curve_tables.draw_picture()
        badges.draw()
    return 1 if check and (stale or plots) else 0


if __name__ == "__main__":
    sys.exit(main())
