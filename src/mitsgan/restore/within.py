"""The original from within the files of a protected series, where nothing was kept beside them.

CMS as the standard has it hides, and does not tell of changes. So behind the *Modified Attributes
Sequence*, where other software does not look, private elements say what has to come out: digests of
the original series, of the protected pixels, of that sequence and of the original file, how many
files there are, and all bytes of the file around its pixels. What an attribute of the protected
file says thus never comes out, were it covered by a seal or not. A seal is over the sequence as it
is encrypted, too, as over an attribute.

Source: DICOM PS3.3 C.12.1.1.4.1, PS3.5 section 7.8 (private elements).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.find.headers import read_headers
from mitsgan.files.dicom.frames import frame_count, frames_of
from mitsgan.files.dicom.pixels.form import PixelFormat, read_format
from mitsgan.files.dicom.write.encode import Element, Encoding
from mitsgan.progress import Steps
from mitsgan.quiet import UNREADABLE, quiet
from mitsgan.restore.digest import bytes_digest, digest_of
from mitsgan.restore.envelope import decrypt
from mitsgan.restore.errors import RestoreError
from mitsgan.restore.series import little_bytes, read_all_words

ENCRYPTED_ATTRIBUTES = 0x04000500
_CREATOR, _ORIGINAL, _PROTECTED, _FILES = 0x04010010, 0x04011001, 0x04011002, 0x04011003
_MODIFIED, _FILE, _LENGTHS, _BEFORE, _AFTER = (0x04011004 + k for k in range(5))
_NAME = "MITSGAN ORIGINAL 3"
_ENCODING = Encoding(implicit=False, little=True)


@dataclass(frozen=True)
class Promise:
    """What has to come out of a file, kept encrypted within it.

    Attributes:
        original: digest of the original series (`mitsgan.restore.digest`).
        protected: digest of the words of the file's protected pixels.
        files: how many files the series has.
        modified: SHA-256 of the *Modified Attributes Sequence* as it was encoded.
        file: SHA-256 of the original file.
        before, after: its bytes around the pixels.
    """

    original: str
    protected: str
    files: int
    modified: str
    file: str
    before: bytes
    after: bytes

    def elements(self, encoding: Encoding) -> list[Element]:
        """As private elements, in tag order."""
        lengths = f"{len(self.before)} {len(self.after)}"  # a value is padded to an even one
        values = (_NAME, self.original, self.protected, str(self.files), self.modified, self.file)
        tags = (_CREATOR, _ORIGINAL, _PROTECTED, _FILES, _MODIFIED, _FILE, _LENGTHS)
        texts = zip(tags, (*values, lengths), strict=True)
        return [
            *(encoding.raw(tag, "LO", value) for tag, value in texts),
            encoding.raw(_BEFORE, "OB", self.before),
            encoding.raw(_AFTER, "OB", self.after),
        ]

    @classmethod
    def of(cls, content: Dataset, where: Path) -> Promise:
        """From the data set that was encrypted.

        Raises:
            RestoreError: it makes no such promise.
        """
        if _CREATOR not in content or content[_CREATOR].value != _NAME:
            raise RestoreError(
                f"{where} holds its original, but not what that has to be: another program, or an "
                f"earlier version, kept it; give what was kept beside the scan with `original`"
            )
        tags = (_ORIGINAL, _PROTECTED, _FILES, _MODIFIED, _FILE, _LENGTHS)
        original, protected, files, modified, file, lengths = (
            str(content[tag].value) for tag in tags
        )
        around = zip((_BEFORE, _AFTER), map(int, lengths.split()), strict=True)
        before, after = (bytes(content[tag].value or b"")[:length] for tag, length in around)
        return cls(original, protected, int(files), modified, file, before, after)

    def whole(self, pixels: bytes) -> bytes:
        """The original file.

        Raises:
            ValueError: it is another one.
        """
        content = b"".join([self.before, pixels, self.after])
        if bytes_digest([content]) != self.file:
            raise ValueError("it does not give the file that was encrypted")
        return content

    def kept_by(self, data: bytes) -> bool:
        """Whether this and the sequence before it are all that was encrypted, byte for byte."""
        end = _ENCODING.encode(self.elements(_ENCODING))
        return data.endswith(end) and bytes_digest([data[: -len(end)]]) == self.modified


def protected_digest(file: SliceFile, form: PixelFormat) -> str:
    """The digest of the words of all frames of a file."""
    words = read_all_words(file, form, frame_count(file))
    return bytes_digest([little_bytes(frame) for frame in words])


def count_originals(scan: Path) -> int:
    """How many files of a DICOM series there are, if they hold their originals; 0 if they do not.

    Raises:
        ScanError: it cannot be read.
    """
    return len(_of_series(read_headers(scan).files))


def restore_within(
    scan: Path,
    out: Path,
    key: rsa.RSAPrivateKey,
    original: str | None,
    progress: Steps | None = None,
) -> tuple[int, str]:
    """Write the original of each file, read it all back, and compare it with what was promised.

    Args:
        scan: the protected series, a folder or a file.
        out: a folder that is there; or, of one file, the file.
        key: of one of the recipients.
        original: the digest that a seal vouches for, if there is one.
        progress: called with files done and files in all.

    Returns:
        How many slices the original has, and its digest.

    Raises:
        RestoreError: a wrong key, files that are missing or were changed.
        ScanError: the series cannot be read.
    """
    files = _of_series(read_headers(scan).files)
    promises: list[Promise] = []
    slices = 0
    for number, file in enumerate(files):
        promises.append(_restore_file(file, out / file.name if out.is_dir() else out, key))
        slices += frame_count(file)
        if progress is not None:
            progress(number + 1, len(files))
    _check_whole(scan, promises)
    digest = promises[0].original
    if original is not None and digest != original:
        raise RestoreError(
            f"{scan} holds another original than the one that its seal was made with; give the two "
            f"that were written together"
        )
    if digest_of(out) != digest:
        raise RestoreError(
            f"what {scan} holds does not give what the original was: it was changed since; nothing "
            f"was written"
        )
    return slices, digest


def _of_series(files: Sequence[SliceFile]) -> list[SliceFile]:
    """Those of the series whose files hold their originals; others may lie beside them."""
    series = {file.series for file in files if ENCRYPTED_ATTRIBUTES in file.header}
    return [file for file in files if file.series in series]


def _check_whole(scan: Path, promises: Sequence[Promise]) -> None:
    first = promises[0]
    if any(one.original != first.original for one in promises):
        raise RestoreError(f"{scan} has files of several originals; give one series")
    if len(promises) > first.files:
        raise RestoreError(
            f"{scan} has {len(promises)} files of the {first.files} that were protected; take away "
            f"what is there twice"
        )
    if len(promises) < first.files:
        raise RestoreError(
            f"{scan} has {len(promises)} of the {first.files} files that were protected; give the "
            f"whole series"
        )


def _restore_file(file: SliceFile, target: Path, key: rsa.RSAPrivateKey) -> Promise:
    """Write the original of one file; what it has to be."""
    where = file.path
    if ENCRYPTED_ATTRIBUTES not in file.header:
        raise RestoreError(f"{where} does not hold its original, as others of its series do")
    try:
        with quiet():
            envelope = trimmed(bytes(file.header[ENCRYPTED_ATTRIBUTES].value[0].EncryptedContent))
            data = decrypt(envelope, key, str(where))
            content = _content(data)
            (modified,) = content.ModifiedAttributesSequence
            promise = Promise.of(content, where)
            if not promise.kept_by(data):
                raise ValueError("it is not what was encrypted")
            whole = promise.whole(bytes(modified.PixelData))
    except UNREADABLE as error:
        raise RestoreError(
            f"the original within {where} cannot be read ({error}): it is damaged or was changed"
        ) from error
    form = read_format(frames_of([file])[0])
    if protected_digest(file, form) != promise.protected:
        raise RestoreError(
            f"the pixels of {where} are not those that were protected: they were changed since; "
            f"give the series as it was written"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(whole)
    return promise


def _content(data: bytes) -> Dataset:
    return read_dataset(BytesIO(data), is_implicit_VR=False, is_little_endian=True)


def trimmed(data: bytes) -> bytes:
    """DER without the byte that pads a DICOM value to an even length."""
    if len(data) < 2 or data[1] < 0x80:
        return data
    octets = data[1] & 0x7F
    return data[: 2 + octets + int.from_bytes(data[2 : 2 + octets], "big")]
