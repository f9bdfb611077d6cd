"""The secret of a mark: 32 random bytes in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
import stat
import string
import warnings
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from mitsgan.atomic import atomic_output
from mitsgan.errors import MitsganError, OutputError

KEY_BYTES = 32
_HEADER = "mitsgan mark key 1"
_LONGEST_FILE = 4096


class MarkKeyError(MitsganError):
    """A key file is missing, unreadable, or holds no key."""


class MarkKeyWarning(UserWarning):
    """A key file that more people can read than its owner."""


@dataclass(frozen=True)
class Key:
    """The secret that a mark is drawn with, and found with again.

    Whoever has it can find the mark, and can put it on a forgery: it never leaves its file, and
    its bytes are in no representation of this object.

    Raises:
        MarkKeyError: not 32 bytes.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise MarkKeyError(
                f"a key is {KEY_BYTES} bytes, found {len(self.secret)}; "
                "make one with `mitsgan keygen`"
            )

    @classmethod
    def generate(cls) -> Key:
        """A new key from the system's source of randomness."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def of(cls, key: Key | str | PathLike[str]) -> Key:
        """A key as it is, or from its file; see `load`."""
        return key if isinstance(key, Key) else cls.load(key)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Key:
        """Read a key file; warns where others than its owner can read it.

        Raises:
            MarkKeyError: it is missing, unreadable, or no key of this kind.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                content = file.read(_LONGEST_FILE)
        except OSError as error:
            raise MarkKeyError(
                f"key file {path} cannot be read: {error.strerror or error}; "
                "name the file that `mitsgan keygen` wrote"
            ) from error
        key = cls(_parse(content, path))
        if os.name == "posix" and mode & 0o077:
            warnings.warn(
                f"key file {path} can be read by others (mode {mode:04o}), and whoever has the key "
                f"can forge the mark; run: chmod 600 {path}",
                MarkKeyWarning,
                stacklevel=2,
            )
        return key

    def save(self, path: str | PathLike[str]) -> None:
        """Write the key to a new file that only its owner can read (mode 0600).

        Raises:
            OutputError: the file exists (a key is never replaced: marks made with it could never
                be verified again), or it cannot be written.
        """
        path = Path(path)
        if path.exists() or path.is_symlink():
            raise OutputError(
                f"{path} exists; a key is never replaced, because scans marked with it could not "
                "be verified any more: choose another name"
            )
        text = f"{_HEADER}\n{self.secret.hex()}\n"
        with atomic_output(path) as temporary:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())


def _parse(content: bytes, path: Path) -> bytes:
    """The secret in the text of a key file; says what is wrong without repeating any of it."""
    header, _, rest = content.partition(b"\n")
    if header.strip() != _HEADER.encode():
        raise MarkKeyError(
            f"{path} is no mark key: its first line is not {_HEADER!r}; "
            "name the file that `mitsgan keygen` wrote"
        )
    digits = rest.strip()
    if len(digits) != 2 * KEY_BYTES or not set(digits) <= set(string.hexdigits.encode()):
        raise MarkKeyError(
            f"{path} is damaged: expected {2 * KEY_BYTES} hexadecimal digits in its second line, "
            f"found {len(digits)} characters; restore it from a copy"
        )
    return bytes.fromhex(digits.decode("ascii"))
