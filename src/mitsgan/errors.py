"""What can go wrong, in words for the person who reads them.

Every message says what was found, where, what was expected and what to do about it. The settings
that it speaks of stand in backticks as Python names them, `max_hu`.
"""

from __future__ import annotations

import json
import unicodedata

_LAST_SHORT = 0xFFFF
"""Above it, a sign takes two escapes."""


class MitsganError(Exception):
    """Root of all errors that mitsgan raises on purpose; the CLI turns it into exit code 2."""


class SettingsError(MitsganError):
    """Settings that make no sense, alone or together."""


class ConfigurationError(SettingsError):
    """Settings in a file that make no sense: what they are called there is no option."""


class DeviceError(MitsganError):
    """A device that is not there, or that cannot do the work."""


class ScanError(MitsganError):
    """A scan cannot be read, is not a CT in HU, or is not complete."""


class IdentityError(MitsganError):
    """Which series a scan is cannot be told from its header."""


class OutputError(MitsganError):
    """A result cannot be written where it was asked for."""


class BudgetError(MitsganError):
    """A budget makes no sense, or a result would not keep it."""


class PositionError(MitsganError):
    """A position cannot be attacked: outside the scan, or too near its border."""


class WeightsError(MitsganError):
    """Weights are missing, damaged, or of another kind than expected."""


class DataError(MitsganError):
    """Training data cannot be read or fetched, or must not be used together."""


class ResultError(MitsganError):
    """A result of an earlier run cannot be read, or is of another kind than expected."""


class MissingExtraError(MitsganError):
    """An optional dependency is not installed; the message names the install line."""


class EngineError(MitsganError):
    """What is to do the work of an archive (Ray, Slurm, processes) is missing or does not work."""


class ExtensionError(MitsganError):
    """A protector or an attacker of somebody's own cannot be used."""


def is_text(name: object) -> bool:
    """Whether a name can be written as UTF-8: names of files may hold bytes that are none."""
    try:
        str(name).encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(text: str, *, keep: str = "") -> str:
    """Text in which signs that steer a terminal, or that nobody sees, are written as escapes.

    A name in a header, of a file or in a certificate could else end its line, clear the screen and
    write a verdict of its own.

    Args:
        text: what others may have written.
        keep: signs that stay, such as the ends of our own lines.
    """
    if text.isprintable():
        return text
    return "".join(
        _escaped(sign) if unicodedata.category(sign).startswith("C") and sign not in keep else sign
        for sign in text
    )


def counted(number: int, what: str) -> str:
    """``1 slice``, ``2 slices``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _escaped(sign: str) -> str:
    """As JSON writes it, so that JSON stays what it is."""
    number = ord(sign)
    return f"\\u{number:04x}" if number <= _LAST_SHORT else json.dumps(sign)[1:-1]
