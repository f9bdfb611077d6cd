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
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.failing import FAULTS, CannotMountError
from faults.killing import Ended, Moment, contents, load_all, run
from faults.promises import (
    MESSAGE,
    BrokenPromiseError,
    Command,
    expect,
    expect_same,
    new_folder,
    outputs,
)
from faults.seeds import SCANS, recipient, signing_key
from mitsgan import __version__

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
    Command(
        *("restore", "restore protected {out}/a --private-key r.pem --trust s.pub"),
        source="protected",
        overwrites=False,
    ),
)
"""What is killed; a further command is a further line."""

ENDED_BEFORE = "ended before"
"""The outcome of a moment that came after the end: it is no kill, and another one is drawn."""
_DRAWN_AT_MOST = 5


def prepare() -> None:
    """Make what commands read, in the working folder."""
    SCANS["dicom"](Path())
    SCANS["nifti"](new_folder("image"))
    signing_key(Path("s.pem"), Path("s.pub"))
    recipient(Path("r.crt"), Path("r.pem"))
    for line in (
        "keygen -o key",
        "protect scan marked --protector noise --key key",
        "protect scan protected --protector noise --restorable r.crt --sign s.pem",
    ):
        expect(run(line.split()), 0)


def kill(command: Command, moment: Moment, whole: Mapping[str, Any], replaces: bool) -> str:
    """Kill one run, look at what it left, run it again; what there was when it was killed."""
    out = new_folder("out")
    before: Mapping[str, str] = {}
    if replaces:
        expect(run(command.line(out, changed=True)), command.code)
        before = contents(out)
    more = ("--overwrite",) if replaces else ()
    ended = run(command.line(out, *more), moment)
    seen = outputs(out)
    for name, digest in seen.items():
        if digest not in (before.get(name), whole["outputs"].get(name)):
            raise BrokenPromiseError(f"{name} is neither the earlier result nor the new one")
    if not ended.killed:
        expect(ended, command.code)
    if seen and not command.overwrites:
        expect(run(command.line(out)), MESSAGE)
    else:
        again = ("--overwrite",) if replaces or seen else ()
        expect(run(command.line(out, *again)), command.code)
    expect_same(contents(out), whole["outputs"], "after the next run")
    expect_same(_sources(), whole["sources"], "of the sources")
    if not ended.killed:
        return ENDED_BEFORE
    if dict(seen) == whole["outputs"]:
        return "the result"
    if dict(seen) == dict(before):
        return "the earlier result" if replaces else "nothing"
    return "within the move, which the next run ended"


def usual(command: Command) -> tuple[Ended, dict[str, Any]]:
    """A run that nothing happens to, and its outputs; twice, for they must be the same."""
    ends, results = [], []
    for _ in range(2):
        out = new_folder("out")
        ends.append(run(command.line(out)))
        expect(ends[-1], command.code)
        results.append(contents(out))
    expect_same(results[0], results[1], "of two runs")
    return ends[-1], {"outputs": results[0], "sources": _sources()}


def main(argv: Sequence[str] | None = None) -> int:
    """Kill and fail the commands; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="real, of each command")
    parser.add_argument("--faults", type=int, default=20, metavar="N", help="of each other kind")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    names = [command.name for command in COMMANDS]
    only = "these alone; FILE.json keeps what it says of others"
    parser.add_argument(
        "--only", nargs="+", default=names, metavar="COMMAND", choices=names, help=only
    )
    arguments = parser.parse_args(argv)
    load_all()
    output = None if arguments.output is None else arguments.output.absolute()
    here = Path.cwd()
    counts, broken = _known(output, set(names) - set(arguments.only))
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        os.chdir(place)
        prepare()
        for command in (one for one in COMMANDS if one.name in arguments.only):
            draw = random.Random(f"{arguments.seed}:{command.name}")
            tally: dict[str, Counter[str]] = {}
            counts[command.name] = tally
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


def _known(output: Path | None, names: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """What an earlier run says of some commands: outcomes, and broken promises."""
    if output is None or not names or not output.exists():
        return {}, []
    earlier = json.loads(output.read_text(encoding="utf-8"))
    counts = {name: tally for name, tally in earlier["outcomes"].items() if name in names}
    return counts, [line for line in earlier["broken"] if line.split(", ")[0] in names]


def _outcomes(
    command: Command, kills: int, faults: int, draw: random.Random
) -> Iterator[tuple[str, str]]:
    """The kind of each trial of a command, and what came of it."""
    ended, whole = usual(command)
    whole["seconds"] = ended.seconds
    killed, drawn = 0, 0
    while killed < kills and drawn < _DRAWN_AT_MOST * kills:
        moment = Moment.draw(ended, draw)
        replaces = command.overwrites and bool(killed % 2)
        outcome = _tried(partial(kill, command, moment, whole, replaces))
        yield "killed", outcome
        killed += outcome != ENDED_BEFORE
        drawn += 1
    for kind, fault in FAULTS.items():
        for _ in range(faults):
            yield kind, _tried(partial(fault, command, whole, draw))


def _tried(trial: Callable[[], str]) -> str:
    try:
        return trial()
    except BrokenPromiseError as error:
        return f"broken: {error}"
    except CannotMountError:
        return "not permitted here"


def _sources() -> Mapping[str, str]:
    return {
        f"{name}/{n}": d
        for name in ("scan", "image", "marked", "protected")
        for n, d in contents(Path(name)).items()
    }


if __name__ == "__main__":
    raise SystemExit(main())
