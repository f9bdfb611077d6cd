"""The same object twice: a copy of a file, byte for byte, is ignored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.entries import content_digest
from mitsgan.files.dicom.find.sift import LeftOut


def drop_copies(files: Sequence[SliceFile]) -> tuple[list[SliceFile], list[LeftOut]]:
    """The files without those that equal an earlier one byte for byte.

    Of two equal files the one with the shorter name stays: a copy is called ``x (1).dcm``.
    """
    alike: dict[tuple[str, int], list[SliceFile]] = defaultdict(list)
    for file in files:
        alike[file.instance, file.entry.size].append(file)
    copies: set[str] = set()
    for group in alike.values():
        if len(group) < 2:
            continue
        first: dict[str, SliceFile] = {}
        for file in sorted(group, key=lambda file: (len(file.name.as_posix()), file.name)):
            original = first.setdefault(content_digest(file.entry), file)
            if original is not file:
                copies.add(file.name.as_posix())
    kept = [file for file in files if file.name.as_posix() not in copies]
    return kept, [LeftOut(Path(name), "copy of another file") for name in sorted(copies)]
