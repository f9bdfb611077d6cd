"""Command lines as people mistype them: right ones with one or more things wrong about them."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from random import Random
from types import FrameType

from faults.seeds import recipient, signing_key
from mitsgan.cli.main import main

COMMANDS: tuple[tuple[str, ...], ...] = (
    *(("protect",), ("verify",), ("keygen",), ("seal",), ("evaluate",), ("evaluate-mark",)),
    *(("report",), ("benchmark",), ("candidates",), ("attacker", "info"), ("attacker", "import")),
    *(("data", "cubes"), ("train", "attacker"), ("train", "protector"), ("train", "classifier")),
    *(("node", "check"), ("node", "queue"), ("node", "show"), ("node", "export")),
)
"""All that neither serve nor fetch, which a fuzzer should not."""

_OPTION = re.compile(r"^\W*(--[a-z][a-z0-9-]*)", re.MULTILINE)
VALUES = (
    *("", " ", "-", "--", "0", "1", "-1", "10", "0.5", "1e400", "nan", "inf", "-inf", "1_000"),
    *("99999999999999999999", "abc", "None", "True", "\0x", "ü", "名", "a" * 5000, "1,2,3", "1,2"),
    *("kernel=B70f", "=", "x=y=z", "../x", ".", "..", "/", "/nonexistent/x", "~", "*", "%s", "{}"),
    *("\x1b[31m", "\udcff", "a\nb", "cpu", "cuda:99", "noise", "offset", "pgd", "tafim", "1/0"),
)
PATHS = (
    *("scan", "scan.nii", "text.txt", "folder", "missing", "key", "out", "out.nii.gz", "out.mha"),
    *("out.xyz", "out.json", "scan/out", "text.txt/out", "new/deep/out", "out.dcm", "seal.json"),
)
KEPT = (
    *("scan", "scan.nii", "text.txt", "folder", "key", "s.pem", "r.crt", "r.pem"),
    *("marked", "marked.seal.json", "marked.original.p7m"),
)
"""What is there before each line, and stays."""
_AT_MOST_CPU_S, _AT_MOST_S = 1.5, 15.0
"""How long a line may work, and wait: the former is the same on a machine that has other work."""
_STRAY = 0.1
_CODES = (0, 1, 2, 3, 4, 130)


class TracebackError(Exception):
    """A command line that ended as a bug does."""


@dataclass
class CommandLines:
    """Command lines in a folder that has a few valid files.

    Attributes:
        place: the folder.
        options: of each command.
    """

    place: Path
    options: Mapping[tuple[str, ...], Sequence[str]]

    @classmethod
    def prepare(cls, place: Path, scans: Mapping[str, Callable[[Path], Path]]) -> CommandLines:
        """Make the files, and ask each command for its options."""
        scans["dicom"](place)
        scans["nifti"](place)
        (place / "text.txt").write_text("no scan\n", encoding="utf-8")
        (place / "folder").mkdir()
        lines = cls(place, {command: _options(command) for command in COMMANDS})
        signing_key(place / "s.pem")
        recipient(place / "r.crt", place / "r.pem")
        with contextlib.redirect_stderr(StringIO()), contextlib.redirect_stdout(StringIO()):
            main(["keygen", "-o", "key"])
            marked = "protect scan marked --protector noise --key key --sign s.pem"
            main([*marked.split(), "--restorable", "r.crt"])
        return lines

    def draw(self, draw: Random) -> list[str]:
        """One command line."""
        command = draw.choice((*COMMANDS, ("protect",), ("verify",), ("seal",)))
        words = list(command)
        words += [draw.choice(PATHS) for _ in range(draw.choice((0, 1, 2, 2, 2, 3)))]
        for _ in range(draw.choice((0, 1, 1, 2, 4))):
            words.append(draw.choice(self.options[command]))
            if draw.random() < 0.85:
                words.append(draw.choice(VALUES if draw.random() < 0.6 else PATHS))
        if draw.random() < _STRAY:
            words.insert(draw.randrange(len(words) + 1), draw.choice((*VALUES, "--no-such")))
        if draw.random() < _STRAY:
            del words[draw.randrange(len(words))]
        if draw.random() < _STRAY and len(words) > 1:
            one, other = draw.sample(range(len(words)), 2)
            words[one], words[other] = words[other], words[one]
        # What serves or fetches is nobody's to try; and nobody is asked anything.
        return ["protect"] if {"run", "fetch", "demo", "retry"} & set(words[:3]) else words

    def run(self, arguments: list[str]) -> str:
        """Run one, in the working folder, and tidy up; its exit code in words.

        Raises:
            TracebackError: it ended as a bug does.
        """
        said = StringIO()
        try:
            with (
                contextlib.redirect_stdout(said),
                contextlib.redirect_stderr(said),
                self.interrupted(),
            ):
                code: object = main(arguments)
        except SystemExit as end:
            code = end.code
        self.tidy()
        if code not in _CODES:
            raise TracebackError(f"exit {code} of {arguments}: {said.getvalue()[-2500:]}")
        if code == 2 and not said.getvalue().strip():
            raise TracebackError(f"exit 2 without a word of {arguments}")
        return f"exit {code}"

    @contextlib.contextmanager
    def interrupted(self) -> Iterator[None]:
        """Interrupt, as a user does, what went to work and takes long."""
        limits = (
            (signal.SIGPROF, signal.ITIMER_PROF, _AT_MOST_CPU_S),
            (signal.SIGALRM, signal.ITIMER_REAL, _AT_MOST_S),
        )
        before = {number: signal.signal(number, _interrupt) for number, _, _ in limits}
        # Where a shell put this into the background, interrupts are ignored.
        before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
        for _, timer, seconds in limits:
            signal.setitimer(timer, seconds)
        try:
            yield
        finally:
            for _, timer, _ in limits:
                signal.setitimer(timer, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def tidy(self) -> None:
        """Remove what a command line made."""
        for path in self.place.iterdir():
            if path.name in KEPT:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _options(command: Sequence[str]) -> Sequence[str]:
    said = StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        contextlib.suppress(SystemExit),
    ):
        main([*command, "--help"])
    return sorted({*_OPTION.findall(said.getvalue()), "--help", "--version"})


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt, but no import: half a module would stay, and the cases behind it would suffer."""
    while frame is not None:
        if "importlib" in frame.f_code.co_filename:
            signal.setitimer(signal.ITIMER_REAL, 1)
            return
        frame = frame.f_back
    signal.raise_signal(signal.SIGINT)
