"""What one program reads in a file and another does not: refused, or told, and never intact."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless, RLELossless
from tests.files.dicom.multiframe import item, merge
from tests.seal.sealed_series import change

from mitsgan.errors import ScanError
from mitsgan.files.dicom.files import SliceFile
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.files.dicom.pixels import read as pixel_reader
from mitsgan.phantom.chest import chest
from mitsgan.seal.format import write_seal
from mitsgan.seal.report import SealReport
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_SIGNER = Signer(Ed25519PrivateKey.generate())
_FRAMES = 4


@pytest.fixture
def single(tmp_path: Path) -> Path:
    phantom_series(chest((_FRAMES, 70, 66), (40.0, 5.0, 5.0), seed=5), tmp_path / "single")
    return tmp_path / "single"


@pytest.fixture
def multi(single: Path, tmp_path: Path) -> Path:
    """The file of a multi-frame object, alone in its folder."""
    return merge(single, tmp_path / "multi")


def seal(folder: Path) -> None:
    write_seal(make_seal(folder, _SIGNER), folder.parent / "seal.json")


def verified(folder: Path) -> SealReport:
    return verify_seal(folder, folder.parent / "seal.json", Trust((_SIGNER.public_key,)))


def refused(folder: Path, message: str) -> None:
    with pytest.raises(ScanError, match=message):
        verified(folder)
    with pytest.raises(ScanError, match=message):
        make_seal(folder, _SIGNER)


def test_a_patient_within_functional_groups_is_nobody(multi: Path) -> None:
    """Other programs look for the patient outside them."""
    seal(multi.parent)
    ds = dcmread(multi)
    for groups in ds.PerFrameFunctionalGroupsSequence:
        groups.PlanePositionSequence[0].PatientID = ds.PatientID
        groups.PlanePositionSequence[0].PatientName = ds.PatientName
    ds.PatientID, ds.PatientName = "OTHER", "Somebody^Else"
    ds.save_as(multi)
    report = verified(multi.parent)
    assert report.verdict == "tampered"
    assert {finding.attribute for finding in report.findings} == {"PatientID", "PatientName"}


def test_a_rescale_within_functional_groups_and_another_outside(multi: Path) -> None:
    seal(multi.parent)
    change(multi, RescaleIntercept="-2024")
    refused(multi.parent, "'-1024' in the functional groups and '-2024' outside")
    change(multi, RescaleIntercept="-1024.0")
    assert verified(multi.parent).verdict == "intact", "the same number, written otherwise"
    change(multi, RescaleIntercept=None)
    assert verified(multi.parent).verdict == "intact", "an empty one says nothing else"


def test_one_thing_in_two_functional_groups(multi: Path) -> None:
    """GDCM, and ITK with it, goes by what all frames share; others by what each frame says."""
    seal(multi.parent)
    sealed = multi.read_bytes()

    def share(ds: FileDataset) -> Dataset:
        (groups,) = ds.SharedFunctionalGroupsSequence[:1]
        assert isinstance(groups, Dataset)
        return groups

    def rescale_for_all(ds: FileDataset) -> None:
        share(ds).PixelValueTransformationSequence = [item(RescaleIntercept="-500")]

    def place_for_all(ds: FileDataset) -> None:
        share(ds).PlanePositionSequence = [item(ImagePositionPatient=[0, 0, 0])]

    def spacing_for_each(ds: FileDataset) -> None:
        (measures,) = share(ds).PixelMeasuresSequence
        for groups in ds.PerFrameFunctionalGroupsSequence:
            groups.PixelMeasuresSequence = [item(PixelSpacing=measures.PixelSpacing)]
        measures.PixelSpacing = [9, 9]

    def another_macro(ds: FileDataset) -> None:
        for groups in ds.PerFrameFunctionalGroupsSequence:
            groups.PixelValueTransformationSequence[0].RescaleIntercept = "-500"
            groups.RealWorldValueMappingSequence = [item(RescaleIntercept="-1024")]

    def another_item(ds: FileDataset) -> None:
        for groups in ds.PerFrameFunctionalGroupsSequence:
            groups.PixelValueTransformationSequence.append(item(RescaleIntercept="-500"))

    def another_share(ds: FileDataset) -> None:
        measures = item(PixelMeasuresSequence=[item(PixelSpacing=[9, 9])])
        ds.SharedFunctionalGroupsSequence.append(measures)

    changes = (rescale_for_all, place_for_all, spacing_for_each)
    for edit in (*changes, another_macro, another_item, another_share):
        multi.write_bytes(sealed)
        ds = dcmread(multi)
        edit(ds)
        ds.save_as(multi)
        refused(multi.parent, "in the functional groups and .* in another of them")
    multi.write_bytes(sealed)
    ds = dcmread(multi)
    share(ds).PixelValueTransformationSequence = [item(RescaleIntercept="-1024.0")]
    ds.save_as(multi)
    assert verified(multi.parent).verdict == "intact"


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_a_number_that_python_alone_reads(multi: Path) -> None:
    seal(multi.parent)
    change(multi, RescaleIntercept="-1_024")
    refused(multi.parent, "'-1_024' outside them")


def test_functional_groups_in_a_single_slice_are_no_processing(single: Path) -> None:
    """What was outside them is within: nothing reads it there in an image of one frame."""
    seal(single)
    for file in single.iterdir():
        ds = dcmread(file)
        group = Dataset()
        group.RescaleIntercept = ds.RescaleIntercept
        item = Dataset()
        item.PixelValueTransformationSequence = [group]
        ds.PerFrameFunctionalGroupsSequence, ds.NumberOfFrames = [item], 1
        del ds.RescaleIntercept
        ds.save_as(file)
    assert verified(single).verdict == "tampered"


def undefined_lengths(ds: FileDataset) -> None:
    """Let sequences end by delimiters, so that bytes can be put into them."""
    for groups in ds.PerFrameFunctionalGroupsSequence:
        groups.is_undefined_length_sequence_item = True
        for element in groups:
            element.is_undefined_length = True
            element.value[0].is_undefined_length_sequence_item = True
    ds["PerFrameFunctionalGroupsSequence"].is_undefined_length = True


def test_an_element_twice_in_an_item(multi: Path) -> None:
    """The last one counts here, the first one elsewhere."""
    ds = dcmread(multi)
    undefined_lengths(ds)
    ds.save_as(multi)
    seal(multi.parent)
    assert verified(multi.parent).verdict == "intact"
    data, sealed = multi.read_bytes(), b"\x28\x00\x52\x10DS\x06\x00-1024 "
    assert sealed in data
    multi.write_bytes(data.replace(sealed, b"\x28\x00\x52\x10DS\x06\x00-99   " + sealed))
    refused(multi.parent, "occurs twice")


def compress(file: Path, syntax: UID = JPEGLSLossless) -> list[bytes]:
    """Compress a file without loss; its frames."""
    ds = dcmread(file)
    ds.compress(syntax, generate_instance_uid=False)
    ds.save_as(file)
    return list(generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames", 1))))


def test_a_table_that_leads_past_what_is_shown(single: Path) -> None:
    """It points to what was sealed; who does not look into it shows the fragment before that."""
    seal(single)
    one, *_ = files = sorted(single.iterdir())
    frames = [compress(file)[0] for file in files]
    assert verified(single).verdict == "intact"
    ds = dcmread(one)
    painted, sealed = (encapsulate([frame], has_bot=False)[8:] for frame in (frames[1], frames[0]))
    table = b"\xfe\xff\x00\xe0" + struct.pack("<II", 4, len(painted))
    ds.PixelData = table + painted + sealed
    ds["PixelData"].is_undefined_length = True
    ds.save_as(one)
    refused(single, "where its 1 frame")


def test_a_table_in_another_order(multi: Path) -> None:
    seal(multi.parent)
    frames = compress(multi)
    starts = [sum(8 + len(frame) for frame in frames[:k]) for k in range(_FRAMES)]
    ds = dcmread(multi)
    ds.PixelData = encapsulate(frames, has_bot=False)
    ds["PixelData"].is_undefined_length = True
    ds.ExtendedOffsetTableLengths = struct.pack(f"<{_FRAMES}Q", *map(len, frames))
    ds.ExtendedOffsetTable = struct.pack(f"<{_FRAMES}Q", *starts)
    ds.save_as(multi)
    assert verified(multi.parent).verdict == "intact"
    starts[1], starts[2] = starts[2], starts[1]
    ds.ExtendedOffsetTable = struct.pack(f"<{_FRAMES}Q", *starts)
    ds.save_as(multi)
    refused(multi.parent, f"where its {_FRAMES} frame")


def fragments(pieces: list[bytes]) -> bytes:
    """Pieces of compressed pixels behind an empty offset table."""
    items = [b"\xfe\xff\x00\xe0" + struct.pack("<I", len(piece)) + piece for piece in pieces]
    return b"\xfe\xff\x00\xe0" + bytes(4) + b"".join(items)


def put_fragments(file: Path, pieces: list[bytes]) -> None:
    """Exchange the compressed pixels of a file for these pieces, behind an empty offset table."""
    ds = dcmread(file)
    ds.PixelData = fragments(pieces)
    ds["PixelData"].is_undefined_length = True
    ds.save_as(file)


def in_halves(frames: list[bytes]) -> list[bytes]:
    middle = [len(frame) // 4 * 2 for frame in frames]
    return [piece for f, k in zip(frames, middle, strict=True) for piece in (f[:k], f[k:])]


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_frames_of_several_fragments_without_a_table(multi: Path, syntax: UID) -> None:
    """Where each begins and ends as a picture does, nobody can see others."""
    seal(multi.parent)
    frames = compress(multi, syntax)
    put_fragments(multi, in_halves(frames))
    assert verified(multi.parent).verdict == "intact"
    pieces = in_halves(frames)
    pieces[0:2] = [pieces[0], b"\xff\xd8\xff\xf7" + pieces[1]]
    put_fragments(multi, pieces)
    refused(multi.parent, f"where its {_FRAMES} frames begin is not said")


def test_a_second_picture_behind_that_of_a_single_frame(single: Path) -> None:
    """Who joins all fragments decodes the first one; who takes each for a frame shows both."""
    seal(single)
    files = sorted(single.iterdir())
    frames = [compress(file)[0] for file in files]
    put_fragments(files[0], frames[:2])
    refused(single, "holds 2 compressed pictures for 1 frame")


def test_what_nothing_ends_needs_a_table(multi: Path) -> None:
    seal(multi.parent)
    frames = compress(multi, RLELossless)
    put_fragments(multi, in_halves(frames))
    refused(multi.parent, f"it has no offset table, and {2 * _FRAMES} fragments")


@pytest.mark.parametrize("table", [True, False])
def test_no_frame_takes_reading_the_whole_file(
    multi: Path, monkeypatch: pytest.MonkeyPatch, table: bool
) -> None:
    """Time would grow by the square of the frames."""
    seal(multi.parent)
    frames = compress(multi)
    ds = dcmread(multi)
    ds.PixelData = encapsulate(frames) if table else fragments(frames)
    ds["PixelData"].is_undefined_length = True
    ds.save_as(multi)

    def whole(file: SliceFile) -> Dataset:
        raise AssertionError(file.path)

    monkeypatch.setattr(pixel_reader, "whole_dataset", whole)
    assert verified(multi.parent).verdict == "intact"
