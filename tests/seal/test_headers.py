"""Header fields that changed are named, and those of a processed copy by which other programs show
something else than its pixels; names of the patient are in no seal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from tests.seal.sealed_series import DEPTH, Check, change, ordered

from mitsgan.restore.digest import digest_of
from mitsgan.seal.format import canonical, encode, write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_SPACING = 30.0


@pytest.mark.parametrize(
    "name, value, tag",
    [
        ("PatientID", "OTHER", "(0010,0020)"),
        ("PatientName", "Somebody^Else", "(0010,0010)"),
        ("RescaleIntercept", "-1000", "(0028,1052)"),
        ("RescaleSlope", "2", "(0028,1053)"),
        ("PixelSpacing", [2.4, 2.9], "(0028,0030)"),
        ("ImagePositionPatient", [0.0, 0.0, 17.0], "(0020,0032)"),
        ("StudyInstanceUID", "1.2.3.6", "(0020,000d)"),
        ("PixelRepresentation", 0, "(0028,0103)"),
        ("AccessionNumber", "A1", "(0008,0050)"),
        ("WindowCenter", "1234", "(0028,1050)"),
    ],
)
def test_a_header_field_is_named(
    check: Check, copy: Path, name: str, value: object, tag: str
) -> None:
    change(ordered(copy)[1], **{name: value})
    report = check(copy)
    assert report.verdict == "tampered"
    (finding,) = [f for f in report.findings if f.kind == "attribute"]
    assert (finding.attribute, finding.slices) == (name, (1,))
    assert tag in finding.text
    if name in ("PatientID", "PatientName"):
        assert f"{value}" not in finding.text
        assert finding.text.endswith("was changed in slice 1, instance number 5")
    elif name == "AccessionNumber":  # there was none
        assert "was absent, now is given, in slice 1, instance number 5" in finding.text
    else:
        shown = "\\".join(map(str, value)) if isinstance(value, list) else str(value)
        assert f"now is {shown!r}, in slice 1, instance number 5" in finding.text


@pytest.mark.parametrize(
    "name, value, tag",
    [
        ("InstanceNumber", 4, "(0020,0013)"),
        ("SOPInstanceUID", "1.2.3.4", "(0008,0018)"),
        ("SeriesInstanceUID", "1.2.3.5", "(0020,000e)"),
    ],
)
def test_a_new_number_is_named_and_is_no_tampering(
    check: Check,
    copy: Path,
    tmp_path: Path,
    signer: Signer,
    trust: Trust,
    *,
    name: str,
    value: object,
    tag: str,
) -> None:
    """Whoever processes a scan gives it new numbers; without a sketch every change counts."""
    strict = tmp_path / "strict.json"
    write_seal(make_seal(copy, signer, sketch=False), strict)
    change(ordered(copy)[1], **{name: value})
    report = check(copy)
    assert report.verdict == "processed"
    (finding,) = [f for f in report.findings if f.kind == "attribute"]
    assert (finding.attribute, finding.slices, finding.explained) == (name, (1,), True)
    assert tag in finding.text
    assert verify_seal(copy, strict, trust).verdict == "tampered"


def test_a_field_changed_in_all_slices_is_one_finding(check: Check, copy: Path) -> None:
    for file in copy.iterdir():
        change(file, PatientID="OTHER")
    (finding,) = check(copy).findings
    assert finding.slices == tuple(range(DEPTH))
    assert "all slices" in finding.text


def sealed_anew(copy: Path, path: Path, signer: Signer) -> Check:
    write_seal(make_seal(copy, signer), path)
    return lambda folder: verify_seal(folder, path, Trust((signer.public_key,)))


def test_bytes_that_the_character_set_does_not_have_are_told_apart(
    copy: Path, tmp_path: Path, signer: Signer
) -> None:
    for file in copy.iterdir():
        change(file, SpecificCharacterSet="ISO_IR 192", PatientName="M^XX")
        file.write_bytes(file.read_bytes().replace(b"M^XX", b"M^\xfc\xe4"))
    check = sealed_anew(copy, tmp_path / "a.json", signer)
    assert check(copy).verdict == "intact"
    for file in copy.iterdir():
        file.write_bytes(file.read_bytes().replace(b"M^\xfc\xe4", b"M^\xf6\xfc"))
    assert [f.attribute for f in check(copy).findings] == ["PatientName"]


def test_a_table_is_not_hidden_in_the_text_before_it(
    copy: Path, tmp_path: Path, signer: Signer
) -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTExplanation = [2, 0, 16], "E"
    item.add_new(0x00283006, "OW", b"\1\0\2\0")
    for file in copy.iterdir():
        change(file, VOILUTSequence=[item])
    check = sealed_anew(copy, tmp_path / "a.json", signer)
    assert check(copy).verdict == "intact"
    del item.LUTData
    item.LUTExplanation = "E,(0028,3006)=01000200"
    change(ordered(copy)[1], VOILUTSequence=[item])
    assert [f.attribute for f in check(copy).findings] == ["VOILUTSequence"]
    item.LUTExplanation = "E"
    item.add_new(0x00283006, "UT", "01000200")
    change(ordered(copy)[1], VOILUTSequence=[item])
    assert [f.attribute for f in check(copy).findings] == ["VOILUTSequence"]


@pytest.mark.parametrize("vr", [b"LO", b"UN"])
def test_a_number_that_says_it_is_something_else_is_a_difference(
    check: Check, copy: Path, vr: bytes
) -> None:
    """The same bytes, which other programs read as no number and pass over."""
    file = ordered(copy)[1]
    data, head = file.read_bytes(), b"\x28\x00\x52\x10DS\x06\x00"
    assert head in data
    long = vr + b"\0\0\6\0\0\0" if vr == b"UN" else vr + b"\6\0"
    file.write_bytes(data.replace(head, head[:4] + long))
    assert dcmread(file).RescaleIntercept in (-1024, "-1024")
    report = check(copy)
    assert report.verdict == "tampered"
    assert [f.attribute for f in report.findings] == ["RescaleIntercept"]


def test_a_number_written_otherwise_is_none(check: Check, copy: Path) -> None:
    """As programs write it that read a header as numbers. Of longer ones some read the start."""
    for file in copy.iterdir():
        change(file, RescaleIntercept="-1024.0", RescaleSlope="1E0", PixelSpacing=["2.40", "2.800"])
    assert check(copy).verdict == "intact"
    file = ordered(copy)[1]
    data, head = file.read_bytes(), b"\x28\x00\x53\x10DS\x04\x001E0 "
    assert head in data
    long = b"0.00000000000000001e17"
    file.write_bytes(data.replace(head, head[:6] + bytes([len(long), 0]) + long))
    assert float(dcmread(file).RescaleSlope) == 1
    assert [f.attribute for f in check(copy).findings] == ["RescaleSlope"]


def test_an_empty_value_before_others_is_a_difference(check: Check, copy: Path) -> None:
    """Whoever takes the first value of two gets nothing."""
    file = ordered(copy)[1]
    data, window = file.read_bytes(), b"DS\x08\x00-600\\40 "
    assert window in data
    file.write_bytes(data.replace(window, b"DS\x08\x00\\-600\\40"))
    assert [f.attribute for f in check(copy).findings] == ["WindowCenter"]


def test_names_of_the_patient_are_not_in_the_seal(copy: Path, signer: Signer) -> None:
    for file in copy.iterdir():
        change(file, PatientName="Curie^Marie", PatientID="MC1867", AccessionNumber="ACC99")
    text = json.dumps(make_seal(copy, signer))
    assert not any(secret in text for secret in ("Curie", "MC1867", "ACC99"))


@pytest.fixture
def processed(copy: Path) -> Path:
    """The series, every value one more or less."""
    return processed_of(copy)


def processed_of(copy: Path) -> Path:
    for file in copy.iterdir():
        ds = dcmread(file)
        ds.PixelData = (ds.pixel_array ^ 1).tobytes()
        ds.save_as(file)
    return copy


def tell(folder: Path, name: str, values: Sequence[object]) -> None:
    for file, value in zip(ordered(folder), values, strict=True):
        ds = dcmread(file)
        setattr(ds, name, value)
        ds.save_as(file)


@pytest.mark.parametrize("renamed", [False, True])
def test_padding_that_hides_tissue(check: Check, processed: Path, renamed: bool) -> None:
    """A viewer leaves voxels blank that are said to be no data."""
    series = generate_uid()
    for file in ordered(processed):
        ds = dcmread(file)
        air, tissue = (round((hu - ds.RescaleIntercept) / ds.RescaleSlope) for hu in (-1024, 20))
        ds.PixelPaddingValue = air
        if renamed:
            ds.SeriesInstanceUID, ds.SOPInstanceUID = series, generate_uid()
        ds.save_as(file)
    assert check(processed).verdict == "processed", "no data is air"
    for file in ordered(processed):
        ds = dcmread(file)
        vr = "SS" if ds.PixelRepresentation else "US"
        ds.add_new("PixelPaddingValue", vr, tissue - 100)
        ds.add_new("PixelPaddingRangeLimit", vr, tissue + 100)
        ds.save_as(file)
    report = check(processed)
    assert report.verdict == "tampered"
    assert report.content is not None
    assert report.content.verdict == "processed", "its values are as they were"
    (finding,) = [f for f in report.findings if not f.explained]
    assert finding.attribute == "PixelPaddingValue"
    assert "ml denser than air to be no data" in finding.text


def test_padding_of_what_a_window_cut_off(check: Check, processed: Path) -> None:
    """Darkest of all is what a window cut off: blank or not, it looks the same."""
    for file in processed.iterdir():
        ds = dcmread(file)
        cut = round((-300 - ds.RescaleIntercept) / ds.RescaleSlope)
        ds.PixelData = np.maximum(ds.pixel_array, cut).tobytes()
        ds.PixelPaddingValue = cut
        ds.save_as(file)
    assert not [f for f in check(processed).findings if "no data" in f.text]


@pytest.mark.parametrize("name", ["InstanceNumber", "SliceLocation"])
def test_numbers_that_no_longer_follow_the_slices(check: Check, processed: Path, name: str) -> None:
    tell(processed, name, range(100, 100 + DEPTH))
    assert check(processed).verdict == "processed", "counted from the other end"
    tell(processed, name, [100, 103, 102, 101, 104, 105])
    report = check(processed)
    assert report.verdict == "tampered"
    (finding,) = [f for f in report.findings if not f.explained]
    assert finding.attribute == name
    assert "no longer follows the order of the slices" in finding.text


def test_a_distance_at_which_slices_do_not_lie(check: Check, processed: Path) -> None:
    """Programs that go by it show a nodule longer or shorter than it is."""
    tell(processed, "SpacingBetweenSlices", [_SPACING * 0.999] * DEPTH)
    assert check(processed).verdict == "processed"
    tell(processed, "SpacingBetweenSlices", [2 * _SPACING] * DEPTH)
    report = check(processed)
    assert report.verdict == "tampered"
    (finding,) = [f for f in report.findings if not f.explained]
    assert finding.text.endswith("is '60.0', but the slices do not lie so far apart")
    for file in ordered(processed)[1::2]:
        file.unlink()
    assert check(processed).verdict == "processed", "now they do"


def test_bits_that_are_too_few(check: Check, processed: Path) -> None:
    """What is denser than water is darker than air for programs that leave out the other bits."""
    for stored, verdict in ((13, "processed"), (10, "tampered")):
        for file in processed.iterdir():
            ds = dcmread(file)
            ds.BitsStored, ds.HighBit = stored, stored - 1
            ds.save_as(file)
        report = check(processed)
        assert report.verdict == verdict
    (finding,) = [f for f in report.findings if not f.explained]
    assert f"too few for the values of {DEPTH} slices" in finding.text


def test_the_sides_of_the_patient(copy: Path, tmp_path: Path, signer: Signer) -> None:
    """A viewer that goes by *Patient Orientation* showed left as right in a scan called intact."""
    tell(copy, "PatientOrientation", ["L\\P"] * DEPTH)
    check = sealed_anew(copy, tmp_path / "seal.json", signer)
    assert check(copy).verdict == "intact"
    tell(copy, "PatientOrientation", ["R\\P"] * DEPTH)
    report = check(copy)
    assert report.verdict == "tampered"
    assert {f.attribute for f in report.findings} == {"PatientOrientation"}
    assert "now is 'R\\\\P', in all slices" in report.findings[0].text
    processed_of(copy)
    for sides, verdict in (("L\\P", "processed"), ("H\\F", "tampered"), ("R\\P", "tampered")):
        tell(copy, "PatientOrientation", [sides] * DEPTH)
        assert check(copy).verdict == verdict, sides


def test_a_seal_of_before_says_nothing_of_the_sides(
    copy: Path, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    """What was sealed when *Patient Orientation* did not count stays intact, and what was kept by
    then is restored: the digest of an original is as it was."""
    kept = digest_of(copy)
    tell(copy, "PatientOrientation", ["L\\P"] * DEPTH)
    document = make_seal(copy, signer)
    content = document["content"]
    assert isinstance(content, dict)
    assert content["attributes"].pop("PatientOrientation") == "L\\P"
    signature = encode(signer.sign(canonical(document)))
    write_seal({**document, "signature": signature}, tmp_path / "seal.json")
    assert verify_seal(copy, tmp_path / "seal.json", trust).verdict == "intact"
    assert digest_of(copy) == kept
