"""Commands that are killed, and disks, targets and sources that fail them: never half a result.

    python tools/faults/interrupt.py --kills 100 --output docs/results/interrupted.json

Each command of `COMMANDS` is killed by SIGKILL at random moments and before random operations on
files, where there is no result yet and where one is to be replaced. Then the same command runs
again, and must sweep what was left. See docs/faults.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.killing import Ended, Moment, contents, load_all, run
from faults.seeds import SCANS, signing_key
from mitsgan import __version__

_MESSAGE = 2


@dataclass(frozen=True)
class Command:
    """A command line that writes.

    Attributes:
        name: for the results.
        words: the command line; ``{out}`` is where its outputs go.
        changed: words that make another result of it, for what is to be replaced.
        code: its usual exit code.
        source: the folder that it reads.
    """

    name: str
    words: str
    changed: str = ""
    code: int = 0
    source: str = "scan"

    def line(self, out: Path, *more: str, changed: bool = False) -> list[str]:
        """The command line, for outputs in a folder."""
        words = f"{self.words} {self.changed}" if changed else self.words
        return [*words.format(out=out).split(), "--quiet", *more]


COMMANDS = (
    Command("protect", "protect scan {out}/a --protector noise --key key --sign s.pem", "--seed 7"),
    Command(
        *("protect an image", "protect image/scan.nii {out}/a.mhd --protector noise", "--seed 7"),
        source="image",
    ),
    Command(
        *("seal", "seal marked --sign s.pem -o {out}/a.seal.json", "--no-sketch"), source="marked"
    ),
    # Of four slices too little can be checked, which is exit code 3.
    Command(
        *("verify --map", "verify marked --key key --map {out}/map.nii.gz"),
        code=3,
        source="marked",
    ),
)
"""What is killed; a further command is a further line."""


class BrokenPromiseError(Exception):
    """Half a result, something left behind, or a source that was changed."""


def prepare() -> None:
    """Make what commands read, in the working folder."""
    SCANS["dicom"](Path())
    SCANS["nifti"](_folder("image"))
    signing_key(Path("s.pem"))
    for line in ("keygen -o key", "protect scan marked --protector noise --key key"):
        _expect(run(line.split()), 0)


def kill(command: Command, moment: Moment, whole: Mapping[str, Any], replaces: bool) -> str:
    """Kill one run, look at what it left, run it again; what there was when it was killed."""
    out = _folder("out")
    before: Mapping[str, str] = {}
    if replaces:
        _expect(run(command.line(out, changed=True)), command.code)
        before = contents(out)
    more = ("--overwrite",) if replaces else ()
    ended = run(command.line(out, *more), moment)
    seen = _outputs(out)
    for name, digest in seen.items():
        if digest not in (before.get(name), whole["outputs"].get(name)):
            raise BrokenPromiseError(f"{name} is neither the earlier result nor the new one")
    if not ended.killed:
        _expect(ended, command.code)
    again = (*more,) if replaces else (("--overwrite",) if seen else ())
    _expect(run(command.line(out, *again)), command.code)
    _same(contents(out), whole["outputs"], "after the next run")
    _same(_sources(), whole["sources"], "of the sources")
    if not ended.killed:
        return "ended before"
    if dict(seen) == whole["outputs"]:
        return "the result"
    if dict(seen) == dict(before):
        return "the earlier result" if replaces else "nothing"
    return "within the move, which the next run ended"


def usual(command: Command) -> tuple[Ended, dict[str, Any]]:
    """A run that nothing happens to, and its outputs; twice, for they must be the same."""
    ends, results = [], []
    for _ in range(2):
        out = _folder("out")
        ends.append(run(command.line(out)))
        _expect(ends[-1], command.code)
        results.append(contents(out))
    _same(results[0], results[1], "of two runs")
    return ends[-1], {"outputs": results[0], "sources": _sources()}


def full_disk(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """A disk with too little room: a message, and nothing left."""
    with _mounted(f"size={draw.choice((4, 8, 12, 16, 24, 32))}k") as out:
        ended = run(command.line(out))
        left = contents(out)
        if ended.code == command.code:
            _same(left, whole["outputs"], "on a small disk")
            return "it fitted"
        _expect(ended, _MESSAGE)
        _same(left, {}, "on a full disk")
    return "message"


def read_only(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """A folder or a file system in which nothing may be written."""
    if draw.random() < 0.5:
        out = _folder("closed")
        out.chmod(0o555)
        ended = run(command.line(out), nobody=True)
    else:
        with _mounted("ro") as out:
            ended = run(command.line(out))
    _expect(ended, _MESSAGE)
    return "message"


def vanishing(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """The folder of the target is taken away while the command runs."""
    out = _folder("out")
    seconds = draw.uniform(0, whole["seconds"])

    def vanish() -> None:
        time.sleep(seconds)
        shutil.rmtree(out, ignore_errors=True)

    ended = run(command.line(out), meanwhile=vanish)
    if ended.code != command.code:
        _expect(ended, _MESSAGE)
        _same(_outputs(out) if out.exists() else {}, {}, "where the target vanished")
        return "message"
    return "it was done before, or made anew"


def changing(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """A file of the source is cut, appended to, replaced or lost while it is read."""
    out, source = _folder("out"), Path(command.source)
    kept = _folder("kept") / source.name
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
        after = run(command.line(_folder("after")))
        changed = contents(Path("after"))
    finally:
        shutil.rmtree(source)
        shutil.move(kept, source)
    if ended.code == _MESSAGE:
        _same(left, {}, "of a source that changed")
        return "message"
    if ended.code == command.code and left == whole["outputs"]:
        return "it was read before"
    _same(left, changed, "of a source that changed")
    _expect(ended, after.code)
    return "it was read afterwards"


def two_at_once(command: Command, whole: Mapping[str, Any], draw: random.Random) -> str:
    """Two runs to one target: one result, which is whole."""
    out = _folder("out")
    ends: list[Ended] = []
    delay = draw.uniform(0, whole["seconds"])

    def second() -> None:
        time.sleep(delay)
        ends.append(run(command.line(out)))

    ends.append(run(command.line(out), meanwhile=second))
    _same(contents(out), whole["outputs"], "of two runs at once")
    if sorted(end.code for end in ends) != sorted((command.code, _MESSAGE)):
        raise BrokenPromiseError(f"two runs at once: {[(end.code, end.said) for end in ends]}")
    return "one result"


FAULTS: Mapping[str, Callable[[Command, Mapping[str, Any], random.Random], str]] = {
    "full disk": full_disk,
    "read-only target": read_only,
    "vanishing target": vanishing,
    "changing source": changing,
    "two runs at once": two_at_once,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Kill and fail the commands; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="of each command")
    parser.add_argument("--faults", type=int, default=20, metavar="N", help="of each other kind")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    arguments = parser.parse_args(argv)
    load_all()
    output = None if arguments.output is None else arguments.output.absolute()
    here, counts, broken = Path.cwd(), {}, []
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        os.chdir(place)
        prepare()
        for command in COMMANDS:
            draw = random.Random(f"{arguments.seed}:{command.name}")
            counts[command.name] = tally = {}
            for kind, outcome in _outcomes(command, arguments.kills, arguments.faults, draw):
                tally.setdefault(kind, Counter())[outcome] += 1
                if outcome.startswith("broken"):
                    broken.append(f"{command.name}, {kind}: {outcome}")
            sys.stdout.write(f"{command.name}: {json.dumps(tally)}\n")
            sys.stdout.flush()
        os.chdir(here)
    sys.stdout.write("".join(f"{line}\n" for line in broken))
    sys.stdout.write(f"{len(broken)} promises broken\n")
    if output is not None:
        result = {"schema": 1, "kind": "interrupted", "version": __version__}
        result |= {"seed": arguments.seed, "outcomes": counts, "broken": broken}
        output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 1 if broken else 0


def _outcomes(
    command: Command, kills: int, faults: int, draw: random.Random
) -> Iterator[tuple[str, str]]:
    """The kind of each trial of a command, and what came of it."""
    ended, whole = usual(command)
    whole["seconds"] = ended.seconds
    for number in range(kills):
        moment = Moment.draw(ended, draw)
        yield "killed", _tried(partial(kill, command, moment, whole, bool(number % 2)))
    for kind, fault in FAULTS.items():
        for _ in range(faults):
            yield kind, _tried(partial(fault, command, whole, draw))


def _tried(trial: Callable[[], str]) -> str:
    try:
        return trial()
    except BrokenPromiseError as error:
        return f"broken: {error}"
    except _CannotMountError:
        return "not permitted here"


class _CannotMountError(Exception):
    """File systems may not be mounted here."""


@contextmanager
def _mounted(options: str) -> Iterator[Path]:
    place = _folder("mounted")
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        raise _CannotMountError
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _folder(name: str) -> Path:
    folder = Path(name).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _outputs(folder: Path) -> Mapping[str, str]:
    """What a user sees: all but work folders, which the next run sweeps."""
    return {n: digest for n, digest in contents(folder).items() if ".partial/" not in n}


def _sources() -> Mapping[str, str]:
    return {
        f"{name}/{n}": d
        for name in ("scan", "image", "marked")
        for n, d in contents(Path(name)).items()
    }


def _expect(ended: Ended, code: int) -> None:
    if ended.code != code or (code == _MESSAGE and "error" not in ended.said):
        raise BrokenPromiseError(f"exit {ended.code}, expected {code}: {ended.said[-600:]}")


def _same(one: Mapping[str, str], other: Mapping[str, str], what: str) -> None:
    if dict(one) != dict(other):
        names = {n for n in {*one, *other} if one.get(n) != other.get(n)}
        raise BrokenPromiseError(f"differing {what}: {sorted(names)}")


if __name__ == "__main__":
    raise SystemExit(main())
