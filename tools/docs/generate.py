"""Write the tables of the documentation from the JSON results and the cards of the weights.

`python tools/docs/generate.py` rewrites what stands between the markers ``<!-- NAME -->`` and
``<!-- /NAME -->``; `--check` changes nothing and exits 1 where a table is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import benchmark_pages
import content_tables
import refinement_tables
from safetensors import safe_open

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
WEIGHTS = ROOT / "src" / "mitsgan" / "networks" / "pretrained"
PAGES = (
    ROOT / "README.md",
    RESULTS / "README.md",
    ROOT / "docs" / "training.md",
    ROOT / "docs" / "mark.md",
    ROOT / "docs" / "attackers.md",
    ROOT / "docs" / "refine.md",
    ROOT / "docs" / "candidates.md",
    ROOT / "docs" / "benchmark.md",
    ROOT / "docs" / "benchmarks.md",
)
Json = dict[str, Any]


def fidelity(result: Json) -> str:
    """How far the protected scan is from its original."""
    f, scan = result["fidelity"], result["scan"]
    shape = " x ".join(str(n) for n in scan["shape"])
    spacing = " x ".join(f"{s:.3g}" for s in scan["spacing_mm"])
    return table(
        ("scan", "budget", "largest change", "RMSE", "PSNR", "SSIM"),
        [
            (
                f"`{scan['name']}`, {shape} at {spacing} mm",
                f"{result['config']['max_hu']:g} HU",
                f"{f['largest_hu']:g} HU",
                f"{f['rmse_hu']:.2f} HU",
                f"{f['psnr_db']:.1f} dB",
                f"{f['ssim']:.4f}",
            )
        ],
    )


def disruption(result: Json) -> str:
    """How far tampering the protected scan goes astray, beside the controls."""
    rows = []
    for action, measured in result["disruption"].items():
        for name, row in measured.items():
            r, p = row["rmse_hu"], row["psnr_db"]
            rows.append(
                (
                    action,
                    "**MITS-GAN**" if name == "protected" else name,
                    f"{row['perturbation_rmse_hu']:.1f}",
                    f"**{r['median']:.1f}**" if name == "protected" else f"{r['median']:.1f}",
                    f"{r['mean']:.1f}",
                    f"{r['worst']:.1f}",
                    f"{p['median']:.1f}",
                    f"{row['gain']:.2f}",
                )
            )
    header = (
        "action",
        "what was added",
        "its RMSE, HU",
        "disruption, HU: median",
        "mean",
        "worst",
        "PSNR, dB: median",
        "gain",
    )
    return table(header, rows)


def speed(result: Json) -> str:
    """Time and memory, side by side."""
    m, r, scan = result["measured"], result["ratios"], result["scan"]
    ours, plain = m["protect"], m["read_write"]

    def seconds(value: Json) -> str:
        return f"{value['median']:.2f} s"

    def ratio(name: str) -> str:
        target = r[name].get("target_at_most")
        aim = "" if target is None else f" (target: at most {target:g})"
        return f"{r[name]['value']:.1f}{aim}"

    rows = [
        (
            "plain pydicom: read and write",
            seconds(plain["in_process"]),
            seconds(plain["whole_process"]),
        ),
        ("`mitsgan protect`", seconds(ours["in_process"]), seconds(ours["whole_process"])),
        (
            "**ratio**",
            ratio("protect_over_read_write_without_start"),
            ratio("protect_over_read_write"),
        ),
    ]
    if "verify" in m:
        rows += [
            (name, seconds(m[part]["in_process"]), seconds(m[part]["whole_process"]))
            for name, part in (
                ("reading the marked series", "read"),
                ("`mitsgan verify --key`", "verify"),
            )
        ]
        without, whole = ratio("verify_over_read_without_start"), ratio("verify_over_read")
        rows.append(("**ratio**", without, whole))
    first = table(
        (
            f"{scan['shape'][0]} slices of 512 x 512",
            "the work itself",
            "the whole process, start included",
        ),
        rows,
    )
    paper, alone = m["paper"]["per_slice"]["median"], m["apply_layers"]["per_slice"]["median"]
    second = table(
        ("what", "measured"),
        [
            (
                "peak memory of `mitsgan protect`",
                f"{ours['peak_memory']['median']:.2f} GB (target: at most 2.5)",
            ),
            ("protection alone, per slice", f"{1000 * alone:.1f} ms"),
            ("the released architecture in float64, per slice", f"{paper:.1f} s"),
            ("**released / ours, per slice**", f"{r['paper_over_ours_per_slice']['value']:.0f}"),
        ],
    )
    return f"{first}\n\n{second}"


def memory(result: Json) -> str:
    """Peak memory on a large scan, beside what is allowed."""
    depth, rows, columns = result["scan"]["shape"]
    names = {"protect": "`mitsgan protect`", "protect_and_mark": "the same with `--key`"}
    return table(
        (f"synthetic chest of {depth} slices of {rows} x {columns}", "peak memory", "target"),
        [
            (
                names[name],
                f"{row['peak_memory']['median']:.2f} GB",
                f"at most {row['target_at_most']:.2f} GB",
            )
            for name, row in sorted(result["measured"].items())
        ],
    )


def attackers(cards: Json) -> str:
    """What ships to tamper with, and how convincing it is."""
    rows = []
    for name, card in sorted(cards.items()):
        if card["kind"] != "attacker":
            continue
        c, m = card["config"], card["metrics"]
        judged, inject = m["classifier"], c["action"] == "inject"
        before, after = judged["nodule_before"], judged["nodule_after"]
        rows.append(
            (
                f"`{name}`" + (" (held out)" if card["held_out"] else ""),
                f"{c.get('architecture', 'ct-gan')}, {c['width']}",
                f"{c['adversarial_weight']:g}",
                f"{card['seed']}",
                f"{c['steps']}",
                f"{m['core_mae_hu']:.0f} HU",
                f"{m['texture_ratio']:.2f}",
                f"{before:.0%} to {after:.0%}"
                if inject
                else f"{1 - before:.0%} to {1 - after:.0%}",
            )
        )
    header = (
        "weights",
        "network, width",
        "adversarial weight",
        "seed",
        "steps",
        "inpainting error",
        "texture",
        "called nodule (injector), healthy (remover): before to after",
    )
    return table(header, rows)


PAIRS = ("textured", "smooth", "narrow", "residual")


def transfer(results: Json) -> str:
    """Disruption of attackers that the protector was trained against, and of others."""
    rows = []
    for pair in PAIRS:
        for action, measured in results[pair]["disruption"].items():
            ours, noise, offset = (
                measured[name]["rmse_hu"]["median"]
                for name in ("protected", "random sign", "constant offset")
            )
            rows.append(
                (
                    f"`{pair}`",
                    action,
                    f"**{ours:.1f}**",
                    f"{noise:.1f}",
                    f"{offset:.1f}",
                    f"{ours / noise:.2f}",
                )
            )
    header = (
        "attackers",
        "action",
        "MITS-GAN, HU",
        "random sign, HU",
        "constant offset, HU",
        "MITS-GAN over random sign",
    )
    return table(header, rows)


def pairs() -> Json:
    """The results of every pair of attackers on the unseen scan."""
    files = {pair: "" if pair == "textured" else f"-{pair}" for pair in PAIRS}
    return {
        pair: json.loads((RESULTS / f"lungdx-a0001{suffix}.json").read_text())
        for pair, suffix in files.items()
    }


def classifier(cards: Json) -> str:
    """How often the classifier is right on the unseen scan."""
    m = cards["classifier"]["metrics"]
    row = (
        f"{m['cubes']:.0f}",
        f"{m['sensitivity']:.1%}",
        f"{m['specificity']:.1%}",
        f"{m['specificity_dense']:.1%}",
    )
    header = ("cubes", "sensitivity", "specificity", "specificity at dense places")
    return table(header, [row])


def cards() -> Json:
    """The cards of all weights that ship."""
    found = {}
    for path in WEIGHTS.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            if "mitsgan" in (file.metadata() or {}):
                found[path.stem] = json.loads(file.metadata()["mitsgan"])
    return found


CARDS: dict[str, Callable[[Json], str]] = {"attackers": attackers, "classifier": classifier}


MARKS = {
    "lungdx-a0001": "mark-lungdx-a0001.json",
    "lungdx-a0001, twice the mark": "mark-lungdx-a0001-strong.json",
    "lidc-0001": "mark-lidc-0001.json",
}


def mark_attacks(results: Json) -> str:
    """How well the mark tells tampered places from untouched ones, and finds them."""
    rows = []
    for action in ("inject", "remove"):
        cases = {name: result["attacks"][action] for name, result in results.items()}
        first = next(iter(cases.values()))
        for title, case in first.items():
            if not isinstance(case, dict) or "auc" not in case:
                continue
            found = [_mark_case(those[title]) for those in cases.values()]
            rows.append((action, title, *(cell for cells in found for cell in cells)))
    columns = [f"{name}: {what}" for name in results for what in ("AUC", "found (median Dice)")]
    return table(("action", "what was pasted, and what followed", *columns), rows)


def _mark_case(case: Json) -> tuple[str, str]:
    found = case["found"]
    return (
        f"{case['auc']:.3f}",
        f"{found['count']} of {found['n']} ({case['dice']['median']:.2f})",
    )


def marks() -> Json:
    """The results of all evaluations of the mark."""
    return {name: json.loads((RESULTS / file).read_text()) for name, file in MARKS.items()}


def candidates() -> str:
    """Which planted nodules the finder of candidates names, scan by scan."""
    rows = []
    for path in sorted(RESULTS.glob("candidates-*.json")):
        result = json.loads(path.read_text())
        parts = {row["nodules"]: row for row in result["recall"]}
        for limit, part in result["covered"].items():
            found = (parts[name]["recall"][limit] for name in ("all", "inside", "border"))
            cells = (limit, f"{part:.0%}", *(f"{value:.0%}" for value in found))
            rows.append((f"`{result['scan']['name']}`", *cells))
    header = ("scan", "candidates", "covered", "planted nodules named", "deep in the lung")
    return table((*header, "at its border"), rows)


def mark_verdicts(result: Json) -> str:
    """What `mitsgan verify` says of whole scans."""
    said = [(f"{a}, one place at a time", c["one at a time"]) for a, c in result["attacks"].items()]
    said += [(m["name"], m["verdicts"]) for m in result["manipulations"]]
    said += [(f"untouched, {name}", v) for name, v in result["false_alarms"].items()]
    verdicts = ("intact", "tampered", "unknown")
    rows = [(name, *(f"{found[v]['count']}" for v in verdicts)) for name, found in said]
    return table(("scan", *verdicts), rows)


VERDICTS = ("intact", "tampered", "unknown")


def mark_alarms(result: Json) -> str:
    """What is said of untouched scans behind what they may go through in good faith."""
    scans = result["scans"]
    first = next(iter(scans.values()))["verdicts"]
    rows = [
        (what, *(_verdict_counts(scan["verdicts"][what]) for scan in scans.values()))
        for what in first
    ]
    return table(("untouched, and then", *(f"`{name}`" for name in scans)), rows)


def mark_grains(result: Json) -> str:
    """What is said of untouched synthetic chests."""
    rows = [
        (
            f"{row['slices_mm']:g} mm",
            f"{row['pixels_mm']:g} mm",
            *(f"{row['verdicts'][verdict]['count']}" for verdict in VERDICTS),
        )
        for row in result["phantoms"]
    ]
    return table(("slices", "pixels", *VERDICTS), rows)


def _verdict_counts(verdicts: Json) -> str:
    said = [(verdicts[verdict]["count"], verdict) for verdict in VERDICTS]
    return ", ".join(f"{count} {verdict}" for count, verdict in said if count)


def mark_bars(result: Json) -> str:
    """What was wanted of the mark, and what was measured."""
    rows = []
    for bar in result["bars"]:
        least = "at_least" in bar
        wanted = f"at least {bar['at_least']:g}" if least else f"at most {bar['at_most']:g}"
        met = "met" if bar["met"] else "**missed**"
        rows.append((bar["what"], wanted, f"{bar['measured']:.4g}", met))
    return table(("what", "wanted", "measured", ""), rows)


def diagnosis(result: Json) -> str:
    """What a diagnosis rests on, original against protected, next to re-scan noise."""
    rows = []
    for row in result["invariants"]:
        if row["change"] is None or row["rescan_change"] is None:
            continue
        limit = row["tolerance"]
        rows.append(
            (
                row["name"],
                f"{row['original']:.4g}",
                f"{row['change']:+.2g}",
                f"{row['rescan_change']:+.2g}",
                row["unit"],
                "none claimed" if limit is None else f"{limit:.4g}",
            )
        )
    header = ("figure", "original", "change", "change by re-scan noise", "unit", "tolerance")
    return table(header, rows)


def tamper_speed(result: Json) -> str:
    """What one attack costs, and what a batch of them with gradients."""
    shape = " x ".join(str(n) for n in result["scan"]["shape"])
    rows = [(row["what"], f"{row['median']:.3f} s") for row in result["measured"].values()]
    count = result["batch"]
    names = {
        "tamper_in_place": "one position, in place",
        "batch_over_singles_in_scan": f"{count} positions over {count} single ones, gradients",
        "batch_over_singles_in_blocks": "the same, blocks already cut",
    }
    targets = []
    for name, row in result["targets"].items():
        unit = " s" if row["unit"] == "s" else ""
        most = row.get("target_at_most")
        aim = "" if most is None else f"at most {most:g}{unit}"
        targets.append((names[name], f"**{row['value']:.3f}{unit}**", aim))
    first = table(
        (f"{shape} voxels, width {result['width']}, {result['threads']} threads", ""), rows
    )
    return f"{first}\n\n{table(('', 'measured', 'target'), targets)}"


TABLES: dict[str, tuple[str, Callable[[Json], str]]] = {
    "fidelity": ("lungdx-a0001.json", fidelity),
    "disruption": ("lungdx-a0001.json", disruption),
    "diagnosis": ("lungdx-a0001.json", diagnosis),
    "speed": ("speed.json", speed),
    "memory": ("memory.json", memory),
    "tamper-speed": ("tamper-speed.json", tamper_speed),
    "mark-verdicts": ("mark-lungdx-a0001.json", mark_verdicts),
    "mark-bars": ("mark-lungdx-a0001.json", mark_bars),
    "mark-alarms": ("mark-alarms.json", mark_alarms),
    "mark-grains": ("mark-alarms.json", mark_grains),
}


REFINEMENT = {
    "refine-nodules": ("nodules", refinement_tables.compared),
    "refine-uncertainty": ("uncertainty", refinement_tables.per_mm),
    "refine-lung": ("lung", refinement_tables.compared),
}


CONTENT = {
    "content-told": content_tables.told,
    "content-knowing": content_tables.knowing,
    "content-cost": content_tables.cost,
}


def refinement(part: str, draw: Callable[[Json], tuple[Any, Any]], result: Json) -> str:
    """What optimising a perturbation for one scan is worth."""
    return table(*draw(result[part]))


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def filled(text: str) -> str:
    """A page with every table between markers made anew."""
    drawn: dict[str, Callable[[], str]] = {
        **{name: partial(_of_result, file, draw) for name, (file, draw) in TABLES.items()},
        **{name: partial(_of_cards, draw) for name, draw in CARDS.items()},
        **{
            name: partial(_of_result, "refine.json", partial(refinement, part, draw))
            for name, (part, draw) in REFINEMENT.items()
        },
        **{
            name: partial(
                _of_result, "content-pattern.json", lambda result, draw=draw: table(*draw(result))
            )
            for name, draw in CONTENT.items()
        },
        "transfer": lambda: transfer(pairs()),
        "mark-attacks": lambda: mark_attacks(marks()),
        "candidates": candidates,
    }
    for name, draw in drawn.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if block.search(text):
            made = draw()
            text = block.sub(lambda m, made=made: f"{m[1]}{made}\n{m[2]}", text)
    return benchmark_pages.filled(text)


def _of_cards(draw: Callable[[Json], str]) -> str:
    return draw(cards())


def _of_result(file: str, draw: Callable[[Json], str]) -> str:
    return draw(json.loads((RESULTS / file).read_text()))


def main() -> int:
    """Rewrite the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 if stale")
    check = parser.parse_args().check
    stale = [page for page in PAGES if filled(page.read_text()) != page.read_text()]
    for page in stale:
        if check:
            print(f"{page.relative_to(ROOT)} differs from docs/results: run make docs")
        else:
            page.write_text(filled(page.read_text()))
    plots = list(benchmark_pages.stale_plots())
    for plot in plots if check else ():
        print(f"{plot.relative_to(ROOT)} differs from docs/results: run make docs")
    if not check:
        benchmark_pages.draw_plots()
    return 1 if check and (stale or plots) else 0


if __name__ == "__main__":
    sys.exit(main())
