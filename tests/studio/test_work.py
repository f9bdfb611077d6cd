"""Protecting and attacking through the page's interface; what an attacker made never is DICOM."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.studio.client import Client
from tests.studio.conftest import SHAPE, SPACING

import mitsgan as mg
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.jobs.restore.settings import RestoreFile
from mitsgan.scan.scan import Scan
from mitsgan.studio.api import Api
from mitsgan.studio.server import running
from mitsgan.studio.settings import StudioSettings

PLACE = (-60.8, -11.4, 4.0)
"""In the right lung of the chest, LPS mm."""
UNNAMED = ("attack", "lung", "candidates", "verify", "sketch")
"""What is asked for without the name of a file."""


@pytest.fixture
def dicom(scan: Scan, tmp_path: Path) -> Iterator[Client]:
    """A studio with a DICOM series open, so that DICOM could be written of what is made of it."""
    phantom_series(scan, tmp_path / "chest")
    (tmp_path / "out").mkdir()
    settings = StudioSettings(scan=tmp_path / "chest", output=tmp_path / "out")
    with running(settings) as studio:
        yield Client(studio)


def test_protecting_in_memory_says_what_changed(client: Client, scan: Scan) -> None:
    first = client.session()["series"][0]["id"]
    wanted = {"series": first, "max_hu": 5, "protector": "noise", "seed": 3}
    result = client.work("/api/protect", wanted)["result"]
    expected = mg.protect(mg.read(client.studio.session.shelf.get(first).path or ""), max_hu=5,
                          protector="noise", seed=3)  # fmt: skip
    assert result["largest_hu"] == 5
    assert result["series"]["name"] == "chest.nrrd, noise, 5 HU, seed 3"
    protected = client.studio.session.shelf.get(result["series"]["id"])
    assert (protected.scan.stored == expected.scan.stored).all()
    assert (protected.original, protected.max_hu, protected.path) == (first, 5, None)
    moved = protected.scan.hu() - scan.hu()
    inside = ~protected.scan.is_padding()
    assert sum(result["counts"]) == np.count_nonzero(inside)
    assert result["counts"][5] == np.count_nonzero(moved[inside] == 0), "the middle one"
    rmse = float(np.sqrt(np.square(moved[inside]).mean()))
    assert result["psnr_db"] == pytest.approx(20 * np.log10(2000 / rmse), abs=0.01)
    assert 0.9 < result["ssim"] < 1


def test_saving_goes_through_the_job_of_the_command(client: Client, folder: Path) -> None:
    first = client.session()["series"][0]["id"]
    wanted = {"series": first, "max_hu": 5, "protector": "noise", "name": "saved.nrrd"}
    result = client.work("/api/protect", wanted)["result"]
    reopened = client.work("/api/open", {"root": 0, "below": "out/saved.nrrd"})["result"]["series"]
    assert (reopened["max_hu"], reopened["max_hu_is"]) == (5, "stated")
    saved = mg.read(folder / "out" / "saved.nrrd")
    expected = mg.protect(mg.read(folder / "chest.nrrd"), max_hu=5, protector="noise")
    assert (saved.hu() == expected.scan.hu()).all()
    assert result["written"].endswith("saved.nrrd")
    again = client.work("/api/protect", wanted)
    assert again["error"].startswith("saved.nrrd exists in"), "nothing is replaced"
    assert "overwrite" not in again["error"], "which no page can give"
    assert client.work("/api/protect", {**wanted, "mark": True})["state"] == "failed"


@pytest.mark.slow
def test_an_attack_on_both_says_what_becomes_of_them(client: Client) -> None:
    first, second = (one["id"] for one in client.session()["series"])
    wanted = {"series": first, "protected": second, "action": "inject", "place": PLACE}
    result = client.work("/api/attack", wanted)["result"]
    assert [one["simulated"] for one in result["made"]] == [True, True]
    lines = dict(result["lines"])
    assert lines["Classifier, original"].startswith("no nodule")
    both = ("original", "protected")
    assert set(lines) == {
        "Disruption",
        *(f"{who}, {state}" for who in ("Classifier", "Measurement") for state in both),
        *(
            f"{who}, tampered {of}"
            for who in ("Classifier", "Measurement", "Sketch")
            for of in both
        ),
    }
    lumps = [text for what, text in lines.items() if what.startswith("Measurement")]
    assert all(re.fullmatch(r"no lump|a lump of \d{3,} mm³", text) for text in lumps), lumps
    attacked = result["made"][0]["id"]
    plane = client.plane(SHAPE[1], series=attacked, plane="axial", index=12)
    assert (plane[-11:] >= 900).any(), "SIMULATED"
    direct = mg.tamper(
        mg.read(client.studio.session.settings.scan or ""), "inject", position_mm=PLACE
    )
    assert (client.studio.session.shelf.get(attacked).scan.stored == direct.stored).all()
    again = client.work("/api/attack", {**wanted, "series": attacked})
    assert "tampered with already" in again["error"]
    client.work("/api/attack", {**wanted, "action": "remove"})
    names = [one["name"] for one in client.session()["series"] if one["simulated"]]
    assert names == ["removed: chest.nrrd", "removed: protected.nrrd"], "one attack at a time"
    client.work("/api/attack", {**wanted, "protected": ""})
    names = [one["name"] for one in client.session()["series"] if one["simulated"]]
    assert names == ["injected: chest.nrrd"], "nor is the other half of one kept beside the next"


@pytest.mark.slow
def test_no_address_makes_dicom_of_what_an_attacker_made(dicom: Client, tmp_path: Path) -> None:
    first = dicom.session()["series"][0]["id"]
    wanted = {"series": first, "action": "remove", "place": PLACE}
    attacked = dicom.work("/api/attack", wanted)["result"]["made"][0]["id"]
    paths = [
        route.path
        for route in Api(dicom.studio.session).routes()
        if "POST" in (route.methods or ()) and "{" not in route.path
    ]
    assert len(paths) > 8
    before = set(tmp_path.rglob("*"))
    for path in paths:
        if path in ("/api/close", "/api/open", "/api/files"):
            continue
        unnamed = path.removeprefix("/api/") in UNNAMED
        for name in ("",) if unnamed else ("dicom", "dicom.dcm", "simulated.nii.gz"):
            body = {"series": attacked} if unnamed else {"series": attacked, "name": name}
            if path == "/api/attack":
                body = {**wanted, "series": attacked}
            task = dicom.work(path, body)
            if path not in ("/api/lung", "/api/candidates"):
                ends = "done" if (path, name) == ("/api/export", "simulated.nii.gz") else "failed"
                assert task["state"] == ends, (path, name)
    written = [path for path in tmp_path.rglob("*") if path not in before]
    assert [path.name for path in written] == ["simulated.nii.gz"]
    saved = mg.read(written[0]).hu()
    assert all((part[-11:] >= 900).any() for part in saved), "SIMULATED in every slice"


def test_a_place_outside_the_body_is_refused_in_words(client: Client) -> None:
    first = client.session()["series"][0]["id"]
    far = (SPACING[2] * 47, SPACING[1] * 47, 0.0)
    task = client.work("/api/attack", {"series": first, "action": "inject", "place": far})
    assert task["state"] == "failed"
    assert "position" in task["error"]


def test_a_verification_is_told_again_and_forgotten_with_its_scan(
    scan: Scan, tmp_path: Path
) -> None:
    """To a page that is loaded anew, or to another one; no closed scan stays in memory for it."""
    phantom_series(scan, tmp_path / "chest")
    mg.Key(bytes(32)).save(tmp_path / "key")
    settings = StudioSettings(scan=tmp_path / "chest", key=tmp_path / "key")
    with running(settings) as studio:
        client = Client(studio)
        first = client.session()["series"][0]["id"]
        assert client.session()["verified"] == ""
        told = client.work("/api/verify", {"series": first})["result"]["verification"]
        wanted = {"series": first, "protector": "noise", "max_hu": 5}
        made = client.work("/api/protect", wanted)["result"]["series"]["id"]
        client.work("/api/verify", {"series": made})
        assert client.session()["verified"] == made
        assert client.ask(f"/api/verification?series={first}").json == told
        client.ask("/api/close", {"series": first})
        assert client.session()["verified"] == ""
        assert studio.session.verified == {}


def test_an_original_that_cannot_be_opened_is_written_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restore(settings: RestoreFile, **_: object) -> SimpleNamespace:
        shutil.copy(folder / "chest.nrrd", settings.out)
        return SimpleNamespace(original="ab" * 32, sealed=False, notes=("a note",))

    monkeypatch.setattr("mitsgan.studio.work.restoring.restore_file", restore)
    (folder / "key.pem").write_text("of no use here")
    settings = StudioSettings(
        scan=folder / "chest.nrrd", private_key=folder / "key.pem", output=folder / "out"
    )
    with running(settings) as studio:
        client = Client(studio)
        card = client.session()
        studio.session.shelf.limit = studio.session.shelf.used
        wanted = {"series": card["series"][0]["id"], "name": "back.nrrd"}
        task = client.work("/api/restore", wanted)
    assert task["state"] == "done"
    assert task["result"]["series"] is None
    _, note = task["result"]["notes"]
    assert note.startswith(f"It was written to {folder / 'out' / 'back.nrrd'}, but not opened: ")


def test_an_encrypted_key_is_asked_for_its_passphrase_which_nothing_repeats(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    encryption = serialization.BestAvailableEncryption(b"right")
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    (folder / "key.pem").write_bytes(key.private_bytes(*formats, encryption))
    settings = StudioSettings(
        scan=folder / "chest.nrrd", private_key=folder / "key.pem", output=folder / "out"
    )
    with running(settings) as studio:
        client = Client(studio)
        card = client.session()
        assert card["can"]["passphrase"]
        wanted = {"series": card["series"][0]["id"], "name": "back.nrrd"}
        assert "give its passphrase" in client.work("/api/restore", wanted)["error"]
        wrong = client.work("/api/restore", {**wanted, "passphrase": "Open-Sesame"})
        assert "wrong passphrase" in wrong["error"]
        assert "Open-Sesame" not in str(wrong)
        assert "Open-Sesame" not in str(vars(studio.session))
        right = client.work("/api/restore", {**wanted, "passphrase": "right"})
        assert right["state"] == "failed"
        assert "RSA" in right["error"], "it was opened, and is of another kind"
        odd = client.ask("/api/restore", {**wanted, "passphrase": ["Open-Sesame"]})
        assert odd.status == 400
    assert "Open-Sesame" not in caplog.text
    assert list((folder / "out").iterdir()) == []
