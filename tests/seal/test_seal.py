"""The seal: every changed bit is found and named, and nothing else is; whose key it is, counts."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import dcmread
from tests.seal.sealed_series import DEPTH, HEIGHT, WIDTH, Check, flip, ordered

from mitsgan.errors import ScanError
from mitsgan.seal.digest import SIZE, block_digests, differing_blocks
from mitsgan.seal.format import SealError, canonical, encode, read_seal, write_seal
from mitsgan.seal.seal import make_seal
from mitsgan.seal.signature import Signer
from mitsgan.seal.trust import Trust
from mitsgan.seal.verify import verify_seal


def test_an_untouched_series_is_intact(check: Check, source: Path) -> None:
    report = check(source)
    assert report.verdict == "intact"
    assert report.findings == ()
    assert report.slices == DEPTH
    assert report.blocks == DEPTH * 3 * 3
    assert report.trusted == "its key is one that you trust"


def test_both_halves_of_the_work_are_told(source: Path, sealed: Path) -> None:
    """Reading a slice is a step, comparing it another."""
    steps: list[tuple[int, int]] = []
    verify_seal(source, sealed, progress=lambda done, steps_: steps.append((done, steps_)))
    assert steps[-DEPTH:] == [(DEPTH + z + 1, 2 * DEPTH) for z in range(DEPTH)]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_no_more_than_three_blocks_are_listed(check: Check, copy: Path) -> None:
    for column, listed in ((0, "1 block differs: rows"), (64, "2 blocks differ"), (128, "3 b")):
        flip(ordered(copy)[2], 0, column, 3)
        (finding,) = check(copy).findings
        assert listed in finding.text
        assert "more" not in finding.text
    flip(ordered(copy)[2], 64, 0, 3)
    (finding,) = check(copy).findings
    assert finding.text.endswith("rows 0-63, columns 128-129 and 1 more")


def test_without_trust_nothing_is_intact(source: Path, sealed: Path) -> None:
    report = verify_seal(source, sealed)
    assert report.verdict == "unknown"
    assert report.findings == ()
    assert report.trusted is None
    assert any("the signer may be anybody" in note for note in report.notes)


def test_a_scan_signed_anew_by_somebody_else_is_not_intact(
    copy: Path, tmp_path: Path, trust: Trust
) -> None:
    flip(ordered(copy)[2], 10, 10, 3)
    forger = Signer(Ed25519PrivateKey.generate())
    write_seal(make_seal(copy, forger), tmp_path / "forged.json")
    report = verify_seal(copy, tmp_path / "forged.json", trust)
    assert report.verdict == "unknown"
    assert report.trusted is None
    assert any("none of those that you trust" in note for note in report.notes)


@pytest.mark.parametrize(
    "row, column, bit, box",
    [
        (0, 0, 0, (0, 64, 0, 64)),
        (63, 64, 15, (0, 64, 64, 128)),
        (149, 129, 7, (128, 150, 128, 130)),
    ],
)
def test_one_bit_is_named_by_slice_and_block(
    check: Check, copy: Path, row: int, column: int, bit: int, box: tuple[int, ...]
) -> None:
    flip(ordered(copy)[4], row, column, bit)
    report = check(copy)
    (finding,) = report.findings
    assert report.verdict == "tampered"
    assert (finding.kind, finding.slices) == ("pixels", (4,))
    (box_found,) = finding.boxes
    assert (box_found.top, box_found.bottom, box_found.left, box_found.right) == box
    assert f"rows {box[0]}-{box[1] - 1}, columns {box[2]}-{box[3] - 1}" in finding.text


def test_ten_thousand_single_bits_are_all_found() -> None:
    rng = np.random.default_rng(0)
    stored = rng.integers(-1024, 3000, (HEIGHT, WIDTH), np.int16)
    before = block_digests(stored)
    words = stored.view(np.uint16)
    missed = wrong = 0
    for _ in range(10_000):
        row, column, bit = rng.integers(HEIGHT), rng.integers(WIDTH), rng.integers(16)
        words[row, column] ^= np.uint16(1 << int(bit))
        boxes = differing_blocks(before, block_digests(stored), HEIGHT, WIDTH)
        words[row, column] ^= np.uint16(1 << int(bit))
        missed += not boxes
        wrong += len(boxes) != 1 or not (
            boxes[0].top <= row < boxes[0].bottom and boxes[0].left <= column < boxes[0].right
        )
    assert (missed, wrong) == (0, 0)
    assert block_digests(stored) == before


def test_digests_are_plain_sha256_of_little_endian_rows() -> None:
    stored = np.arange(150 * 130, dtype=np.int16).reshape(150, 130)
    digests = block_digests(stored)
    assert len(digests) == 9 * SIZE
    middle = stored[64:128, 64:128].astype("<i2").tobytes()
    assert digests[4 * SIZE : 5 * SIZE] == hashlib.sha256(middle).digest()
    assert block_digests(stored.astype(">i2")) == digests


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_slice_that_changes_before_the_sketch_is_made_is_refused(
    copy: Path, signer: Signer, change: Callable[[Path], object]
) -> None:
    """Else the seal would have no sketch, as that of what is no CT scan."""
    first = sorted(copy.iterdir())[0]

    def change_at_the_end(done: int, total: int) -> None:
        if done == total == 2 * DEPTH:
            change(first)

    with pytest.raises(ScanError, match="changed while it was read"):
        make_seal(copy, signer, progress=change_at_the_end)


def test_a_changed_seal_is_tampered(
    source: Path, sealed: Path, trust: Trust, tmp_path: Path
) -> None:
    document = json.loads(sealed.read_text())
    document["created"] = "2001-01-01T00:00:00Z"
    (tmp_path / "changed.json").write_text(json.dumps(document))
    report = verify_seal(source, tmp_path / "changed.json", trust)
    assert report.verdict == "tampered"
    assert report.findings[0].kind == "signature"
    assert report.trusted is None


def test_what_openssl_would_check_is_what_is_signed(sealed: Path, signer: Signer) -> None:
    document = json.loads(sealed.read_text())
    seal = read_seal(sealed)
    del document["signature"]
    plain = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert plain.encode() == seal.signed == canonical(document)
    assert isinstance(signer.key, Ed25519PrivateKey)
    signer.key.public_key().verify(seal.signature, plain.encode())


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["lungdx-a0001", "cip-64/dicom"])
def test_single_bits_of_real_files_are_found(
    data: Path, name: str, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    folder = Path(shutil.copytree(data / "ct" / name, tmp_path / "copy"))
    write_seal(make_seal(folder, signer), tmp_path / "seal.json")
    assert verify_seal(folder, tmp_path / "seal.json", trust).verdict == "intact"
    rng = np.random.default_rng(1)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    chosen = {int(k) for k in rng.choice(len(files), 12, replace=False)}
    for k in chosen:
        files[k].chmod(0o644)
        ds = dcmread(files[k])
        data_bytes = bytearray(ds.PixelData)
        data_bytes[int(rng.integers(len(data_bytes)))] ^= 1 << int(rng.integers(8))
        ds.PixelData = bytes(data_bytes)
        ds.save_as(files[k])
    findings = verify_seal(folder, tmp_path / "seal.json", trust).findings
    assert [finding.kind for finding in findings] == ["pixels"] * len(chosen)
    assert all(len(finding.boxes) == 1 for finding in findings)


def test_a_damaged_sketch_under_a_genuine_signature_is_refused(
    source: Path, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    document = make_seal(source, signer)
    content = document["content"]
    assert isinstance(content, dict)
    content["sketch"]["means"] = "AAAA"
    del document["signature"]
    document["signature"] = encode(signer.sign(canonical(document)))
    write_seal(document, tmp_path / "seal.json")
    with pytest.raises(SealError, match=r"the sketch in .* cannot be decoded"):
        verify_seal(source, tmp_path / "seal.json", trust)


def test_version_1_is_still_verified(
    source: Path, tmp_path: Path, signer: Signer, trust: Trust
) -> None:
    document = make_seal(source, signer, sketch=False)
    del document["signature"]
    document["version"] = 1
    document["signature"] = encode(signer.sign(canonical(document)))
    path = tmp_path / "seal.json"
    write_seal(document, path)
    assert read_seal(path).sketch is None
    report = verify_seal(source, path, trust)
    assert (report.verdict, report.content) == ("intact", None)
