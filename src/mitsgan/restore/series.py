"""A DICOM series: what is kept of its files, and the files made again.

Uncompressed files come back byte for byte. Of compressed ones every element but the pixels comes
back as it was; the pixels are compressed again where that loses nothing, and written uncompressed
else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mitsgan.errors import ScanError
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.entries import Entry
from mitsgan.files.dicom.find.headers import read_headers
from mitsgan.files.dicom.find.parse import read_header
from mitsgan.files.dicom.pixels.form import PixelFormat
from mitsgan.files.dicom.pixels.read import read_words
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.dicom.write.verbatim import Verbatim, verbatim, write_verbatim
from mitsgan.progress import Steps
from mitsgan.restore.digest import bytes_digest
from mitsgan.restore.errors import RestoreError
from mitsgan.restore.payload import OriginalFile
from mitsgan.restore.residual import added, difference


@dataclass
class KeptSeries:
    """What is kept of a series, filled while `changes` runs."""

    source: DicomSource
    written: Path

    def __post_init__(self) -> None:
        self.files: list[OriginalFile] = []
        self.headers: list[bytes] = []

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of all slices together."""
        form = self.source.forms[0]
        return len(self.source.slices), form.rows, form.columns

    def changes(self, progress: Steps | None = None) -> Iterator[NDArray[Any]]:
        """The difference of each slice, file by file.

        Raises:
            ScanError: a file cannot be read any more.
        """
        forms = {
            frame.file: form
            for frame, form in zip(self.source.slices, self.source.forms, strict=True)
        }
        for file, form in forms.items():
            kept, original = verbatim(file, form)
            derived = read_written(self.written, file)
            protected = read_all_words(derived, form, len(original))
            self.files.append(_described(file, form, kept, derived.instance, protected))
            self.headers += [kept.before, kept.after]
            yield from map(difference, original, protected)
            if progress is not None:
                progress(sum(one.frames for one in self.files), len(self.source.slices))


def restore_series(
    path: Path,
    out: Path,
    files: Sequence[OriginalFile],
    headers: Sequence[bytes],
    changes: Iterator[NDArray[Any]],
    progress: Steps | None = None,
) -> None:
    """Write the files of the original.

    Args:
        path: the protected series.
        out: a folder that is there; or, where the series is one file, the file.
        files, headers: what was kept.
        changes: the difference of each slice.
        progress: called with files done and files in all.

    Raises:
        RestoreError: slices that are missing, or are not those that were protected.
        ScanError: the series cannot be read.
    """
    there = _by_instance(path, files)
    for number, kept in enumerate(files):
        form = PixelFormat(kept.rows, kept.columns, kept.bits_stored, kept.signed)
        file = there[kept.protected_instance]
        protected = read_all_words(file, form, kept.frames)
        for frame, (words, digest) in enumerate(zip(protected, kept.protected, strict=True)):
            if bytes_digest([little_bytes(words)]) != digest:
                where = f"{file.path} frame {frame + 1}" if kept.frames > 1 else str(file.path)
                raise RestoreError(
                    f"the pixels of {where} are not those that were protected: they were changed "
                    f"since, so the original cannot be made of them; give the series as it was "
                    f"written"
                )
        original = [added(words, next(changes)) for words in protected]
        target = out / _safe(kept.name) if out.is_dir() else out
        target.parent.mkdir(parents=True, exist_ok=True)
        before, after = headers[2 * number], headers[2 * number + 1]
        surroundings = Verbatim(before, after, kept.meta, kept.syntaxes, kept.sha256)
        write_verbatim(target, surroundings, original, form, (kept.implicit, kept.little))
        if kept.sha256 is not None and bytes_digest([target.read_bytes()]) != kept.sha256:
            raise RestoreError(
                f"{kept.name} does not become the file that it was: what was kept of it is damaged"
            )
        if progress is not None:
            progress(number + 1, len(files))


def _by_instance(path: Path, files: Sequence[OriginalFile]) -> dict[str, SliceFile]:
    """The protected files by their UID; all that are needed, each once."""
    wanted = {kept.protected_instance for kept in files}
    there: dict[str, SliceFile] = {}
    for file in read_headers(path).files:
        if file.instance in wanted and file.instance in there:
            raise RestoreError(
                f"{file.path} and {there[file.instance].path} have the same *SOP Instance UID*; "
                f"take one of them away"
            )
        there[file.instance] = file
    missing = [kept.name for kept in files if kept.protected_instance not in there]
    if len(missing) == len(files):
        raise RestoreError(
            f"{path} is another series than the one whose original this is; give the two that "
            f"were written together"
        )
    if missing:
        raise RestoreError(
            f"{path} lacks {len(missing)} of {len(files)} files of the protected series (the "
            f"original of the first is {missing[0]}); give the whole series"
        )
    return there


def _described(
    file: SliceFile,
    form: PixelFormat,
    kept: Verbatim,
    instance: str,
    protected: Sequence[NDArray[Any]],
) -> OriginalFile:
    implicit, little = file.encoding
    return OriginalFile(
        name=file.name.as_posix(),
        protected_instance=instance,
        frames=len(protected),
        rows=form.rows,
        columns=form.columns,
        bits_stored=form.bits_stored,
        signed=form.signed,
        implicit=implicit,
        little=little,
        meta=kept.meta,
        syntaxes=kept.syntaxes,
        protected=tuple(bytes_digest([little_bytes(words)]) for words in protected),
        sha256=kept.sha256,
    )


def read_written(written: Path, file: SliceFile) -> SliceFile:
    """What was made of a file, read anew.

    Args:
        written: the series that was written, a folder or a file.
        file: of the original.

    Raises:
        ScanError: it cannot be read.
    """
    path = written / file.name if written.is_dir() else written
    header = read_header(Entry(path, Path(path.name)))
    if header is None:
        raise ScanError(f"{path} cannot be read anew; nothing was written. Please report this")
    return header


def read_all_words(file: SliceFile, form: PixelFormat, frames: int) -> list[NDArray[Any]]:
    """The words of all frames of a file.

    Raises:
        ScanError: they cannot be read.
    """
    words = [np.empty((form.rows, form.columns), form.dtype) for _ in range(frames)]
    read_words(file, form, dict(enumerate(words)))
    return words


def little_bytes(words: NDArray[Any]) -> memoryview:
    """Words as bytes, little endian, for a digest."""
    return (
        np.ascontiguousarray(words, words.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data
    )


def _safe(name: str) -> Path:
    """A name below a folder, which leads nowhere else."""
    parts = PurePosixPath(name).parts
    # Elsewhere these are signs like others, and scanners do put the time of day into names.
    leading = {"\0", "\\", ":"} if os.name == "nt" else {"\0"}
    if not parts or name.startswith("/") or any(p == ".." or leading & set(p) for p in parts):
        raise RestoreError(f"the original names a file {name!r}, which leads out of its folder")
    return Path(*parts)
