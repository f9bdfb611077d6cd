"""Whose weights a benchmark measures with: names, checksums, what they were trained on."""

from __future__ import annotations

from collections.abc import Iterator

from mitsgan.attack import ACTIONS
from mitsgan.evaluate.benchmark.attackers import is_held_out, load_attacker
from mitsgan.evaluate.benchmark.bench import Row
from mitsgan.evaluate.benchmark.cells import all_tasks
from mitsgan.evaluate.benchmark.config import BenchmarkConfig, ProtectorEntry
from mitsgan.evaluate.benchmark.protectors import OPTIMISED, check_entry, load_layer, trained_on
from mitsgan.networks import Card
from mitsgan.networks.classifier import NoduleClassifier


def provenance(config: BenchmarkConfig) -> dict[str, Row]:
    """Rows about weights, attackers, protectors and the classifier, by keys for the journal.

    Raises:
        WeightsError: weights are missing or damaged: better told before the run than in it.
        BenchmarkError: a protector's kind is unknown.
    """
    rows: dict[str, Row] = {}
    for name in dict.fromkeys(task.attacker for task in all_tasks(config)):
        for action in ACTIONS:
            attacker = load_attacker(config, name, action)
            card = {**(attacker.card or {}), "sha256": attacker.checksum}
            key = f"weights | {name} | {action}"
            rows[key] = _weights(f"attacker, {action}", name, card)
        rows[f"attacker | {name}"] = {
            "kind": "attacker",
            "attacker": name,
            "held_out": is_held_out(config, name),
        }
    for entry in config.protectors:
        check_entry(entry)
        own = _card(entry, config.seed)
        if own is not None:
            rows[f"weights | {entry.name}"] = _weights("protector", entry.name, own)
        rows[f"protector | {entry.name}"] = {
            "kind": "protector",
            "protector": entry.name,
            "trained_on": _seen(entry, own, rows),
            "known_position": entry.is_known_position,
        }
    judge = NoduleClassifier.load()
    rows["weights | classifier"] = _weights("classifier", "classifier", judge.card)
    rows["classifier"] = {"kind": "classifier", "threshold": judge.threshold}
    return rows


def checksums(rows: dict[str, Row]) -> Iterator[str]:
    """Of all weights, in the order of their keys: other ones make another measurement."""
    for key in sorted(rows):
        if rows[key]["kind"] == "weights":
            yield f"{key} {rows[key]['sha256']}"


OTHER_WEIGHTS = " (other weights)"
"""Behind the name of a pair of which a protector has seen another training."""


def _seen(entry: ProtectorEntry, card: Card | None, rows: dict[str, Row]) -> list[str]:
    """What a protector was trained on; where its card has checksums, held to the weights' own."""
    names = trained_on(entry, card)
    known = {
        name: {row["sha256"] for key, row in rows.items() if key.startswith(f"weights | {name} |")}
        for name in names
    }
    listed = {seen.get("sha256") for seen in (card or {}).get("attackers", ()) if seen is not None}
    if entry.trained_on or not listed - {None}:
        return list(names)
    return [name if not known[name] - listed else f"{name}{OTHER_WEIGHTS}" for name in names]


def _card(entry: ProtectorEntry, seed: int) -> Card | None:
    if entry.is_known_position or entry.kind in OPTIMISED:
        return None
    return load_layer(entry, seed).card


def _weights(role: str, name: str, card: Card) -> Row:
    return {"kind": "weights", "role": role, "name": name, "sha256": card["sha256"]}
