"""What a fuzzer runs: protecting a damaged scan, verifying by a damaged seal, a command line."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from faults.command_lines import CommandLines
from faults.mutate import damaged, mutate
from faults.parsers import keep_parsers
from faults.seeds import SCANS, signing_key
from faults.strategies import drawn
from mitsgan.errors import MitsganError
from mitsgan.files.io import is_image
from mitsgan.jobs.protect.file import load_protection, protect_file
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.jobs.seal import SealFile, seal_file
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.verify import verify_file

MISTYPED, BY_TYPE = "command-line", "command-line-by-type"
"""Kinds of command lines: right ones that are mistyped, and what Hypothesis draws."""

Case = Callable[[int], str]
"""Runs a case by its number; gives ``message`` or ``result``, and raises where it is neither."""


def scan_cases(kind: str, seed: int, place: Path) -> Case:
    """Protect a scan of a format that was damaged."""
    source = place / "seed"
    source.mkdir()
    named = SCANS[kind](source).relative_to(source)
    suffix = "".join(named.suffixes) if is_image(named) else ".nii" if _is_pair(named) else ""
    usual = ProtectFile(scan=source / named, out=place / f"out{suffix}", protector="noise")
    protection = load_protection(usual)
    protect_file(usual, protection=protection)  # what is not damaged is protected
    _clear(usual.out)

    def run(number: int) -> str:
        folder = place / "case"
        shutil.copytree(source, folder)
        mutate(folder, random.Random(f"{seed}:{kind}:{number}"))
        settings = ProtectFile(scan=folder / named, out=usual.out, protector="noise")
        try:
            protect_file(settings, protection=protection)
        except (MitsganError, OSError, MemoryError) as error:
            assert not settings.out.exists(), "an error, and yet there is an output"
            return "message" if str(error) else "message without a word"
        else:
            assert settings.out.exists(), "no error, and no output"
            return "result"
        finally:
            shutil.rmtree(folder)
            _clear(settings.out)
            left = {path.name for path in place.iterdir()} - {"seed"}
            assert not left, f"left behind: {left}"

    return run


def seal_cases(kind: str, seed: int, place: Path) -> Case:
    """Verify a scan by a seal that was damaged."""
    scan = SCANS["nifti"](place)
    key, seal = place / "key.pem", place / "seal.json"
    signing_key(key)
    seal_file(SealFile(scan=scan, sign=key, output=seal))
    whole = seal.read_bytes()

    def run(number: int) -> str:
        draw = random.Random(f"{seed}:{kind}:{number}")
        content = whole
        for _ in range(draw.choice((1, 1, 2))):
            content = damaged(content, draw)
        seal.write_bytes(content)
        try:
            return f"result {verify_file(VerifyFile(scan=scan, seal=seal)).verdict}"
        except (MitsganError, OSError, MemoryError):
            return "message"

    return run


def command_cases(kind: str, seed: int, place: Path) -> Case:
    """Run a command line: a right one that is mistyped, or one that Hypothesis draws."""
    inner = place / "a" / "b"
    inner.mkdir(parents=True)
    os.chdir(inner)
    keep_parsers()
    lines = CommandLines.prepare(Path(), SCANS)
    drawn(seed, 0)  # the first takes seconds, which are no case's

    def run(number: int) -> str:
        os.chdir(inner)
        if kind == MISTYPED:
            return lines.run(lines.draw(random.Random(f"{seed}:{kind}:{number}")))
        return lines.run(drawn(seed, number))

    return run


FILES: Mapping[str, Callable[[str, int, Path], Case]] = {
    **dict.fromkeys(SCANS, scan_cases),
    "seal": seal_cases,
}
"""Kinds of damaged files, and what makes their cases."""

COMMANDS: Mapping[str, Callable[[str, int, Path], Case]] = {
    MISTYPED: command_cases,
    BY_TYPE: command_cases,
}


def runner(kind: str, seed: int, place: Path) -> Case:
    """What runs the cases of a kind."""
    return {**FILES, **COMMANDS}[kind](kind, seed, place)


def _is_pair(path: Path) -> bool:
    return path.suffix in (".hdr", ".img")


def _clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    for file in (path, path.with_name(f"{path.stem}.raw")):
        file.unlink(missing_ok=True)
