"""Help texts: options in groups, and an example of each command."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import cache

from mitsgan.terminal.help_content import EXAMPLES, GROUPS, GROUPS_OF

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
        names = " ".join(words), words[0] if words else ""
        example = EXAMPLES.get(names[0]) or EXAMPLES.get(names[1])
        group_of = _group_of(next((name for name in names if name in GROUPS_OF), ""))
        help_text = _OPTIONS.sub(lambda box: _in_groups(box, group_of), text.read())
        sys.stdout.write(f"{help_text}example:\n  {example}\n" if example else help_text)


@cache
def _group_of(command: str) -> Mapping[str, str]:
    """The group of each option of a command that is in one."""
    groups = (*GROUPS.items(), *GROUPS_OF.get(command, {}).items())
    return {option: title for title, options in groups for option in options.split()}


def _in_groups(box: re.Match[str], group_of: Mapping[str, str]) -> str:
    """One box for each group, the basic options first."""
    boxes: dict[str, list[str]] = {title: [] for title in ("options", *GROUPS)}
    title = "options"
    for line in box[1].splitlines():
        entry = _ENTRY.match(line)
        if entry is not None:
            title = group_of.get(entry[1], "options")
        boxes[title].append(line)
    width = len(box[1].splitlines()[0])
    drawn = []
    for title, lines in boxes.items():
        if lines:
            drawn += [f"{f'╭─ {title} '.ljust(width - 1, '─')}╮", *lines, f"╰{'─' * (width - 2)}╯"]
    return "".join(f"{line}\n" for line in drawn)
