"""Write the tables of README.md and docs/results/README.md from the JSON results beside them.

`python docs/generate.py` rewrites what stands between the markers ``<!-- NAME -->`` and
``<!-- /NAME -->``; `--check` changes nothing and exits 1 where a table is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
PAGES = (ROOT / "README.md", RESULTS / "README.md")
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


TABLES: dict[str, tuple[str, Callable[[Json], str]]] = {
    "fidelity": ("lungdx-a0001.json", fidelity),
    "disruption": ("lungdx-a0001.json", disruption),
    "speed": ("speed.json", speed),
}


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def filled(text: str) -> str:
    """A page with every table between markers made anew."""
    for name, (file, draw) in TABLES.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if block.search(text):
            drawn = draw(json.loads((RESULTS / file).read_text()))
            text = block.sub(lambda m, d=drawn: f"{m[1]}{d}\n{m[2]}", text)
    return text


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
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
