"""What the page gets: planes, differences, layers, files, and errors in words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from tests.studio.client import Client
from tests.studio.conftest import SHAPE, SPACING

import mitsgan as mg
from mitsgan.scan.scan import Scan
from mitsgan.settings import DEFAULT_PROTECTOR
from mitsgan.studio.server import running
from mitsgan.studio.settings import StudioSettings


def test_both_scans_are_opened_and_belong_together(client: Client) -> None:
    card = client.session()
    first, second = card["series"]
    assert (first["name"], first["role"]) == ("chest.nrrd", "scan")
    assert (second["role"], second["original"]) == ("protected", first["id"])
    assert (second["max_hu"], second["max_hu_is"]) == (7, "measured")
    assert (first["max_hu"], first["max_hu_is"]) == (None, "unknown")
    assert first["shape"] == list(SHAPE)
    assert first["spacing"] == list(SPACING)
    assert first["ends"] == [["F", "H"], ["A", "P"], ["R", "L"]]
    assert card["memory"]["used"] == 2 * 2 * np.prod(SHAPE)
    assert card["can"] == {
        "save": True,
        "mark": False,
        "restore": False,
        "passphrase": False,
    }
    assert set(card["draw"]["windows"]) == {"lung", "mediastinal", "bone"}


def test_a_scan_that_was_named_and_cannot_be_opened_is_told_whenever_it_is_asked(
    folder: Path,
) -> None:
    """The page is loaded long after a damaged file was given up: it said that nothing is open."""
    (folder / "damaged.nii.gz").write_bytes(b"no NIfTI")
    settings = StudioSettings(scan=folder / "damaged.nii.gz", protected=folder / "protected.nrrd")
    with running(settings) as studio:
        client = Client(studio)
        for _ in range(2):
            (error,) = client.session()["not_opened"]
            assert "damaged.nii.gz cannot be read as NIfTI" in error
        assert [one["name"] for one in client.session()["series"]] == ["protected.nrrd"]


def test_the_page_learns_who_protects_by_default(client: Client) -> None:
    names = client.ask("/api/names").json
    assert names["protector"] == DEFAULT_PROTECTOR
    assert names["protector"] in names["protectors"]


def test_planes_are_the_hu_themselves_with_the_head_on_top(client: Client, scan: Scan) -> None:
    first = client.session()["series"][0]["id"]
    hu = np.rint(scan.hu()).astype(int)
    axial = client.plane(96, series=first, plane="axial", index=11)
    assert (axial == hu[11]).all()
    coronal = client.plane(24, series=first, plane="coronal", index=40)
    assert (coronal == hu[::-1, 40]).all()
    sagittal = client.plane(24, series=first, plane="sagittal", index=33)
    assert (sagittal == hu[::-1, :, 33]).all()


def test_a_difference_is_the_second_less_the_first(client: Client) -> None:
    first, second = (one["id"] for one in client.session()["series"])
    moved = client.plane(96, series=second, plane="axial", index=11, minus=first)
    assert (moved[40:50, 30:40] == 7).all()
    assert np.count_nonzero(moved) == 100


def test_the_lung_becomes_a_layer(client: Client, scan: Scan) -> None:
    first, second = (one["id"] for one in client.session()["series"])
    task = client.work("/api/lung", {"series": first})
    assert task["state"] == "done"
    assert task["result"]["series"]["layers"] == ["lung"]
    values = {"series": first, "name": "lung", "over": second, "plane": "axial", "index": 12}
    answer = client.ask(f"/api/layer?{urlencode(values)}")
    inside = np.frombuffer(answer.body, np.uint8).reshape(96, 96) > 0
    assert 0.1 < inside.mean() < 0.5
    assert scan.hu()[12][inside].mean() < -600
    assert client.ask(f"/api/layer?{urlencode({**values, 'name': 'x'})}").status == 400


def test_files_are_listed_and_opened_below_named_folders_alone(
    client: Client, folder: Path
) -> None:
    client.session()
    (folder.parent / "secret.nrrd").write_bytes(b"any")
    (folder / "link.nrrd").symlink_to(folder.parent / "secret.nrrd")
    (folder / "site.crt").touch()
    listing = client.ask("/api/files", {"root": 0}).json
    assert listing["folders"] == ["out"]
    assert "site.crt" not in listing["files"], "no scan"
    assert "chest.nrrd" in listing["files"]
    assert client.work("/api/open", {"root": 0, "below": "chest.nrrd"})["state"] == "done"
    for below in ("../secret.nrrd", "link.nrrd", str(folder.parent / "secret.nrrd"), "none", "\0"):
        answer = client.ask("/api/open", {"root": 0, "below": below})
        assert answer.status == 400, below
        assert "folder" in answer.json["error"]
    assert client.ask("/api/open", {"root": 9}).status == 400


def test_names_that_are_no_utf8_are_listed_and_opened(client: Client, folder: Path) -> None:
    """Such as those of an archive that was packed elsewhere, in Latin-1."""
    client.session()
    name = os.fsdecode(b"R\xf6ntgen")
    (folder / name).mkdir()
    mg.write(mg.read(folder / "chest.nrrd"), folder / name / f"{name}.nii.gz")
    assert name in client.ask("/api/files", {"root": 0}).json["folders"]
    inside = {"root": 0, "below": name}
    assert client.ask("/api/files", inside).json["files"] == [f"{name}.nii.gz"]
    opened = client.work("/api/open", {"root": 0, "below": f"{name}/{name}.nii.gz"})
    assert opened["result"]["series"]["name"].startswith(name)
    assert client.session()["series"][-1]["id"] == opened["result"]["series"]["id"]
    shutil.copy(folder / "chest.nrrd", folder / name / "chest.nrrd")
    failed = client.work("/api/open", {"root": 0, "below": f"{name}/chest.nrrd"})
    assert name in failed["error"]


def test_what_a_scan_is_made_of_lies_below_named_folders_too(client: Client, folder: Path) -> None:
    """A folder of links, and headers that say where voxels are, lead elsewhere as well."""
    secret = folder.parent / f"{folder.name}-secret"
    secret.mkdir()
    (secret / "voxels.raw").write_bytes(bytes(2 * 8**3))
    header = "ObjectType = Image\nNDims = 3\nDimSize = 8 8 8\nElementType = MET_SHORT\n"
    names = {"absolute": str(secret / "voxels.raw"), "relative": f"../{secret.name}/voxels.raw"}
    names |= {"list": f"LIST\n{secret}/voxels.raw", "link": "link.raw"}
    (folder / "link.raw").symlink_to(secret / "voxels.raw")
    for name, where in names.items():
        (folder / f"{name}.mhd").write_text(f"{header}ElementDataFile = {where}\n")
    (folder / "series").mkdir()
    (folder / "series" / "1.dcm").symlink_to(secret / "voxels.raw")
    (folder / "deep").mkdir()
    (folder / "list.mhd").rename(folder / "deep" / "list.mhd")
    for below in ("series", "absolute.mhd", "relative.mhd", "link.mhd", "deep/list.mhd"):
        answer = client.ask("/api/open", {"root": 0, "below": below})
        assert answer.status == 400, below
        assert "not below a folder" in answer.json["error"]
    (folder / "own.raw").write_bytes(bytes(2 * 8**3))
    (folder / "own.mhd").write_text(f"{header}ElementDataFile = own.raw\n")
    assert client.ask("/api/open", {"root": 0, "below": "own.mhd"}).status == 200


def test_a_closed_scan_gives_its_memory_back(client: Client) -> None:
    first = client.session()["series"][0]["id"]
    card = client.ask("/api/close", {"series": first}).json
    assert [one["role"] for one in card["series"]] == ["protected"]
    assert card["memory"]["used"] == 2 * np.prod(SHAPE)
    values = urlencode({"series": first, "plane": "axial", "index": 0})
    assert "not open" in client.ask(f"/api/plane?{values}").json["error"]


def test_what_cannot_be_verified_says_what_is_missing(client: Client) -> None:
    first = client.session()["series"][0]["id"]
    task = client.work("/api/verify", {"series": first})
    assert task["state"] == "failed"
    assert "nothing to verify by" in task["error"]
    assert client.ask(f"/api/report?series={first}").status == 400


def test_a_volume_is_thinned_out_where_it_is_large(
    client: Client, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mitsgan.studio import api

    first = client.session()["series"][0]["id"]
    monkeypatch.setattr(api, "MOST_VOLUME_VOXELS", 60_000)
    answer = client.ask(f"/api/volume?series={first}")
    assert answer.headers["x-step"] == "1,2,2"
    values = np.frombuffer(answer.body, "<i2").reshape(24, 48, 48)
    assert (values == np.rint(scan.hu())[:, ::2, ::2]).all()


@pytest.mark.parametrize(
    "path",
    [
        "/api/plane?series=x&plane=axial&index=0",
        "/api/plane?series={id}&plane=axial&index=24",
        "/api/plane?series={id}&plane=axial&index=-1",
        "/api/plane?series={id}&plane=other&index=1",
        "/api/plane?series={id}&plane=axial&index=%C2%B2",
        "/api/verification?series={id}",
        "/api/task/none",
    ],
)
def test_what_is_not_there_is_told_in_words(client: Client, path: str) -> None:
    first = client.session()["series"][0]["id"]
    answer = client.ask(path.format(id=first))
    assert answer.status == 400
    assert answer.json["error"]
