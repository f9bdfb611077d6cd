"""How a scan is to be read: which of several, and what its values mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mitsgan.errors import SettingsError


@dataclass(frozen=True)
class Reading:
    """How a scan is to be read.

    Attributes:
        series: the *Series Instance UID* to read, where there are several.
        select: what tells the scan from others in its folder or series, such as ``kernel=B70f``.
        strict: refuse a folder in which anything but slices lies.
        new_uids: derive from new UIDs, where an anonymiser emptied the old ones.
        hu_offset: HU to add to all values, where the file lost it.
        assume_hu: take the values for HU, whatever they look like.
    """

    series: str | None = None
    select: tuple[str, ...] = ()
    strict: bool = False
    new_uids: bool = False
    hu_offset: float = 0.0
    assume_hu: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.hu_offset):
            raise SettingsError(f"`hu_offset` must be a number of HU, found {self.hu_offset}")

    @property
    def values_are_known(self) -> bool:
        """Whether the user says what the values mean, so that a header need not."""
        return self.assume_hu or self.hu_offset != 0
