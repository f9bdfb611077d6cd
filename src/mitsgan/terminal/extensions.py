"""What others have installed, in the help texts of the commands that take it by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_type_hints

from mitsgan.registry import ATTACKERS_GROUP, PROTECTORS_GROUP, installed

OPTIONS: Mapping[str, str] = {"--protector": PROTECTORS_GROUP, "--attackers": ATTACKERS_GROUP}


def describe(command: type) -> None:
    """Add the names that are installed here to what a command says of itself.

    Args:
        command: takes names by some of `OPTIONS`.
    """
    settings = get_type_hints(command)
    names = {
        option: installed(group)
        for option, group in OPTIONS.items()
        if option.removeprefix("--") in settings
    }
    own = "; ".join(
        f"{option} {', '.join(installed_names)}"
        for option, installed_names in names.items()
        if installed_names
    )
    note = f"\n\nInstalled here besides ours: {own}."
    if own and not (command.__doc__ or "").endswith(note):
        command.__doc__ = f"{command.__doc__}{note}"
