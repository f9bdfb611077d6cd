"""Help texts: options in groups, and an example of each command."""

from __future__ import annotations

import io
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import cache
from importlib.resources import files

_OPTIONS = re.compile(r"^╭─ options ─+╮\n((?:│.*│\n)+)╰─+╯\n", re.MULTILINE)
_ENTRY = re.compile(r"^│ (?:-\w[^,]*, )?--(?:no-)?([\w-]+)")


@contextmanager
def grouped(arguments: Sequence[str]) -> Iterator[None]:
    """Print the help that arguments ask for with options in groups, and an example."""
    encoding = (sys.stdout.encoding or "utf-8").lower()  # text in memory has none
    text = io.TextIOWrapper(io.BytesIO(), encoding)  # frames are drawn in what it can show
    try:
        with redirect_stdout(text):
            yield
    finally:
        text.seek(0)
        words = [word for word in arguments if not word.startswith("-")][:2]
        examples = table("examples")
        example = examples.get(" ".join(words)) or examples.get(words[0] if words else "")
        help_text = _OPTIONS.sub(_in_groups, text.read())
        sys.stdout.write(f"{help_text}example:\n  {example}\n" if example else help_text)


@cache
def table(name: str) -> Mapping[str, str]:
    """What help.toml says: ``texts``, ``metavars``, ``examples``, or the group of each option."""
    tree = tomllib.loads(files(__package__).joinpath("help.toml").read_text(encoding="utf-8"))
    if name != "groups":
        return dict(tree[name])
    return {option: title for title, options in tree["groups"].items() for option in options}


def _in_groups(box: re.Match[str]) -> str:
    """One box for each group, the basic options first."""
    boxes: dict[str, list[str]] = {title: [] for title in ("options", *table("groups").values())}
    title = "options"
    for line in box[1].splitlines():
        entry = _ENTRY.match(line)
        if entry is not None:
            title = table("groups").get(entry[1], "options")
        boxes[title].append(line)
    width = len(box[1].splitlines()[0])
    drawn = []
    for title, lines in boxes.items():
        if lines:
            drawn += [f"{f'╭─ {title} '.ljust(width - 1, '─')}╮", *lines, f"╰{'─' * (width - 2)}╯"]
    return "".join(f"{line}\n" for line in drawn)
