"""Disks, targets and sources that fail a command while it runs."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faults.killing import Ended, contents, run
from faults.promises import (
    MESSAGE,
    BrokenPromiseError,
    Command,
    expect,
    expect_same,
    new_folder,
    outputs,
)


class CannotMountError(Exception):
    """File systems may not be mounted here."""


def full_disk(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """A disk with too little room: a message, and nothing left."""
    with _mounted("size=256k") as disk:
        out = disk / "out"
        out.mkdir()
        (disk / "other").write_bytes(bytes((256 - draw.choice((0, 4, 8, 12, 16, 24, 32))) * 1024))
        ended = run(command.line(out))
        left = contents(out)
        if ended.code == command.code:
            expect_same(left, whole["outputs"], "on a small disk")
            return "it fitted"
        expect(ended, MESSAGE)
        expect_same(left, {}, "on a full disk")
    return "message"


def read_only(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """A folder or a file system in which nothing may be written."""
    if draw.random() < 0.5:
        out = new_folder("closed")
        out.chmod(0o555)
        ended = run(command.line(out), nobody=True)
    else:
        with _mounted("ro") as out:
            ended = run(command.line(out))
    expect(ended, MESSAGE)
    return "message"


def vanishing(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """The folder of the target is taken away while the command runs."""
    out = new_folder("out")
    seconds = draw.uniform(0, whole["seconds"])

    def vanish() -> None:
        time.sleep(seconds)
        shutil.rmtree(out, ignore_errors=True)

    ended = run(command.line(out), meanwhile=vanish)
    if ended.code != command.code:
        expect(ended, MESSAGE)
        expect_same(outputs(out) if out.exists() else {}, {}, "where the target vanished")
        return "message"
    return "it was done before, or made anew"


def changing(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """A file of the source is cut, appended to, replaced or lost while it is read."""
    out, source = new_folder("out"), Path(command.source)
    kept = new_folder("kept") / source.name
    shutil.copytree(source, kept)
    file, how = draw.choice(sorted(source.iterdir())), draw.randrange(4)
    seconds = draw.uniform(0, whole["seconds"])

    def change() -> None:
        time.sleep(seconds)
        if how == 0:
            os.truncate(file, file.stat().st_size // 2)
        elif how == 1:
            with file.open("ab") as end:
                end.write(bytes(100))
        elif how == 2:
            shutil.copyfile(draw.choice(sorted(source.iterdir())), f"{file}.new")
            Path(f"{file}.new").replace(file)
        else:
            file.unlink()

    try:
        ended = run(command.line(out), meanwhile=change)
        left = contents(out)
        after = run(command.line(new_folder("after")))
        changed = contents(Path("after"))
    finally:
        shutil.rmtree(source)
        shutil.move(kept, source)
    if ended.code == MESSAGE:
        expect_same(left, {}, "of a source that changed")
        return "message"
    if ended.code == command.code and left == whole["outputs"]:
        return "it was read before"
    expect_same(left, changed, "of a source that changed")
    expect(ended, after.code)
    return "it was read afterwards"


def two_at_once(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """Two runs to one target: one result, which is whole."""
    out = new_folder("out")
    ends: list[Ended] = []
    delay = draw.uniform(0, whole["seconds"])

    def second() -> None:
        time.sleep(delay)
        ends.append(run(command.line(out)))

    ends.append(run(command.line(out), meanwhile=second))
    expect_same(contents(out), whole["outputs"], "of two runs at once")
    if sorted(end.code for end in ends) != sorted((command.code, MESSAGE)):
        raise BrokenPromiseError(f"two runs at once: {[(end.code, end.said) for end in ends]}")
    return "one result"


FAULTS: Mapping[str, Callable[[Command, Mapping[str, Any], random.Random], str]] = {
    "full disk": full_disk,
    "read-only target": read_only,
    "vanishing target": vanishing,
    "changing source": changing,
    "two runs at once": two_at_once,
}


@contextmanager
def _mounted(options: str) -> Iterator[Path]:
    place = new_folder("mounted")
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        raise CannotMountError
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
