"""Which sign every voxel gets: a keyed stream, bound to the series and to where a slice lies.

HKDF-SHA256 (RFC 5869) turns key and series identity into a key for the series, ChaCha20
(RFC 8439) turns that and a slice's position into one bit per unit of 2 x 2 voxels. Within a unit
the signs alternate like a chequerboard: the noise of a CT scan is weakest at the finest detail
that its grid can hold, whatever the kernel, and that is where such units are.

In version 3 every bit is turned once more by what the slice shows there, see
`mitsgan.mark.content`. Version 2 has no such turn; its marks are still read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from mitsgan.errors import IdentityError
from mitsgan.mark.content import LAYOUTS, ContentSigns
from mitsgan.mark.keys import Key
from mitsgan.mark.windows import UNIT
from mitsgan.scan.scan import Geometry, Scan

VERSION = 3
"""Of the marks that are made."""

VERSIONS = (3, 2)
"""Of the marks that are read, the newest first."""

_QUANTA_PER_MM = 100
# Headers give positions in steps of 1/1000 or 1/8 mm; a quarter keeps both away from where
# rounding tips over.
_OFFSET = 0.25
_FARTHEST_MM = 1e9
_SIGNS: NDArray[np.int8] = (
    2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).view(np.int8) - 1
)
"""The signs of the eight bits of every byte, highest first."""

_FACTORS = _SIGNS.astype(np.float32)
Number = TypeVar("Number", np.int8, np.float32)


def series_key(key: Key, identity: str, purpose: str = f"mark {VERSION}") -> bytes:
    """32 bytes that no other series, and no other purpose of the key, shares."""
    info = f"mitsgan {purpose}\0{identity}".encode()
    return HKDF(SHA256(), 32, salt=None, info=info).derive(key.secret)


@dataclass(frozen=True)
class Pattern:
    """The signs of one series on one grid.

    Attributes:
        version: of the pattern.
        key: of the series.
        shape: rows and columns of voxels.
        content: signs by content; None where the pattern does not depend on it.
    """

    version: int
    key: bytes
    shape: tuple[int, int]
    content: ContentSigns | None

    @classmethod
    def of(cls, key: Key, identity: str, scan: Scan, version: int = VERSION) -> Pattern:
        """The pattern of a series.

        Args:
            key: the secret.
            identity: of the series, from `series_identity` or of the user's choice.
            scan: for its grid.
            version: one of `VERSIONS`.
        """
        _, rows, columns = scan.shape
        content = None
        if version > 2:
            secret = series_key(key, identity, f"mark {version} content")
            content = ContentSigns(secret, (rows, columns), scan.spacing)
        series = series_key(key, identity, f"mark {version}")
        return cls(version, series, (rows, columns), content)

    @property
    def layouts(self) -> int:
        """How many ways there are in which what a slice shows may turn its signs."""
        return 1 if self.content is None else LAYOUTS

    def layout_of(self, position: int) -> int:
        """Which of them the slice at a position (1/100 mm) has."""
        return 0 if self.content is None else self.content.layout_of(position)

    def signs(self, position: int, variant: int = 0) -> NDArray[np.int8]:
        """The signs of a slice's units, before its content turns them; see `slice_signs`."""
        return slice_signs(self.key, position, self.shape, variant)

    def factors(self, position: int, variant: int = 0) -> NDArray[np.float32]:
        """The same as floats; see `slice_factors`."""
        return slice_factors(self.key, position, self.shape, variant)

    def drawn_for(
        self, means: NDArray[np.float32], position: int, variant: int = 0
    ) -> NDArray[np.float32]:
        """The signs of a slice's voxels, ``[y, x]``, +1 or -1.

        Args:
            means: of the slice's blocks, as it shall be read again, HU.
            position: along the normal, 1/100 mm.
            variant: see `slice_signs`.
        """
        units = self.factors(position, variant)
        if self.content is not None:
            layout = self.content.layout_of(position)
            numbers = self.content.look(means, layout).numbers
            size = means.shape[0], means.shape[1]
            turned = self.content.signs(numbers, layout, size)
            units = units * turned[: units.shape[0], : units.shape[1]]
        rows, columns = self.shape
        return _alternating(units)[:rows, :columns]


