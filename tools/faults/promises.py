"""A command that writes, and what it promises of its outputs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faults.killing import Ended, contents

MESSAGE = 2
"""The exit code of a command that says what is wrong."""


@dataclass(frozen=True)
class Command:
    """A command line that writes.

    Attributes:
        name: for the results.
        words: the command line; ``{out}`` is where its outputs go.
        changed: words that make another result of it, for what is to be replaced.
        code: its usual exit code.
        source: the folder that it reads.
        overwrites: whether it replaces an earlier result where it is told to.
    """

    name: str
    words: str
    changed: str = ""
    code: int = 0
    source: str = "scan"
    overwrites: bool = True

    def line(self, out: Path, *more: str, changed: bool = False) -> list[str]:
        """The command line, for outputs in a folder."""
        words = f"{self.words} {self.changed}" if changed else self.words
        return [*words.format(out=out).split(), "--quiet", *more]


class BrokenPromiseError(Exception):
    """Half a result, something left behind, or a source that was changed."""


def new_folder(name: str) -> Path:
    """An empty folder; what was there is removed."""
    folder = Path(name).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def outputs(folder: Path) -> Mapping[str, str]:
    """What a user sees: all but work folders, which the next run sweeps."""
    return {n: digest for n, digest in contents(folder).items() if ".partial/" not in n}


def expect(ended: Ended, code: int) -> None:
    """Raise where a command ended otherwise, or without saying why."""
    if ended.code != code or (code == MESSAGE and "error" not in ended.said):
        raise BrokenPromiseError(f"exit {ended.code}, expected {code}: {ended.said[-600:]}")


def expect_same(one: Mapping[str, str], other: Mapping[str, str], what: str) -> None:
    """Raise where the files of two folders differ."""
    if dict(one) != dict(other):
        names = {n for n in {*one, *other} if one.get(n) != other.get(n)}
        raise BrokenPromiseError(f"differing {what}: {sorted(names)}")
