"""How a scan is to be read: which of several, and what its values mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mitsgan.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which scan is meant, where a folder or a series holds several.

    Raises:
        SettingsError: a selection without a value.
    """

    series: str | None = None
    """The Series Instance UID to read, where the folder holds several."""
    select: tuple[str, ...] = ()
    """What tells the scan from others in its folder or series, such as kernel=B70f,
    acquisition=2, or any DICOM keyword."""
    strict: bool = False
    """Refuse a folder in which anything but slices lies, instead of leaving it out."""

    def __post_init__(self) -> None:
        for text in self.select:
            name, _, value = text.partition("=")
            if not name.strip() or not value.strip():
                raise SettingsError(
                    f"`select` wants an attribute and its value, such as kernel=B70f, found "
                    f"{text!r}"
                )


@dataclass(frozen=True, kw_only=True)
class Reading(Choice):
    """Which scan is meant, and what its values mean.

    Raises:
        SettingsError: an offset that is no number; see `Choice`.
    """

    hu_offset: float = 0.0
    """HU to add to all values, where the file lost its offset: often -1024."""
    assume_hu: bool = False
    """Take the values for HU, whatever the header says and however they look."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.hu_offset):
            raise SettingsError(f"`hu_offset` must be a number of HU, found {self.hu_offset}")

    @property
    def values_are_known(self) -> bool:
        """Whether the user says what the values mean, so that a header need not."""
        return self.assume_hu or self.hu_offset != 0
