"""UIDs that tell the objects of a series apart; and new ones where an anonymiser took them.

Source: DICOM PS3.5 section 9 (unique identifiers), annex B.2 (derived from a UUID).
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from mitsgan.errors import ScanError
from mitsgan.files.dicom import elements as dcm
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.entries import content_digest

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_LONGEST = 64


@dataclass(frozen=True)
class Uids:
    """What a derived series is derived from and refers to.

    Attributes:
        study, series: of all its objects.
        instances: of each file, by its path below what was read.
        renewed: whether they are new, because the source's are no good.
    """

    study: str
    series: str
    instances: dict[str, str]
    renewed: bool = False

    def instance(self, file: SliceFile) -> str:
        """The UID of one file."""
        return self.instances[file.name.as_posix()]


def source_uids(files: Sequence[SliceFile]) -> Uids:
    """The UIDs of a series as its files have them.

    Raises:
        ScanError: one is empty or no UID, two files have the same, or the files have several
            studies; says that they can be renewed.
    """
    first = files[0]
    study, series = dcm.text(first.header, dcm.STUDY_INSTANCE_UID), first.series
    named = [(f, dcm.SOP_INSTANCE_UID, "SOP Instance UID", f.instance) for f in files]
    named += [
        (first, dcm.STUDY_INSTANCE_UID, "Study Instance UID", study),
        (first, dcm.SERIES_INSTANCE_UID, "Series Instance UID", series),
    ]
    for file, tag, name, value in named:
        if not is_uid(value):
            what = f"is {value!r}, which is no UID" if value else "is empty"
            raise ScanError(f"{file.path}: {dcm.label(tag)} *{name}* {what}, {_REMEDY}")
    seen: dict[str, SliceFile] = {}
    for file in files:
        other = seen.setdefault(file.instance, file)
        if other is not file:
            raise ScanError(
                f"{file.path} and {other.path} have the same {dcm.label(dcm.SOP_INSTANCE_UID)} "
                f"*SOP Instance UID*, but are not the same file, {_REMEDY}"
            )
        if dcm.text(file.header, dcm.STUDY_INSTANCE_UID) != study:
            raise ScanError(
                f"{file.path} and {first.path} have one *Series Instance UID*, but two of "
                f"{dcm.label(dcm.STUDY_INSTANCE_UID)} *Study Instance UID*, {_REMEDY}"
            )
    return Uids(study, series, {f.name.as_posix(): f.instance for f in files})


_REMEDY = (
    "as some anonymisers leave them: a derived image could not refer to its source, nor be told "
    "apart from others. Anonymise the series anew with UIDs replaced, or have them renewed here "
    "with `new_uids`"
)


def renewed_uids(files: Sequence[SliceFile]) -> Uids:
    """New UIDs for a whole series, from what is in its files: the same files get the same UIDs."""
    digests = {file.name.as_posix(): content_digest(file.entry) for file in files}
    whole = hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()
    instances = {name: new_uid(f"instance {name} {digest}") for name, digest in digests.items()}
    study = dcm.text(files[0].header, dcm.STUDY_INSTANCE_UID)
    return Uids(
        study=study if is_uid(study) else new_uid(f"study {whole}"),
        series=new_uid(f"series {whole}"),
        instances=instances,
        renewed=True,
    )


def is_uid(text: str) -> bool:
    """Whether text can be a UID; components that start with 0 are common, if not allowed."""
    return len(text) <= _LONGEST and _UID.fullmatch(text) is not None


def new_uid(what: str) -> str:
    """A UID that depends on a text and on nothing else."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, what).int}"
