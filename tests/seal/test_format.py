"""Damaged, hostile and foreign sidecars: a clear message, and never a false "intact"."""

from __future__ import annotations

import copy
import json
from base64 import encodebytes
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mitsgan.errors import MitsganError
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.seal.format import SealError, encode, parse, read_seal, write_seal
from mitsgan.seal.keys import SignatureError, load_certificates
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal

_SIGNER = Signer(Ed25519PrivateKey.generate())
_NOW = datetime.now(UTC)
_TRUST = Trust((_SIGNER.public_key,))


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("format") / "series"
    phantom_series(chest((3, 40, 40), (60.0, 9.0, 9.0), seed=2), folder)
    return folder


@pytest.fixture(scope="module")
def good(series: Path) -> bytes:
    """A seal of the series."""
    path = series.parent / "seal.json"
    write_seal(make_seal(series, _SIGNER), path)
    return path.read_bytes()


def verdict(series: Path, data: bytes) -> str:
    """What verifying with this sidecar says: a verdict, or "refused" with a message."""
    path = series.parent / "changed.json"
    path.write_bytes(data)
    try:
        return verify_seal(series, path, _TRUST).verdict
    except MitsganError as error:
        return "refused" if str(error) else "refused without a word"


def test_a_seal_has_all_values_of_an_attribute_those_of_single_slices_too(good: bytes) -> None:
    seal = parse(good)
    for name in ("SeriesInstanceUID", "SOPInstanceUID", "NoSuchAttribute"):
        assert seal.values(name) == {
            seal.expected(z).get(name, "") for z in range(len(seal.slices))
        }
    assert len(seal.values("SOPInstanceUID")) == len(seal.slices)
    first = replace(seal.slices[0], attributes={"SeriesInstanceUID": "1.2.3"})
    mixed = replace(seal, slices=(first, *seal.slices[1:]))
    assert mixed.values("SeriesInstanceUID") == {"1.2.3"} | seal.values("SeriesInstanceUID")


def test_the_seal_itself_is_good(series: Path, good: bytes) -> None:
    assert verdict(series, good) == "intact"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_one_changed_byte_is_never_intact(series: Path, good: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(1, 255))
    changed = bytearray(good)
    changed[at] ^= byte
    try:
        same = json.loads(changed) == json.loads(good)
    except ValueError:
        same = False
    said = verdict(series, bytes(changed))
    assert (said == "intact") == same, "blanks between names are no part of the seal"


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_truncated_seal_is_refused(series: Path, good: bytes, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(good.rstrip()) - 1))
    assert verdict(series, good[:end]) == "refused"


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    paths = [path]
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            paths += _places(inner, (*path, key))
    return paths


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_another_value_anywhere_is_never_intact(
    series: Path, good: bytes, data: st.DataObject
) -> None:
    document = json.loads(good)
    path = data.draw(st.sampled_from([p for p in _places(document) if p]))
    value = data.draw(_JSON)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    same = type(inner[path[-1]]) is type(value) and inner[path[-1]] == value
    inner[path[-1]] = value
    assert (verdict(series, json.dumps(document).encode()) == "intact") == same


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(SealError):
        parse(data)


Edit = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda d: d.update(version=3), "of version 3"),
        (lambda d: d.update(version=True), "of version True"),
        (lambda d: d.update(version=[[]] * 1000), "of version"),
        (lambda d: d.update(format="seal"), "mitsgan-seal"),
        (lambda d: d.pop("signature"), "lacks a field"),
        (lambda d: d.update(more=1), "one too many"),
        (lambda d: d.update(created="yesterday"), "no time"),
        (lambda d: d["signer"].update(public_key="%%%"), "not base64"),
        (lambda d: d.update(signature="QR=="), "as it should be written"),
        (lambda d: d["signer"].update(certificates="none"), "no list"),
        (lambda d: d["content"].update(block=0), "no whole number"),
        (lambda d: d["content"].update(block=10**30), "no whole number"),
        (lambda d: d["content"].update(slices=[]), "no slice"),
        (lambda d: d["content"].update(digest="MD5"), "digest is unknown"),
        (lambda d: d["content"].update(kind="video"), "kind or digest is unknown"),
        (lambda d: d["content"]["attributes"].update({"ä": "x"}), "no name of an attribute"),
        (lambda d: d["content"]["attributes"].update(PatientID=7), "no text"),
        (lambda d: d["content"]["attributes"].update(PatientID="\ud800"), "not Unicode"),
        (lambda d: d["content"]["slices"][0].update(rows=65), "not 32 for each block"),
        (lambda d: d["content"]["slices"][0].update(rows=65536 * 2), "no whole number"),
        (lambda d: d["content"]["slices"].append(3), "no object"),
    ],
)
def test_what_is_wrong_is_told(good: bytes, edit: Edit, message: str) -> None:
    document = copy.deepcopy(json.loads(good))
    edit(document)
    with pytest.raises(SealError, match=message):
        parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    "text",
    [
        '{"format": "mitsgan-seal", "format": "mitsgan-seal"}',
        "[" * 100_000,
        '{"format": "mitsgan-seal", "version": 1.0}',
        '{"format": "mitsgan-seal", "version": NaN}',
        '{"version": ' + "9" * 10_000 + "}",
        "\ufeff{}",
        "null",
        "",
    ],
)
def test_hostile_json_is_refused(text: str) -> None:
    with pytest.raises(SealError):
        parse(text.encode())


