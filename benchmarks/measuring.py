"""What scripts that measure scans share: scans or a phantom, a journal, errors in words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from mitsgan import __version__
from mitsgan.errors import MitsganError, OutputError
from mitsgan.evaluate.journal import Journal
from mitsgan.files import read_scan
from mitsgan.jobs.outputs import check_file, scan_name, write_json
from mitsgan.phantom.chest import chest
from mitsgan.result import Result
from mitsgan.scan.scan import Scan
from mitsgan.terminal.options import as_options

Say = Callable[[str], None]
Named = tuple[str, Callable[[], Scan]]
"""A scan's name, and how it is read or made."""

R = TypeVar("R", bound=Result)


def add_output(parser: argparse.ArgumentParser) -> None:
    """Where a result is written, and whether it may replace an earlier one."""
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")


def add_resumable_output(parser: argparse.ArgumentParser) -> None:
    """Where a result is written after each of its cells, and whether an earlier one is kept."""
    add_output(parser)
    keep = "keep the cells of an earlier output, and add others"
    parser.add_argument("--resume", action="store_true", help=keep)


def resumed(options: argparse.Namespace, result: R, bare: Callable[[R], R]) -> R:
    """The earlier output, where `add_resumable_output` was told to keep it; else the new result.

    Args:
        options: as parsed.
        result: without any cell.
        bare: a result without what may differ where others' cells stand beside its own.

    Raises:
        OutputError: the earlier output is of something else.
    """
    output: Path = options.output
    if not (options.resume and output.exists()):
        return result
    earlier = type(result).read(output)
    if bare(earlier) != bare(result):
        raise OutputError(
            f"{output} is of another scan, version or weights; name another file, or give "
            "`overwrite`"
        )
    return earlier


def result_head(kind: str) -> dict[str, Any]:
    """What a result that is no `mitsgan.result.Result` says of itself first."""
    return {"schema": 1, "kind": kind, "version": __version__}


def add_scans(parser: argparse.ArgumentParser) -> None:
    """Scans, or a phantom in their place, and the output: what `write_scans` looks for."""
    parser.add_argument("scans", type=Path, nargs="*", metavar="SCAN")
    add_output(parser)
    parser.add_argument(
        "--phantom",
        type=int,
        nargs=3,
        metavar=("Z", "Y", "X"),
        help="measure a synthetic chest of so many voxels instead of scans",
    )


def _scans_or_phantom(scans: Sequence[Path], phantom: Sequence[int] | None) -> list[Named]:
    if bool(scans) == bool(phantom):
        raise MitsganError("name scans, or a --phantom: one of the two")
    if phantom:
        z, y, x = phantom
        return [("phantom", lambda: chest((z, y, x), (180 / z, 360 / y, 360 / x), seed=1))]
    return [(scan_name(path), partial(read_scan, path)) for path in scans]


@contextmanager
def journal_beside(output: Path, subject: Mapping[str, object]) -> Iterator[Journal]:
    """A journal beside the result to be, gone once that is written."""
    path = output.with_name(f"{output.name}.partial")
    yield Journal(path, subject)
    path.unlink()


def write_scans(
    options: argparse.Namespace,
    head: Mapping[str, Any],
    measure: Callable[[str, Scan, argparse.Namespace, Journal, Say], Mapping[str, Any]],
    **apart: object,
) -> None:
    """Measure scans one by one and write ``head`` with what came out, by scan, under ``scans``.

    Args:
        options: as parsed, among them those of `add_scans`. A journal lies beside the output as
            long as that is not whole.
        head: what the result says beside.
        measure: of a name and a scan, which keeps its steps in the journal.
        apart: what tells this measurement from any other, beside head and scans.

    Raises:
        MitsganError: neither scans nor a phantom were named, or both.
        OutputError: the output cannot be written, or its journal is of another measurement.
    """
    check_file(options.output, options.overwrite, "output")
    scans = _scans_or_phantom(options.scans, options.phantom)
    subject = {**head, "scans": [name for name, _ in scans], **apart}
    with journal_beside(options.output, subject) as kept:
        rows = {name: measure(name, read(), options, kept, say) for name, read in scans}
        write_json(options.output, {**head, "scans": rows}, overwrite=options.overwrite)


def exit_code(script: str, work: Callable[[], int]) -> int:
    """What the work says; 2, and why in words, where something is wrong with what it was given."""
    try:
        return work()
    except MitsganError as error:
        sys.stderr.write(f"{script}: {as_options(str(error))}\n")
        return 2


def say(text: str) -> None:
    """Tell how far it is, beside the result."""
    sys.stderr.write(f"{text}\n")
