"""Files that hold keys and tokens: there, read by the node, and by nobody else."""

from __future__ import annotations

import stat
from pathlib import Path

from mitsgan.errors import ConfigurationError


def check_secret(path: Path, store: Path | None) -> None:
    """See that a file can be a secret.

    Args:
        path: the file.
        store: the folder of a secret store, which writes its files with modes of its own.

    Raises:
        ConfigurationError: it is missing, none, not for this user, or others may read it.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:  # its folder may be one that the node may not look into
        raise ConfigurationError(f"{path}: {error.strerror}; make it, or name another") from error
    if not stat.S_ISREG(mode):
        raise ConfigurationError(f"{path} is no file; make one, or name another")
    stored = store is not None and path.resolve().is_relative_to(store.resolve())
    if not stored and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"{path} is a secret that others may read; `chmod 600 {path}`, or name its "
            f"folder as `secrets` if a secret store keeps it"
        )
    try:
        path.open("rb").close()
    except OSError as error:  # without it the node would take series, and hold each of them back
        raise ConfigurationError(
            f"{path}: {error.strerror}; `chown` it to the user that the node runs as"
        ) from error
