"""Tables of the weights that ship, from their cards, and of the public scans to train others on."""

from __future__ import annotations

from drawing import plain
from result_tables import read_result

from mitsgan.evaluate.report.table import Column
from mitsgan.networks import Card, load_weights, shipped

_ATTACKERS = tuple(
    f"{role}-{pair}"
    for role in ("injector", "remover")
    for pair in ("diffusion", "narrow", "residual", "smooth", "textured")
)


def attackers() -> str:
    """What ships to tamper with, and how convincing it is."""
    return plain(
        (
            "weights",
            "network, width",
            "adversarial weight",
            "seed",
            "steps",
            Column("", "inpainting error", "HU", digits=0),
            Column("", "texture", digits=2),
            "called nodule (injector), healthy (remover): before to after",
        ),
        [_attacker(name, load_weights(shipped(name), "attacker")[1]) for name in _ATTACKERS],
    )


def _attacker(name: str, card: Card) -> tuple[str | float, ...]:
    config, metrics = card["config"], card["metrics"]
    judged = metrics["classifier"]
    before, after = judged["nodule_before"], judged["nodule_after"]
    if config["action"] == "remove":
        before, after = 1 - before, 1 - after
    return (
        f"`{name}`" + (" (held out)" if card["held_out"] else ""),
        f"{config.get('architecture', 'ct-gan')}, {config['width']}",
        config.get("adversarial_weight"),
        card["seed"],
        config["steps"],
        metrics["core_mae_hu"],
        metrics["texture_ratio"],
        f"{before:.0%} to {after:.0%}",
    )


def classifier() -> str:
    """How often the classifier is right on the unseen scan."""
    metrics = load_weights(shipped("classifier"), "classifier")[1]["metrics"]
    shares = ("sensitivity", "specificity", "specificity_dense")
    labels = ("sensitivity", "specificity", "specificity at dense places")
    return plain(
        ("cubes", *(Column("", label, "%", sample=int(metrics["cubes"])) for label in labels)),
        [(metrics["cubes"], *(100 * metrics[share] for share in shares))],
    )


def chest_ct() -> str:
    """Every collection that can be fetched: how much it is, how free, and what is owed."""
    tree = read_result("chest-ct")
    columns = (
        *("command", "collection"),
        Column("", "patients"),
        Column("", "series"),
        Column("", "size", "GB", digits=0),
        *("licence", "cite"),
    )
    return plain(
        columns,
        [
            (
                f"`{one['name']}`",
                one["title"],
                one["patients"],
                one["series"],
                one["gigabytes"],
                ", ".join(one["licences"]),
                one["citation"],
            )
            for one in tree["collections"]
        ],
    )
