"""What `mitsgan demo` does, step by step, in a folder that it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mitsgan.attack import Action, Attacker
from mitsgan.cli.console import Console
from mitsgan.cli.files import write_json
from mitsgan.evaluate.demo import demonstrate
from mitsgan.files import read_scan, write_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.entries import weights_entry
from mitsgan.jobs.protect.derivation import derivation
from mitsgan.networks import Card
from mitsgan.perturb import Budget, apply_perturbations
from mitsgan.phantom.chest import chest
from mitsgan.protect import MitsGan
from mitsgan.protect.registry import identify

SCHEMA = 1
"""Of the demonstration's report."""

_SHAPE, _SPACING = (80, 384, 384), (2.4, 0.94, 0.94)
"""The chest with pixels of a usual chest CT, such as the shipped protector was trained on."""


def make_demonstration(
    folder: Path,
    layer: MitsGan,
    weights: Path | None,
    attackers: Sequence[Attacker],
    cards: Mapping[Action, Card],
    console: Console,
    command: str,
) -> str:
    """Fill a folder with both series, the page and its numbers.

    The protected series comes about as a user's would: the original is read back from its DICOM
    files, protected, and written as derived from them. ``command`` is what makes all this again.

    Returns:
        One line about what came of it.
    """
    budget = Budget()
    with console.phase("phantom", "making a synthetic chest"):
        phantom_series(chest(_SHAPE, _SPACING, seed=layer.seed), folder / "original")
    with console.phase("read", "reading it") as progress:
        original = read_scan(folder / "original", progress=progress)
    with console.phase("protect", "protecting it") as progress:
        protected = apply_perturbations(original, [layer], budget, progress=progress)
    with console.phase("write", "writing the protected series") as progress:
        write_scan(
            protected.scan,
            folder / "protected",
            derivation=derivation(identify(layer), budget, protected.scan),
            progress=progress,
        )
    used = weights_entry(layer.card, weights, "mitsgan")
    sha256 = {a.action: str(cards[a.action]["sha256"]) for a in attackers}
    facts = {
        "seed": f"{layer.seed} (chest, perturbation, positions, controls)",
        "protector": f"{used['name']}, sha256 {used['sha256']}",
        **{a.name: f"{a.action}, sha256 {sha256[a.action]}" for a in attackers},
    }
    with console.steps("evaluate", "tampering in memory") as say:
        page, result = demonstrate(
            original,
            protected.scan,
            attackers,
            max_hu=budget.max_hu,
            seed=layer.seed,
            facts=facts,
            command=command,
            progress=say,
        )
    (folder / "report.html").write_text(page, encoding="utf-8")
    for attacker in attackers:
        result["attackers"][attacker.action]["sha256"] = sha256[attacker.action]
    content = {
        "schema": SCHEMA,
        "kind": "demonstration",
        **result,
        "protector": used,
        "seed": layer.seed,
        "seconds": {phase: round(value, 3) for phase, value in console.seconds.items()},
    }
    write_json(folder / "report.json", content)
    return (
        f"a synthetic chest of {original.shape[0]} slices, protected: largest change "
        f"{protected.largest_hu:g} HU (budget {budget.max_hu:g}), RMS {protected.rms_hu:.2f} HU; "
        f"{console.elapsed:.0f} s"
    )
