"""A model card in Markdown, with the metadata that hubs read, made from the card of weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from mitsgan import __version__
from mitsgan.networks import Card

_ABOUT: Mapping[str, str] = {
    "protector": (
        "A network that computes, slice by slice, a perturbation of a few HU for a CT scan. It is "
        "meant to make simulated tampering with the scan (CT-GAN and its like) show."
    ),
    "attacker": (
        "A surrogate attacker: a small network that paints a nodule into a cube of a CT scan, or "
        "out of one. It exists to train and to measure protection."
    ),
    "classifier": (
        "A small network that says whether a cube of a CT scan shows a nodule. It judges what "
        "simulated attacks come to."
    ),
    "detector": (
        "A small network that looks for what generative models leave in the grain of lung. It is "
        "there to compare other ways to find tampering with."
    ),
}
_USE: Mapping[str, str] = {
    "protector": 'mg.protect(mg.read("SCAN"), weights="FOLDER")',
    "attacker": 'mg.tamper(mg.read("SCAN"), "ACTION", attacker=Path("FOLDER"))',
    "classifier": 'NoduleClassifier.load(Path("FOLDER"))',
    "detector": 'LearnedDetector(TamperingDetector.load(Path("FOLDER"))).search(mg.read("SCAN"))',
}
_IMPORTS: Mapping[str, tuple[str, ...]] = {
    "protector": ("import mitsgan as mg", ""),
    "attacker": ("from pathlib import Path", "", "import mitsgan as mg", ""),
    "classifier": (
        *("from pathlib import Path", ""),
        *("from mitsgan.networks.classifier import NoduleClassifier", ""),
    ),
    "detector": (
        *("from pathlib import Path", "", "import mitsgan as mg"),
        "from mitsgan.evaluate.passive.learned import LearnedDetector",
        *("from mitsgan.networks.detector import TamperingDetector", ""),
    ),
}
_LIMITS: Mapping[str, str] = {
    "protector": (
        "Disruption holds for the attackers that it was measured against; protection does not stop "
        "an attack. Against an attacker who retrains or purifies it is weaker, or nothing. It is "
        "no medical device, and changes voxels: the original belongs in the archive."
    ),
    "attacker": (
        "For research on protection only. It works in memory; mitsgan writes nothing of it as "
        "DICOM. It is weaker than published attackers, and proves nothing about them."
    ),
    "classifier": "It is no diagnosis: it was trained on synthetic nodules, to compare numbers.",
    "detector": (
        "It knows the attackers that it was trained against, and others less: where it finds "
        "nothing, there may be tampering. It is no medical device."
    ),
}


def model_card(name: str, card: Card) -> str:
    """The text of README.md.

    Args:
        name: of the weights.
        card: of their file.
    """
    return "\n".join(_lines(name, card)) + "\n"


def _lines(name: str, card: Card) -> Iterator[str]:
    kind = str(card["kind"])
    yield from ("---", "library_name: mitsgan", f"license: {_hub_licence(card)}")
    yield from ("tags:", "- computed-tomography", "- medical-imaging", f"- {kind}", "---", "")
    yield from (f"# {name}", "", f"mitsgan {card.get('version', __version__)}, {kind}.", "")
    yield from (_ABOUT.get(kind, ""), "")
    action = str(card.get("config", {}).get("action", "inject"))
    use = _USE.get(kind, "").replace("ACTION", action)
    yield from ("## Use", "", "```python", *_IMPORTS.get(kind, ()), use, "```", "")
    yield "The folder is read from the disk: nothing is fetched, and nothing is unpickled."
    yield from ("", "## Input and output", "")
    yield "Voxels in Hounsfield units, `[z, y, x]`, spacing in mm; scaling is part of the network."
    yield from ("", "## Training", "", "```json", *_json(card.get("config", {})), "```", "")
    yield from ("Data:", "", *_data(card), "")
    yield from ("## Measured", "")
    metrics = card.get("metrics")
    if metrics:
        yield from ("```json", *_json(metrics), "```", "")
    else:
        yield from ("Nothing was measured when it was trained.", "")
    yield from ("## Limits", "", _LIMITS.get(kind, ""), "")
    yield from ("## Licence", "", f"{card.get('licence', 'not said')}.", "")
    yield from ("## Checksum", "")
    yield f"SHA-256 over the names, shapes and bytes of the tensors: `{card['sha256']}`,"
    yield f"stored as {card['precision']}."


def _data(card: Card) -> Iterator[str]:
    """The scans that were trained on."""
    scans = card.get("data") or ()
    if not scans:
        yield "- the card does not say"
    for scan in scans:
        if isinstance(scan, Mapping):
            details = ", ".join(f"{key} {value}" for key, value in scan.items() if key != "name")
            yield f"- {scan.get('name', 'a scan')}" + (f" ({details})" if details else "")
        else:
            yield f"- {scan}"


def _json(value: Any) -> Iterator[str]:
    yield from json.dumps(value, indent=2, sort_keys=True).splitlines()


def _hub_licence(card: Card) -> str:
    """What hubs know a licence by: their own word for any that is none of theirs."""
    said = str(card.get("licence", "")).split(";")[0].strip()
    return "mit" if said == "MIT" else "other"
