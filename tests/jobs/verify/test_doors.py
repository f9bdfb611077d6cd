"""What each way of telling a verdict says of a scan that differs in no single place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own habit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.seal.sketch.conftest import Array

from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.verify.findings import findings_of
from mitsgan.jobs.verify.report import verification_report
from mitsgan.jobs.verify.settings import VerifyFile
from mitsgan.jobs.verify.text import summary
from mitsgan.jobs.verify.verify import Verified, verify_file
from mitsgan.phantom.chest import chest
from mitsgan.scan.scan import Scan
from mitsgan.seal.format import write_seal
from mitsgan.seal.report import Finding
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer


@pytest.fixture(scope="module")
def scan() -> Scan:
    return chest((18, 170, 170), (7.0, 2.1, 2.1), seed=4)


@pytest.fixture(scope="module")
def sealed(scan: Scan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``seal.json`` of a series, and ``trust.pem``."""
    folder = tmp_path_factory.mktemp("doors")
    key = Ed25519PrivateKey.generate()
    phantom_series(scan, folder / "series")
    write_seal(make_seal(folder / "series", Signer(key)), folder / "seal.json")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "trust.pem").write_bytes(public)
    return folder


def _verified(sealed: Path, scan: Scan, hu: Array, tmp_path: Path, html: bool = False) -> Verified:
    """Of an image in the place of the scan that shows other values."""
    image = sitk.GetImageFromArray(np.rint(hu).astype(np.int16))
    image.SetSpacing(scan.spacing[::-1])
    image.SetOrigin(scan.geometry.origin)
    sitk.WriteImage(image, str(tmp_path / "shown.nii.gz"))
    return verify_file(
        VerifyFile(
            scan=tmp_path / "shown.nii.gz",
            seal=sealed / "seal.json",
            trust=sealed / "trust.pem",
            html=tmp_path / "page.html" if html else None,
        )
    )


def test_what_is_displaced_says_so_and_nothing_that_does_not_fit(
    scan: Scan, sealed: Path, tmp_path: Path
) -> None:
    """It had *Many differences*, of which 0 were told, and *no region was flagged*."""
    verified = _verified(sealed, scan, np.roll(scan.hu(), 2, 2), tmp_path, html=True)
    assert verified.verdict == "tampered"
    assert verified.reason == (
        "Not bit for bit what was signed; it lies 4.2 mm further towards the patient's left than "
        "was sealed"
    )
    assert "Many" not in summary(verified)
    findings = findings_of(verified.result, None, verified.seal, None)
    assert ("Regions", "what differs is no single region") in findings.sentences
    labels = [line.label for line in verification_report(verified.result, "shown").headline]
    assert labels == ["The signer is"]  # neither 0 differences nor 0 regions
    page = (tmp_path / "page.html").read_text()
    assert "What differs is told above and in the tables." in page
    assert "No place was flagged" not in page


def test_of_what_shows_something_else_no_smallest_change_is_told(
    scan: Scan, sealed: Path, tmp_path: Path
) -> None:
    """A change of 4165 HU would show in most places, it was said."""
    verified = _verified(sealed, scan, scan.hu()[:, ::-1], tmp_path)
    assert verified.verdict == "tampered"
    text = summary(verified)
    assert "it shows something else" in text
    assert "% of the patient was judged\n" in text
    assert "would show" not in text


def test_why_nothing_can_be_told_is_told_once(scan: Scan, sealed: Path, tmp_path: Path) -> None:
    verified = _verified(sealed, scan, np.zeros_like(scan.hu()), tmp_path)
    assert verified.verdict == "unknown"
    assert verified.result.lead == (
        "UNKNOWN: What it shows cannot be told: so much was lost that a change might not show"
    )


def test_processing_explains_nothing_of_what_shows_something_else(
    scan: Scan, sealed: Path, tmp_path: Path
) -> None:
    verified = _verified(sealed, scan, scan.hu()[:, ::-1], tmp_path)
    assert verified.seal is not None
    differs = Finding("pixels", "slice 0: 4 blocks differ", (0,), explained=True)
    seal = replace(verified.seal, findings=(differs,))
    result = replace(verified.result, seal=seal.entry())
    assert "  left to what it shows: pixels (1 slice)" in seal.lines()
    report = verification_report(result, "shown")
    (differences,) = (line for line in report.headline if line.label.startswith("Diff"))
    assert (differences.value, differences.note) == (1, "1 of them are left to what it shows.")
    assert not any("millimetres shows" in gap for gap in report.gaps)
    sentences = findings_of(result, None, seal, None).sentences
    assert ("Difference", "slice 0: 4 blocks differ; what it shows decides") in sentences
    assert "explain" not in "".join(text for _, text in sentences)
