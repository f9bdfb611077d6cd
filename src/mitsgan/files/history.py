"""What the file of a scan says that mitsgan did to it before."""

from __future__ import annotations

import math
import re
from typing import Any

from pydicom.dataset import Dataset

from mitsgan.files.derivation import BUDGET_STATED, PROTECTION
from mitsgan.files.dicom.source import DicomSource
from mitsgan.files.dicom.write.header import EQUIPMENT
from mitsgan.files.itk import DERIVATION_KEY, ItkSource
from mitsgan.files.nifti_source import NiftiSource
from mitsgan.ownership import NAME
from mitsgan.quiet import UNREADABLE, quiet
from mitsgan.scan.scan import Scan

_BUDGET = re.compile(rf"{BUDGET_STATED}([0-9]{{1,6}}(?:\.[0-9]{{1,6}})?) HU\b")


def earlier_protection(scan: Scan) -> str | None:
    """What the last protection of a scan was, by its own description; None if it had none.

    Of what mitsgan did, the last counts: a scan that was put back as it was has no protection.
    """
    last = last_change(scan)
    return last if PROTECTION in last else None


def stated_budget_hu(scan: Scan) -> float | None:
    """How far the file of a scan says that its voxels were allowed to move, HU.

    Of what mitsgan did, the last counts, a control of the same kind too. None where nothing is
    stated. A file can say anything: whether it is kept, only the original tells.
    """
    stated = _BUDGET.search(last_change(scan))
    hu = float(stated[1]) if stated else 0.0
    return hu if math.isfinite(hu) and hu > 0 else None


def last_change(scan: Scan) -> str:
    """The description of what mitsgan did last to a scan, from its file; empty if nothing."""
    source = scan.source
    described: list[str] = []
    if isinstance(source, DicomSource):
        described = _of_dicom(source)
    elif isinstance(source, ItkSource):
        described = [text for key, text in source.metadata if key == DERIVATION_KEY]
    elif isinstance(source, NiftiSource):
        described = _of_nifti(source)
    return described[-1] if described else ""


def _of_dicom(source: DicomSource) -> list[str]:
    """The descriptions of our items of *Contributing Equipment*, in order."""
    file = source.slices[0].file
    # A copy: to look into a sequence converts it, and what is written must not change by that.
    header = Dataset({tag: e for tag, e in file.header.items() if tag == EQUIPMENT})
    header.set_original_encoding(*file.encoding, file.header.original_character_set)
    try:
        with quiet():
            items = header[EQUIPMENT].value if EQUIPMENT in header else []
            return [
                str(item.get("ContributionDescription", ""))
                for item in items or []
                if str(item.get("Manufacturer", "")).strip() == NAME
            ]
    except UNREADABLE:  # somebody else's damage, which nothing here depends on
        return []


def _of_nifti(source: NiftiSource) -> list[str]:
    contents: list[Any] = [e.get_content() for e in source.image.header.extensions]
    texts = [
        content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
        for content in contents
    ]
    return [text for text in texts if NAME in text]
