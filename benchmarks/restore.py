"""What keeping the original of a scan costs: bytes, and seconds to keep it and to give it back.

    python benchmarks/restore.py SCAN [SCAN ...] --output docs/results/restore.json

Every scan is protected with defaults, unmarked and marked, its original kept for one recipient, and
restored; that the restored files are those of the scan, byte for byte, is checked. See
docs/restore.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from measuring import add_output, exit_code, say
from mitsgan import __version__
from mitsgan.jobs.outputs import check_file, scan_name, write_result
from mitsgan.jobs.protect.file import protect_file
from mitsgan.jobs.protect.settings import ProtectFile
from mitsgan.jobs.restore.restore import restore
from mitsgan.mark import Key
from mitsgan.result import Result

BUDGETS_HU = (10.0, 40.0)


@dataclass(frozen=True)
class KeptEntry:
    """One scan protected one way.

    Attributes:
        scan: its name.
        shape: ``[z, y, x]``.
        max_hu: the budget.
        marked: whether with a mark of 3 HU.
        voxel_bytes: of the uncompressed voxels.
        kept_bytes: of the encrypted original.
        share: the second of the first.
        same_bytes: whether every file that was restored is that of the source.
        seconds: of the phases of protecting, and of restoring.
    """

    scan: str
    shape: tuple[int, int, int]
    max_hu: float
    marked: bool
    voxel_bytes: int
    kept_bytes: int
    share: float
    same_bytes: bool
    seconds: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class KeptOriginals(Result):
    """Of all scans."""

    KIND: ClassVar[str] = "kept-originals"

    version: str = __version__
    results: tuple[KeptEntry, ...]


def measure(scan: Path, max_hu: float, marked: bool, folder: Path) -> KeptEntry:
    """Protect, restore and compare one scan."""
    private = rsa.generate_private_key(65537, 3072)
    private_pem, public_pem = folder / "private.pem", folder / "public.pem"
    private_pem.write_bytes(
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    public_pem.write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    key = folder / "mark.key"
    Key.generate().save(key)
    out, back = folder / f"protected{scan.suffix}", folder / f"back{scan.suffix}"
    settings = ProtectFile(
        scan=scan,
        out=out,
        max_hu=max_hu,
        device="cpu",
        key=key if marked else None,
        restorable=(public_pem,),
    )
    result = protect_file(settings)
    restored = restore(out, back, private_key=private_pem)
    kept = result.restorable
    assert kept is not None
    return KeptEntry(
        scan=scan_name(scan),
        shape=result.scan.shape,
        max_hu=max_hu,
        marked=marked,
        voxel_bytes=kept.voxel_bytes,
        kept_bytes=kept.bytes,
        share=round(kept.bytes / kept.voxel_bytes, 4),
        same_bytes=_same(scan, back, result.scan.shape[0]),
        seconds={**result.seconds, "restore": sum(restored.seconds.values())},
    )


def _same(scan: Path, back: Path, slices: int) -> bool:
    """Whether what was restored are files of the source, and all its slices.

    What else lies in the source's folder, such as readings, is no part of the scan.
    """
    if back.is_file():
        return scan.read_bytes() == back.read_bytes()
    files = [file for file in back.rglob("*") if file.is_file()]
    same = (scan.joinpath(f.relative_to(back)).read_bytes() == f.read_bytes() for f in files)
    return len(files) == slices and all(same)


def main() -> int:
    """Measure the scans that arguments name; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scans", type=Path, nargs="+")
    add_output(parser)
    options = parser.parse_args()
    return exit_code("restore", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    check_file(options.output, options.overwrite, "output")
    results = []
    for scan in options.scans:
        for max_hu in BUDGETS_HU:
            for marked in (False, True):
                with TemporaryDirectory() as folder:
                    entry = measure(scan, max_hu, marked, Path(folder))
                results.append(entry)
                say(f"{entry}")
    write_result(options.output, KeptOriginals(results=tuple(results)), overwrite=options.overwrite)
    return 0


if __name__ == "__main__":
    sys.exit(main())