def test_a_name_twice_is_refused_even_with_one_value(good: bytes) -> None:
    twice = good.replace(b'"kind": "dicom"', b'"kind": "dicom", "kind": "dicom"', 1)
    assert twice != good
    with pytest.raises(SealError, match="twice"):
        parse(twice)


def nameless() -> str:
    """A certificate whose subject is no text; it is looked at when it is told, not before."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site")])
    key, day = Ed25519PrivateKey.generate(), timedelta(1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, _NOW - day, _NOW + day)
    der = builder.sign(key, None).public_bytes(Encoding.DER)
    return encode(der.replace(b"site", b"\xff\xfe\xff\xff"))


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("public_key", "AAAA", "cannot be read"),
        ("algorithm", "RSASSA-PSS-SHA256", "which is not that of the key"),
        ("certificates", ["AAAA"], "certificate cannot be read"),
        ("certificates", [nameless()], "certificate cannot be read"),
    ],
)
def test_a_signer_that_cannot_be_read_is_told(
    series: Path, good: bytes, field: str, value: object, message: str, tmp_path: Path
) -> None:
    document = json.loads(good)
    document["signer"][field] = value
    (tmp_path / "seal.json").write_text(json.dumps(document))
    with pytest.raises(SealError, match=rf"in the seal .*seal\.json .*{message}.*fetch it again"):
        verify_seal(series, tmp_path / "seal.json", _TRUST)


@pytest.mark.parametrize(
    "form, remedy",
    [
        ("DER", "openssl x509"),
        ("short DER", "-inform DER"),
        ("PKCS7", "openssl pkcs7 -print_certs"),
    ],
)
def test_certificates_in_other_forms_say_how_to_convert_them(
    tmp_path: Path, form: str, remedy: str
) -> None:
    """DER is what Windows writes; it was said to give PEM, and not how."""
    long, short = b"\x30\x82\x01\x00" + bytes(256), b"\x30\x03\x02\x01\x01"
    pkcs7 = b"-----BEGIN PKCS7-----\nMAA=\n-----END PKCS7-----\n"
    (tmp_path / "cert").write_bytes({"DER": long, "short DER": short, "PKCS7": pkcs7}[form])
    with pytest.raises(SignatureError, match=f"cert holds neither .*{remedy}"):
        Trust.load(tmp_path / "cert")
    key = _SIGNER.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    with pytest.raises(SignatureError, match=f"cert holds no certificate .*{remedy}"):
        Signer.load(tmp_path / "key.pem", tmp_path / "cert")


def test_a_serial_number_of_zero_is_no_remark_of_a_library(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site")])
    key, day = Ed25519PrivateKey.generate(), timedelta(1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 9, _NOW - day, _NOW + day)
    der = builder.sign(key, None).public_bytes(Encoding.DER).replace(b"\x02\x01\x09", b"\x02\x01\0")
    pem = b"-----BEGIN CERTIFICATE-----\n%s-----END CERTIFICATE-----\n" % encodebytes(der)
    (tmp_path / "cert.pem").write_bytes(pem)
    assert len(Trust.load(tmp_path / "cert.pem").certificates) == 1
    assert len(load_certificates([der])) == 1
    assert not recwarn.list


def test_a_seal_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(SealError, match=r"cannot be read .*; name the file that"):
            read_seal(path)


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(300 << 20)
    with pytest.raises(SealError, match=r"larger than 256 MB.*; name the file"):
        read_seal(tmp_path / "huge.json")
