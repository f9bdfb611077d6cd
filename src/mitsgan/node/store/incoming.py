"""Objects while they are received: their bytes go to the disk as they come in, undecoded.

A crash of the machine may leave a file under its last name with a part of its bytes. So that
nobody takes it for whole, its preamble, which DICOM leaves to applications (PS3.10 7.1), holds how
many bytes follow it and their checksum, written when the last one has come.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, cast

from pydicom.dataset import FileMetaDataset
from pynetdicom import (
    PYNETDICOM_IMPLEMENTATION_UID,
    PYNETDICOM_IMPLEMENTATION_VERSION,
    dimse_messages,
)
from pynetdicom import _config as pynetdicom_config

_MARK = struct.Struct("<8sQI")
_NAME = b"mitsgan\0"
_ELEMENT = struct.Struct("<HH2sH")
_VERSION = struct.pack("<HH2sxxI2s", 2, 1, b"OB", 2, b"\0\1")
_PREAMBLE = 128
_CHUNK = 1 << 20
_HEAD = 1 << 16


class IncomingFile:
    """A new file, with what pynetdicom needs of one.

    Attributes:
        name: its path.
        size: how many bytes came.
        head: the first of them, or a few more.
    """

    def __init__(self, folder: Path, most: float = math.inf) -> None:
        """Make one in a folder, which keeps none of the bytes beyond so many."""
        self._most = most
        self.name = str(folder / f"{os.urandom(8).hex()}.dcm")
        self.size = 0
        self.head = b""
        self._checksum = 0
        # Unbuffered: what comes is large, and has to be in the file when others look at it.
        self._file = Path(self.name).open("xb", buffering=0)  # noqa: SIM115 - pynetdicom closes it

    @property
    def file(self) -> IncomingFile:
        """Itself: what a temporary file of Python would wrap."""
        return self

    def write(self, data: bytes) -> int:
        """Write all of what came; how many bytes that were.

        What makes an object too large is counted and dropped: a peer that never comes to an end
        fills no disk.

        Raises:
            OSError: the disk is full, or broken.
        """
        if self.size + len(data) > self._most:
            self.size += len(data)
            return len(data)
        left = memoryview(data)
        while left:
            left = left[cast(int, self._file.write(left)) :]
        beyond = max(0, min(len(data), _PREAMBLE - self.size))
        self._checksum = zlib.crc32(memoryview(data)[beyond:], self._checksum)
        if self.size < _HEAD:
            self.head += bytes(memoryview(data)[:_HEAD])
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing: what was written is in the file."""

    def finish(self) -> None:
        """Note in the preamble that the object is whole.

        Raises:
            OSError: the disk is broken.
        """
        mark = _MARK.pack(_NAME, self.size - _PREAMBLE, self._checksum)
        os.pwrite(self._file.fileno(), mark, 0)

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def discard(self) -> None:
        """Close and delete it; nothing where it was moved."""
        self.close()
        Path(self.name).unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    """Whether a file is an object that was received to its end, every byte of it.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        preamble = file.read(_PREAMBLE)
        if len(preamble) < _PREAMBLE:
            return False
        name, size, expected = _MARK.unpack_from(preamble)
        checksum = count = 0
        while chunk := file.read(_CHUNK):
            checksum, count = zlib.crc32(chunk, checksum), count + len(chunk)
    return bool((name, size, expected) == (_NAME, count, checksum))


def receive_into(folder: Path, most: float = math.inf) -> None:
    """Let what this process receives go into files of a folder as it comes, up to so many bytes.

    pynetdicom knows one switch for that in a process, and asks for a temporary file each time. It
    has pydicom encode the file meta information, which takes longer than to write the object.
    """

    def new_file(**_: object) -> IncomingFile:
        return IncomingFile(folder, most)

    pynetdicom_config.STORE_RECV_CHUNKED_DATASET = True
    module = cast(Any, dimse_messages)
    module.NamedTemporaryFile = new_file
    module.write_file_meta_info = _write_meta


def _write_meta(file: IncomingFile, meta: FileMetaDataset) -> None:
    """Write file meta information (PS3.10 7.1), explicit VR little endian."""
    elements = (
        _element(0x02, b"UI", meta.MediaStorageSOPClassUID),
        _element(0x03, b"UI", meta.MediaStorageSOPInstanceUID),
        _element(0x10, b"UI", meta.TransferSyntaxUID),
        _element(0x12, b"UI", PYNETDICOM_IMPLEMENTATION_UID),
        _element(0x13, b"SH", PYNETDICOM_IMPLEMENTATION_VERSION),
    )
    rest = _VERSION + b"".join(elements)
    file.write(_ELEMENT.pack(2, 0, b"UL", 4) + len(rest).to_bytes(4, "little") + rest)


def _element(number: int, vr: bytes, text: str) -> bytes:
    """One of them, padded to an even length as its VR wants it."""
    value = text.encode("ascii")
    value += b"" if len(value) % 2 == 0 else b"\0" if vr == b"UI" else b" "
    return _ELEMENT.pack(2, number, vr, len(value)) + value
