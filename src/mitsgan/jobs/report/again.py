"""The commands that make results again which do not tell them: what files were called is not known
of keys, seals and lists, and stands as a placeholder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mitsgan.evaluate.report.command_line import command_line
from mitsgan.jobs.candidates.settings import CandidatesFile
from mitsgan.jobs.protect.settings import ProtectFile

Json = dict[str, Any]


def command_of(kind: str, tree: Json) -> str:
    """What makes a result of a kind again, or nothing."""
    return _COMMANDS[kind](tree) if kind in _COMMANDS else ""


def _protection(tree: Json) -> str:
    budget, mark = tree["budget"], tree.get("mark")
    refinement, kept = tree.get("refinement") or {}, tree.get("restorable")
    places = refinement.get("places")
    return command_line(
        "protect",
        *_names(tree),
        protector=_unless(tree["protector"], ProtectFile.protector),
        seed=tree["seed"] or None,
        max_hu=_unless(budget["max"], ProtectFile.max_hu),
        noise_fraction=budget["noise_fraction"],
        key=None if mark is None else "KEYFILE",
        mark_hu=None if mark is None else _unless(mark["rms"], ProtectFile.mark_hu),
        sign="KEY.pem" if tree.get("seal") else None,
        restorable=None if kept is None else ["RECIPIENT.pem"] * len(kept["recipients"]),
        refine=refinement.get("seconds"),
        refine_steps=refinement.get("steps"),
        nodules="LIST" if places == "nodules" else None,
        candidates=places == "candidates" or None,
        attackers=refinement.get("attackers") or None,
        varied=refinement.get("varied") or None,
    )


def _restoration(tree: Json) -> str:
    trust = "PEM" if tree["trusted"] else None
    return command_line("restore", *_names(tree), private_key="KEY.pem", trust=trust)


def _candidates(tree: Json) -> str:
    planted = len(tree["planted"])
    return command_line(
        "candidates",
        tree["scan"]["name"],
        limit=_unless(len(tree["candidates"]), CandidatesFile.limit),
        nodules="LIST" if tree["known"] else None,
        recall=planted or None,
        seed=tree["seed"] or None,
    )


def _names(tree: Json) -> list[str]:
    return [Path(tree[key]).name for key in ("source", "output")]


def _unless(value: object, default: object) -> object:
    """A value that is another than usual."""
    return None if value == default else value


_COMMANDS: Mapping[str, Callable[[Json], str]] = {
    "protection": _protection,
    "restoration": _restoration,
    "candidates": _candidates,
}
