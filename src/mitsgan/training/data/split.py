"""Patients are never trained and validated on at once: whose data it is, and what may not meet.

What an attacker has seen of a patient it can repeat; measured on the same patient, it, and the
protection against it, would look better than they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from mitsgan.errors import DataError

Split = Literal["train", "validate"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class Origin:
    """Which patient's which series something comes from.

    Attributes:
        patient: a salted hash of the patient's identifier, or of an image's file name.
        series: a hash of the voxels, the same for a series converted to another format.
        name: what the user calls it, for messages; no part of the identity.
    """

    patient: str
    series: str
    name: str


def check_apart(train: Iterable[Origin], validate: Iterable[Origin]) -> None:
    """Raise unless no patient, and no series, is on both sides.

    Raises:
        DataError: one is; the message names both.
    """
    patients: dict[str, Origin] = {}
    series: dict[str, Origin] = {}
    for origin in train:
        patients.setdefault(origin.patient, origin)
        series.setdefault(origin.series, origin)
    for origin in validate:
        if seen := patients.get(origin.patient):
            what = "is of a patient that is", "are of one patient and"
        elif seen := series.get(origin.series):
            what = "is", "are the same scan and"
        else:
            continue
        who = (
            f"{origin.name} {what[0]}"
            if seen.name == origin.name
            else f"{seen.name} and {origin.name} {what[1]}"
        )
        raise DataError(
            f"{who} on both sides, trained and validated on, which makes the result look better "
            f"than it is; split scans by patient, all of a patient's on one side"
        )