def slice_signs(
    series: bytes, position: int, shape: tuple[int, int], variant: int = 0
) -> NDArray[np.int8]:
    """The signs of one slice's units: ``[rows / 2, columns / 2]``, rounded up, +1 or -1.

    Args:
        series: from `series_key`.
        position: along the slice normal, in 1/100 mm, from `slice_positions`.
        shape: rows and columns of voxels.
        variant: 0, or 1 for the first and 2 for the last slice of a series.
    """
    return _looked_up(_SIGNS, series, position, shape, variant)


def slice_factors(
    series: bytes, position: int, shape: tuple[int, int], variant: int = 0
) -> NDArray[np.float32]:
    """`slice_signs` as floats, by which floats are multiplied without being converted."""
    return _looked_up(_FACTORS, series, position, shape, variant)


def _looked_up(
    table: NDArray[Number], series: bytes, position: int, shape: tuple[int, int], variant: int
) -> NDArray[Number]:
    """The keyed stream of a slice, every byte by its eight entries of a table."""
    units = (-(-shape[0] // UNIT), -(-shape[1] // UNIT))
    count = units[0] * units[1]
    # 8 bytes of block counter, which starts at zero, then 8 that no other slice has.
    nonce = bytes(8) + position.to_bytes(7, "little", signed=True) + bytes([variant])
    stream = Cipher(ChaCha20(series, nonce), mode=None).encryptor().update(bytes(-(-count // 8)))
    values = table.take(np.frombuffer(stream, np.uint8), axis=0)
    return values.reshape(-1)[:count].reshape(units)


def _alternating(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """One sign per unit to one per voxel."""
    rows, columns = units.shape
    voxels = np.empty((rows, UNIT, columns, UNIT), np.float32)
    for y, x in np.ndindex(UNIT, UNIT):
        np.multiply(units, 1 - 2 * ((y + x) % 2), out=voxels[:, y, :, x])
    return voxels.reshape(rows * UNIT, columns * UNIT)


def end_variant(number: int, depth: int) -> int:
    """Which stream a slice uses: the ends have their own, so that a cut-off end is noticed."""
    if number == 0:
        return 1
    return 2 if number == depth - 1 else 0


def slice_positions(geometry: Geometry, numbers: Iterable[int]) -> list[int]:
    """Where slices lie along their normal, in 1/100 mm from the origin of the coordinates.

    Bound to the position, not to the number: what is left after a deletion still verifies.

    Raises:
        IdentityError: positions that no scan has.
    """
    first = float(np.asarray(geometry.origin) @ np.asarray(geometry.axes[0]))
    if abs(first) > _FARTHEST_MM or geometry.spacing[0] > _FARTHEST_MM:
        raise IdentityError(
            f"the first slice lies {first:g} mm from the origin, {geometry.spacing[0]:g} mm from "
            "the next, which no scan does; repair the header"
        )
    return [
        int(np.floor((first + z * geometry.spacing[0]) * _QUANTA_PER_MM + _OFFSET)) for z in numbers
    ]


def series_identity(scan: Scan) -> str:
    """What tells a series from others, from what both source and protected scan have.

    That of its source, see `mitsgan.scan.source.Source`. Formats other than DICOM have no identity
    but their grid: rows, columns, pixel spacing and the origin across the slices, so that two scans
    of one grid share a pattern; give them an identity of their own.

    Raises:
        IdentityError: a DICOM header without *Study Instance UID*.
    """
    identity = None if scan.source is None else scan.source.identity
    if identity is not None:
        return identity
    geometry = scan.geometry
    _, rows, columns = scan.shape
    across = [float(np.asarray(geometry.origin) @ np.asarray(axis)) for axis in geometry.axes[1:]]
    grid = ",".join(f"{value:.2f}" for value in (*geometry.spacing[1:], *across))
    return f"image|{rows}x{columns}|{grid}"
