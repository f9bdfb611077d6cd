"""What others have installed, in the help texts of the commands that take it by name."""

from __future__ import annotations

from collections.abc import Mapping

from mitsgan.registry import ATTACKERS_GROUP, PROTECTORS_GROUP, installed

OPTIONS: Mapping[str, str] = {"--protector": PROTECTORS_GROUP, "--attackers": ATTACKERS_GROUP}


def describe(commands: Mapping[type, tuple[str, ...]]) -> None:
    """Add the names that are installed here to what commands say of themselves.

    Args:
        commands: and those of their options that take a name.
    """
    for command, options in commands.items():
        names = {option: installed(OPTIONS[option]) for option in options}
        own = "; ".join(
            f"{option} {', '.join(installed_names)}"
            for option, installed_names in names.items()
            if installed_names
        )
        if own:
            command.__doc__ = f"{command.__doc__}\n\nInstalled here besides ours: {own}."
