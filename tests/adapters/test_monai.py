"""MONAI's transforms: history and geometry are kept, attackers are named, bad input is told."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms.compose import Compose
from monai.transforms.intensity.dictionary import ScaleIntensityRanged
from monai.transforms.io.dictionary import LoadImaged, SaveImaged
from monai.transforms.post.dictionary import Invertd
from monai.transforms.spatial.dictionary import Orientationd, Spacingd
from tests.adapters.conftest import MAX_HU, SEED, Voxels, affine, channel

import mitsgan as mg
from mitsgan.adapters.monai import Protectd, Purifyd, Tamperd, Verifyd, scan_of_image
from mitsgan.evaluate.purify.purifiers import PurifierError, purify_scan
from mitsgan.files.dicom.phantom import phantom_series
from mitsgan.phantom.chest import chest
from mitsgan.scan.canonical import canonical

PLACE = (-70.0, 0.0, 0.0)


def image_of(scan: mg.Scan, **meta: Any) -> MetaTensor:
    return MetaTensor(channel(scan), affine=affine(scan), meta=meta)


def zyx(image: MetaTensor) -> Any:
    return image.as_tensor()[0].numpy().transpose(2, 1, 0)


def noise(**settings: Any) -> Protectd:
    return Protectd("ct", protector="noise", device="cpu", **settings)


def test_a_pipeline_is_inverted_through_a_protection(
    tmp_path: Path, body: mg.Scan, expected: Voxels
) -> None:
    mg.write(body, tmp_path / "ct.nii.gz")
    pipeline = Compose(
        [
            LoadImaged("ct", reader="NibabelReader", ensure_channel_first=True, image_only=True),
            Orientationd("ct", axcodes="PIR", labels=(("L", "R"), ("P", "A"), ("I", "S"))),
            Protectd("ct", seed=SEED, max_hu=MAX_HU, device="cpu"),
        ]
    )
    item = pipeline({"ct": tmp_path / "ct.nii.gz"})
    assert [done["class"] for done in item["ct"].applied_operations] == ["Orientation"]
    assert item["ct"].meta["filename_or_obj"].endswith("ct.nii.gz")
    assert "mits-gan" in item["ct"].meta["mitsgan_protection"].lower()
    back = Invertd("ct", pipeline, orig_keys="ct", nearest_interp=False)(item)["ct"]
    np.testing.assert_allclose(back.affine, body.geometry.affine, atol=1e-3)
    np.testing.assert_array_equal(zyx(back), expected)


def test_a_dicom_series_loaded_by_monai_is_protected_as_by_us(tmp_path: Path) -> None:
    phantom_series(chest((16, 64, 64), (6.0, 5.6, 5.6)), tmp_path / "series")
    load = LoadImaged("ct", reader="PydicomReader", ensure_channel_first=True, image_only=True)
    image = Compose([load, noise(seed=2)])({"ct": tmp_path / "series"})["ct"]
    ours = mg.protect(mg.read(tmp_path / "series"), protector="noise", seed=2).scan
    theirs = canonical(scan_of_image(image))
    assert theirs.geometry.spacing == pytest.approx(ours.geometry.spacing)
    assert theirs.geometry.origin == pytest.approx(ours.geometry.origin)
    np.testing.assert_array_equal(theirs.hu(), ours.hu())


def test_an_affine_that_is_lps_is_taken_as_such(body: mg.Scan, expected: Voxels) -> None:
    lps = torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0], dtype=torch.float64)) @ affine(body)
    image = MetaTensor(channel(body), affine=lps, meta={"space": "LPS"})
    item = Protectd("ct", seed=SEED, max_hu=MAX_HU, device="cpu")({"ct": image})
    np.testing.assert_array_equal(zyx(item["ct"]), expected)
    assert item["ct"].meta["space"] == "LPS"


def test_the_image_that_came_is_not_touched(body: mg.Scan) -> None:
    image = image_of(body)
    before = image.clone()
    item = {"ct": image, "label": "as it was"}
    result = noise()(item)
    assert torch.equal(image, before)
    assert item["ct"] is image
    assert "mitsgan_protection" not in image.meta
    assert result["label"] == "as it was"
    assert result["ct"].dtype == torch.float32


@pytest.mark.slow
def test_a_mark_made_in_monai_is_verified_there_and_by_the_door(tmp_path: Path) -> None:
    scan = chest((32, 160, 160), (2.5, 1.4, 1.4))
    key = mg.Key(bytes(range(32)))
    key.save(tmp_path / "site.key")
    protect = Protectd(
        "ct",
        key=tmp_path / "site.key",
        identity_key="series",
        protector="offset",
        max_hu=60,
        mark_hu=15,
        device="cpu",
    )
    item = {"ct": image_of(scan), "series": "1.2.3"}
    orient = Orientationd("ct", axcodes="SAR", labels=(("L", "R"), ("P", "A"), ("I", "S")))
    marked: Any = orient(protect(item))
    verifyd = Verifyd("ct", key=key, identity_key="series")
    intact = verifyd(marked)
    assert intact["ct_verdict"] == "intact"
    door = mg.verify(scan_of_image(marked["ct"]), key=key, identity="1.2.3")
    assert door.verdict == "intact"

    voxels = marked["ct"].clone()
    assert voxels.shape == (1, 32, 160, 160)
    voxels[0, 8:24, 70:102, 60:92] = voxels[0, 8:24, 70:102, 90:122].clone()
    forged = verifyd({**marked, "ct": voxels})
    assert forged["ct_verdict"] == "tampered"
    likely = forged["ct_tampered"]
    assert likely.shape == voxels.shape
    torch.testing.assert_close(likely.affine, marked["ct"].affine)
    inside = likely[0, 8:24, 70:102, 60:92].mean()
    assert inside > 10 * likely.mean()


def test_a_series_without_a_name_is_told(body: mg.Scan) -> None:
    key = mg.Key(bytes(32))
    with pytest.raises(mg.SettingsError, match="together"):
        Protectd("ct", key=key)
    with pytest.raises(mg.SettingsError, match="together"):
        Protectd("ct", identity_key="series")
    with pytest.raises(mg.SettingsError, match="Series Instance UID"):
        Verifyd("ct", key=key, identity_key="series")({"ct": image_of(body)})


def test_tampering_is_that_of_the_door_and_says_so(tmp_path: Path, small_chest: mg.Scan) -> None:
    mg.write(small_chest, tmp_path / "patient.nii.gz")
    pipeline = [
        LoadImaged("ct", reader="NibabelReader", ensure_channel_first=True, image_only=True),
        Orientationd("ct", axcodes="SPR", labels=(("L", "R"), ("P", "A"), ("I", "S"))),
    ]
    image = Compose(pipeline)({"ct": tmp_path / "patient.nii.gz"})["ct"]
    item = {"ct": image, "place": torch.tensor(PLACE)}
    attack = Tamperd("ct", "inject", attacker="smooth", position_key="place", device="cpu")
    simulated = attack(item)["ct"]
    ours = mg.tamper(small_chest, "inject", attacker="smooth", position_mm=PLACE, device="cpu")
    np.testing.assert_array_equal(canonical(scan_of_image(simulated)).hu(), canonical(ours).hu())
    assert simulated.meta["mitsgan_simulated"] == "inject by smooth"
    SaveImaged("ct", output_dir=tmp_path / "saved", print_log=False)({"ct": simulated})
    (written,) = (tmp_path / "saved").rglob("*.nii.gz")
    assert written.name.startswith("SIMULATED-patient")


def test_what_was_tampered_with_stays_so_through_a_protection(small_chest: mg.Scan) -> None:
    item = {"ct": image_of(small_chest)}
    simulated = Tamperd("ct", "remove", seed=1, device="cpu")(item)["ct"]
    assert simulated.meta["filename_or_obj"] == "SIMULATED-image.nii.gz"
    again = noise()({"ct": simulated})["ct"]
    assert again.meta["mitsgan_simulated"] == "remove by textured"
    assert again.meta["filename_or_obj"] == "SIMULATED-image.nii.gz"
    with pytest.raises(mg.OutputError, match="DICOM"):
        mg.write(scan_of_image(again), "folder")


@pytest.mark.parametrize("name", ["jpeg-75", "median", "noise-10hu"])
def test_purifying_is_that_of_the_table_in_any_orientation(body: mg.Scan, name: str) -> None:
    turn = Orientationd("ct", axcodes="ASL", labels=(("L", "R"), ("P", "A"), ("I", "S")))
    image = turn({"ct": image_of(body)})["ct"]
    purified = Purifyd("ct", name, seed=4)({"ct": image})["ct"]
    wanted = purify_scan(body, name, seed=4).hu()
    np.testing.assert_array_equal(canonical(scan_of_image(purified)).hu(), wanted)
    assert purified.meta["mitsgan_purified"] == name


def test_a_purifier_that_there_is_not_is_told() -> None:
    with pytest.raises(PurifierError, match="jpeg-75"):
        Purifyd("ct", "bleach")


def test_pending_operations_are_told_and_compose_applies_them(body: mg.Scan) -> None:
    spacing = Spacingd("ct", pixdim=(6.0, 6.0, 6.0), lazy=True)
    with pytest.raises(mg.ScanError, match="ApplyPendingd"):
        noise()(spacing({"ct": image_of(body)}))
    noisy = noise(plausible=False)  # interpolated padding is not
    item = Compose([spacing, noisy], lazy=True)({"ct": image_of(body)})
    assert not item["ct"].has_pending_operations
    spaced = scan_of_image(item["ct"], plausible=False)
    assert spaced.geometry.spacing == pytest.approx((6.0, 6.0, 6.0))


@pytest.mark.parametrize(
    "image, message",
    [
        (torch.zeros(1, 4, 4, 4), "LoadImaged"),
        (MetaTensor(torch.zeros(4, 4, 4)), "ensure_channel_first"),
        (MetaTensor(torch.zeros(2, 4, 4, 4)), "one channel"),
        (MetaTensor(torch.zeros(1, 4, 4, 4)), "normalised"),
        (MetaTensor(torch.zeros(1, 4, 4, 4).half()), "float32"),
    ],
)
def test_images_of_another_kind_are_told(image: torch.Tensor, message: str) -> None:
    with pytest.raises(mg.ScanError, match=message):
        noise()({"ct": image})


def test_a_normalised_image_is_refused_unless_it_is_meant(body: mg.Scan) -> None:
    scale = ScaleIntensityRanged("ct", a_min=-1000, a_max=1000, b_min=0.0, b_max=1.0)
    item = scale({"ct": image_of(body)})
    with pytest.raises(mg.ScanError, match="normalised"):
        noise()(item)
    moved = noise(plausible=False, max_hu=0.01)(item)["ct"] - item["ct"]
    assert 0 < float(moved.abs().max()) <= 0.0101


def test_a_transform_goes_to_another_process_and_gives_the_same(body: mg.Scan) -> None:
    transform = Protectd("ct", max_hu=3, seed=1, device="cpu")
    first = transform({"ct": image_of(body)})["ct"]
    copy = pickle.loads(pickle.dumps(transform))
    assert "protection" not in vars(copy)
    assert torch.equal(copy({"ct": image_of(body)})["ct"], first)


def test_missing_keys_and_wrong_settings() -> None:
    with pytest.raises(KeyError):
        noise()({})
    assert Protectd("ct", allow_missing_keys=True, protector="noise")({"x": 1}) == {"x": 1}
    with pytest.raises(mg.BudgetError):
        Protectd("ct", max_hu=-1)
    with pytest.raises(TypeError, match="max_HU"):
        Protectd("ct", max_HU=3)
