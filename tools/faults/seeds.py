"""Small valid inputs of every format, from which a fuzzer makes damaged ones.

They are made here and not kept as files: the same code and numbers give the same bytes.
"""

from __future__ import annotations

import datetime
import shutil
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan import Scan

_MOVED = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness")

Maker = Callable[[Path], Path]
"""Makes an input in a new folder; gives what is named as SCAN."""


@cache
def small_chest() -> Scan:
    """4 x 24 x 24; painted once, since that takes longer than all else."""
    return chest((4, 24, 24), (60.0, 15.0, 15.0), seed=1)


def signing_key(path: Path, public: Path | None = None) -> None:
    """Write a private key to sign with: always the same, so that cases follow from their seed."""
    secret = Ed25519PrivateKey.from_private_bytes(bytes(32))
    path.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    if public is not None:
        form = PublicFormat.SubjectPublicKeyInfo
        public.write_bytes(secret.public_key().public_bytes(Encoding.PEM, form))


def recipient(certificate: Path, private_key: Path) -> None:
    """Write a certificate to keep originals for, and its private key."""
    secret = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "site")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(secret, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private_key.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _dicom(folder: Path) -> Path:
    phantom_series(small_chest(), folder / "scan")
    return folder / "scan"


def _in_syntax(syntax: UID) -> Maker:
    def make(folder: Path) -> Path:
        for path in _dicom(folder).iterdir():
            data = dcmread(path)
            if syntax.is_compressed and syntax != DeflatedExplicitVRLittleEndian:
                data.compress(syntax, generate_instance_uid=False)
                data.save_as(path)
                continue
            if syntax == ExplicitVRBigEndian:
                data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
            converted = Dataset({element.tag: element for element in data})
            converted.file_meta, converted.preamble = data.file_meta, data.preamble
            converted.file_meta.TransferSyntaxUID = syntax
            converted.save_as(path, enforce_file_format=True)
        return folder / "scan"

    return make


def _bare(folder: Path) -> Path:
    """Without preamble and group 0002."""
    for path in _dicom(folder).iterdir():
        data = path.read_bytes()
        length = int.from_bytes(data[140:144], "little")
        path.write_bytes(data[144 + length :])
    return folder / "scan"


def _enhanced(folder: Path) -> Path:
    slices = [dcmread(path) for path in sorted(_dicom(folder).iterdir())]
    whole = slices[0]
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    whole.NumberOfFrames = len(slices)
    whole.PerFrameFunctionalGroupsSequence = [_groups(one) for one in slices]
    whole.PixelData = b"".join(one.PixelData for one in slices)
    for keyword in _MOVED:
        if keyword in whole:
            delattr(whole, keyword)
    shutil.rmtree(folder / "scan")
    whole.save_as(folder / "scan.dcm", enforce_file_format=True)
    return folder / "scan.dcm"


def _groups(one: Dataset) -> Dataset:
    position, orientation, measures, values, item = (Dataset() for _ in range(5))
    position.ImagePositionPatient = one.ImagePositionPatient
    orientation.ImageOrientationPatient = one.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = one.PixelSpacing, one.SliceThickness
    values.RescaleSlope, values.RescaleIntercept = one.RescaleSlope, one.RescaleIntercept
    item.PlanePositionSequence, item.PlaneOrientationSequence = [position], [orientation]
    item.PixelMeasuresSequence, item.PixelValueTransformationSequence = [measures], [values]
    return item


def _zip(folder: Path) -> Path:
    source = _dicom(folder)
    with zipfile.ZipFile(folder / "scan.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.iterdir()):
            archive.write(path, path.name)
    shutil.rmtree(source)
    return folder / "scan.zip"


def _dicomdir(folder: Path) -> Path:
    from pydicom.fileset import FileSet

    files = FileSet()
    source = _dicom(folder)
    for path in sorted(source.iterdir()):
        data = dcmread(path)
        data.PatientID, data.StudyID = data.get("PatientID") or "1", "1"
        data.StudyDate, data.StudyTime = "20200101", "120000"
        data.SeriesNumber = data.get("SeriesNumber") or 1
        files.add(data)
    files.write(folder / "disc")
    shutil.rmtree(source)
    return folder / "disc" / "DICOMDIR"


def _nifti(name: str, *, second: bool = False) -> Maker:
    def make(folder: Path) -> Path:
        hu = small_chest().hu().astype(np.int16).transpose(2, 1, 0)
        affine = np.diag([-15.0, -15.0, 60.0, 1.0])
        pair = nib.Nifti1Pair if name.endswith(".hdr") else nib.Nifti1Image
        image: Any = nib.Nifti2Image if second else pair
        nib.save(image(hu, affine), folder / name)
        return folder / name

    return make


def _image(name: str, *, compressed: bool = False) -> Maker:
    def make(folder: Path) -> Path:
        image = sitk.GetImageFromArray(small_chest().hu().astype(np.int16))
        image.SetSpacing((15.0, 15.0, 60.0))
        image.SetMetaData("Note", "of no meaning")
        sitk.WriteImage(image, str(folder / name), useCompression=compressed)
        return folder / name

    return make


SCANS: dict[str, Maker] = {
    "dicom": _dicom,
    "dicom-implicit": _in_syntax(ImplicitVRLittleEndian),
    "dicom-big-endian": _in_syntax(ExplicitVRBigEndian),
    "dicom-deflated": _in_syntax(DeflatedExplicitVRLittleEndian),
    "dicom-rle": _in_syntax(RLELossless),
    "dicom-jpegls": _in_syntax(JPEGLSLossless),
    "dicom-bare": _bare,
    "dicom-enhanced": _enhanced,
    "dicom-zip": _zip,
    "dicomdir": _dicomdir,
    "nifti": _nifti("scan.nii"),
    "nifti-gz": _nifti("scan.nii.gz"),
    "nifti-pair": _nifti("scan.hdr"),
    "nifti-2": _nifti("scan.nii", second=True),
    "mha": _image("scan.mha"),
    "mha-compressed": _image("scan.mha", compressed=True),
    "mhd": _image("scan.mhd"),
    "nrrd": _image("scan.nrrd"),
    "nrrd-gzip": _image("scan.nrrd", compressed=True),
    "nhdr": _image("scan.nhdr"),
}
"""By format; each is a whole scan that mitsgan reads."""
