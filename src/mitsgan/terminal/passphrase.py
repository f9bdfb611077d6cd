"""The passphrase of a key, from the environment or from the person at the terminal."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from mitsgan.errors import SettingsError

PASSPHRASE = "MITSGAN_PASSPHRASE"
"""The environment variable that a passphrase is taken from where no file is named."""


def ask_passphrase(key: Path) -> bytes:
    """The passphrase of an encrypted key, of a file.

    Raises:
        SettingsError: it is not in the environment, and there is no terminal to ask at.
    """
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return os.fsencode(given)  # its bytes as they are, be they UTF-8 or not
    if sys.stdin.isatty():
        try:
            return getpass.getpass(f"passphrase of {key}: ").encode()
        except EOFError:
            raise SettingsError(f"{key} is encrypted, and no passphrase was given") from None
    raise SettingsError(
        f"{key} is encrypted and there is no terminal to ask for its passphrase; give "
        f"`passphrase_file`, or set {PASSPHRASE}"
    )
