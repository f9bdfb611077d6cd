"""Whether the mark that was just embedded can be verified, asked before anybody relies on it."""

from __future__ import annotations

from collections.abc import Iterator

from mitsgan.mark import Detection, Mark, Verdict, detect
from mitsgan.progress import Steps
from mitsgan.scan.canonical import canonical
from mitsgan.scan.scan import Scan


def check_mark(marked: Scan, mark: Mark, progress: Steps) -> Detection:
    """Verify a scan that was marked just now.

    What is written is read back and compared voxel by voxel (`mitsgan.files.readback`), so that
    this holds for the file as well.
    """
    return detect(canonical(marked), mark.key, mark.identity, progress=progress)


def mark_notes(detection: Detection) -> Iterator[str]:
    """Tell where verifying will not say *intact* of a series that nobody touched.

    Args:
        detection: of `check_mark`.
    """
    if detection.verdict == Verdict.INTACT:
        return
    if detection.verdict == Verdict.UNKNOWN:
        yield (
            f"by its mark this series will verify as unknown, touched or not ({detection.reason}); "
            "its seal, if it gets one (`sign`), tells changes on any grid; or give a larger "
            "`mark_hu` and `max_hu`"
        )
        return
    yield (
        f"by its mark this series verifies as tampered, though nobody touched it "
        f"({detection.reason}); go by its seal, if it gets one (`sign`), or protect it with "
        "another key"
    )
