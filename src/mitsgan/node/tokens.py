"""Tokens in files: the one that opens the node's own page, and those that DICOMweb servers want."""

from __future__ import annotations

from pathlib import Path

from mitsgan.errors import ConfigurationError
from mitsgan.node.config import Http
from mitsgan.seal.keys import as_utf8

_SHORTEST = 16
"""Characters of a token of our own, below which it is no secret."""


def own_token(settings: Http) -> str:
    """What opens the node's page.

    Raises:
        ConfigurationError: see `read_token`; or it is too short.
    """
    token = read_token("token_file", settings.token_file)
    if len(token) < _SHORTEST:
        raise ConfigurationError(
            f"`token_file` {settings.token_file} holds {len(token)} characters; put at least "
            f"{_SHORTEST} in it: openssl rand -hex 16"
        )
    return token


def read_token(setting: str, path: Path) -> str:
    """The token that a file holds, as it goes into a header of HTTP.

    Args:
        setting: what names the file, such as "bearer_file".
        path: the file.

    Raises:
        ConfigurationError: it cannot be read, or does not hold one line of ASCII.
    """
    try:
        token = as_utf8(path.read_bytes()).decode("ascii").strip()
    except OSError as error:
        raise ConfigurationError(
            f"`{setting}` {path} cannot be read: {error.strerror}; put a token in it"
        ) from error
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable():
        raise ConfigurationError(
            f"`{setting}` {path} holds no token, which is one line of ASCII: letters and digits"
        )
    return token
