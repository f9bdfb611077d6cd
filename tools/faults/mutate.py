"""Ways to damage bytes, as disks, networks and other programs do; all drawn from one generator."""

from __future__ import annotations

import random
import re
from pathlib import Path

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_NUMBERS = (
    *(b"0", b"-1", b"1", b"nan", b"inf", b"-inf", b"1e308", b"1e-308", b"65536", b"4294967296"),
    *(b"99999999999999999999", b"", b"x", b"0x10", b"1,5", b"-0", b"2147483648", b"3.0.0"),
)
_WORDS = (
    *(b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\x7f", b"\x00\x80"),
    *(b"SQ", b"UN", b"UI", b"DS", b"OB", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", b"\xc3\x28"),
)
_SLICES = 4


def mutate(folder: Path, draw: random.Random) -> None:
    """Damage one to three things about the files of a folder."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if not files:
            return
        path = draw.choice(files)
        if draw.random() < 0.03:
            _change_file(path, draw)
        else:
            path.write_bytes(damaged(path.read_bytes(), draw))


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Bytes with one damage: most often near the start, where headers are."""
    if not data:
        return draw.randbytes(draw.choice((1, 16, 400)))
    content = bytearray(data)
    near = draw.random() < 0.8
    at = draw.randrange(min(len(content), 1200) if near else len(content))
    kind = draw.randrange(8)
    if kind == 0:
        content[at] ^= 1 << draw.randrange(8)
    elif kind == 1:
        content[at] = draw.randrange(256)
    elif kind == 2:
        word = draw.choice(_WORDS)
        content[at : at + len(word)] = word
    elif kind == 3:
        del content[at : at + draw.choice((1, 2, 4, 8, 100, 1 << 20))]
    elif kind == 4:
        content[at:at] = draw.randbytes(draw.choice((1, 2, 4, 64)))
    elif kind == 5:
        length = draw.choice((4, 16, 200))
        other = draw.randrange(len(content))
        content[at : at + length] = content[other : other + length]
    elif kind == 6:
        length = draw.choice((2, 8, 512))
        content[at : at + length] = bytes(len(content[at : at + length]))
    else:
        _renumber(content, draw)
    return bytes(content)


def _renumber(content: bytearray, draw: random.Random) -> None:
    """Put another number in place of one that is written as text."""
    numbers = list(_NUMBER.finditer(bytes(content[:1200])))
    if not numbers:
        content[0] ^= 1
        return
    found = draw.choice(numbers)
    new = draw.choice(_NUMBERS)
    if draw.random() < 0.5:  # in its room, so that lengths stay true
        width = found.end() - found.start()
        new = new[:width].ljust(width)
    content[found.start() : found.end()] = new


def _change_file(path: Path, draw: random.Random) -> None:
    """Lose, empty, repeat or rename a whole file, or put another thing in its place."""
    kind = draw.randrange(5)
    if kind == 0:
        path.unlink()
    elif kind == 1:
        path.write_bytes(b"")
    elif kind == 2:
        path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    elif kind == 3:
        path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    else:
        path.write_bytes(draw.randbytes(draw.choice((3, 300, 3000))))
