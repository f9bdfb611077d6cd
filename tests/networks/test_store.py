from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from mitsgan.errors import WeightsError
from mitsgan.networks import Card, Precision, load_weights, save_weights, shipped

_CARD: Card = {"kind": "protector", "name": "tiny", "licence": "MIT", "config": {"width": [1, 2]}}


def _tensors() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn((4, 3, 2, 2, 2), generator=random),
        "conv.bias": torch.randn((4,), generator=random),
        "norm.count": torch.tensor(7),
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound file."""
    path = tmp_path / "tiny.safetensors"
    save_weights(path, _tensors(), _CARD)
    return path


def _refusal(path: Path, kind: str = "protector") -> str:
    with pytest.raises(WeightsError) as caught:
        load_weights(path, kind)
    assert str(path) in str(caught.value)
    return str(caught.value)


def _with_card(path: Path, **changes: object) -> None:
    """The same tensors under another card, the checksum as it was."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        card = json.loads(file.metadata()["mitsgan"])
    card = {k: v for k, v in {**card, **changes}.items() if v is not None}
    save_file(tensors, path, metadata={"mitsgan": json.dumps(card)})


def test_round_trip(path: Path) -> None:
    tensors, card = load_weights(path, "protector")
    before = _tensors()
    assert set(tensors) == set(before)
    assert torch.equal(tensors["conv.bias"], before["conv.bias"])
    assert torch.equal(tensors["norm.count"], torch.tensor(7))
    assert _CARD.items() <= card.items()


def test_kernels_are_kept_in_half_precision_and_come_back_as_single(path: Path) -> None:
    kernel, before = load_weights(path, "protector")[0]["conv.weight"], _tensors()["conv.weight"]
    assert kernel.dtype == torch.float32
    assert torch.equal(kernel, before.half().float())
    with safe_open(path, framework="pt") as file:
        assert file.get_tensor("conv.weight").dtype == torch.float16
        assert file.get_tensor("conv.bias").dtype == torch.float32


def test_saving_again_what_was_loaded_changes_nothing(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save_weights(again, *load_weights(path, "protector"))
    assert again.read_bytes() == path.read_bytes()


def test_tensors_may_lie_in_memory_in_any_order(tmp_path: Path) -> None:
    kernel = _tensors()["conv.weight"]
    other = kernel.to(memory_format=torch.channels_last_3d)
    plain, laid = tmp_path / "plain.safetensors", tmp_path / "laid.safetensors"
    save_weights(plain, {"k": kernel}, _CARD)
    save_weights(laid, {"k": other}, _CARD)
    assert laid.read_bytes() == plain.read_bytes()


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "tiny.safetensors"
    save_weights(path, _tensors(), _CARD)
    assert load_weights(path, "protector")[1]["name"] == "tiny"


def test_one_flipped_bit_is_found(path: Path) -> None:
    content = bytearray(path.read_bytes())
    header = struct.unpack("<Q", content[:8])[0]
    for place in (8 + header, len(content) - 1):
        damaged = bytearray(content)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        text = _refusal(path)
        assert "checksum" in text
        assert "fetch or build the weights again" in text


def test_a_tensor_under_another_name_or_shape_is_found(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    renamed = {name.replace("conv", "other"): tensor for name, tensor in tensors.items()}
    save_file(renamed, path, metadata=metadata)
    assert "checksum" in _refusal(path)
    shaped = {**tensors, "conv.bias": tensors["conv.bias"].reshape(2, 2)}
    save_file(shaped, path, metadata=metadata)
    assert "checksum" in _refusal(path)


def test_no_such_file(tmp_path: Path) -> None:
    text = _refusal(tmp_path / "absent.safetensors")
    assert "no such weights file" in text
    assert "give the path" in text


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    assert "no such weights file" in _refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not these", b"\xff" * 64])
def test_another_kind_of_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    text = _refusal(path)
    assert "not a readable safetensors file" in text
    assert "fetch or build the weights again" in text


def test_a_truncated_file(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])
    assert "not a readable safetensors file" in _refusal(path)


@pytest.mark.parametrize("metadata", [None, {"other": "x"}, {"mitsgan": "{"}, {"mitsgan": "[]"}])
def test_safetensors_without_a_card(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "bare.safetensors"
    save_file(_tensors(), path, metadata=metadata)
    text = _refusal(path)
    assert "carries no mitsgan card" in text
    assert "mitsgan train" in text


@pytest.mark.parametrize("missing", ["kind", "sha256"])
def test_a_card_without_what_it_must_say(path: Path, missing: str) -> None:
    _with_card(path, **{missing: None})
    assert "carries no mitsgan card" in _refusal(path)


def test_weights_of_another_kind(path: Path) -> None:
    text = _refusal(path, "attacker")
    assert "weights of a protector" in text
    assert "an attacker is needed" in text


def test_a_newer_format(path: Path) -> None:
    _with_card(path, format=2)
    text = _refusal(path)
    assert "format 2" in text
    assert "update mitsgan" in text


def test_a_wrong_checksum_in_the_card(path: Path) -> None:
    _with_card(path, sha256="0" * 64)
    assert "the card says 000000000000..." in _refusal(path)


def test_shipped_weights_lie_in_the_package() -> None:
    path = shipped("mitsgan")
    assert path.name == "mitsgan.safetensors"
    assert path.parent.name == "pretrained"


def test_int8_keeps_each_channel_to_half_a_step_of_its_own(tmp_path: Path) -> None:
    torch.manual_seed(0)
    kernel = torch.randn(5, 3, 4, 4, 4) * torch.logspace(-3, 2, 5)[:, None, None, None, None]
    kernel[2] = 0
    tensors = {"kernel": kernel, "bias": torch.randn(5), "count": torch.tensor(7)}
    path = tmp_path / "small.safetensors"
    save_weights(path, tensors, {"kind": "attacker"}, precision="int8")
    loaded, card = load_weights(path, "attacker")
    assert card["precision"] == "int8"
    assert set(loaded) == set(tensors)
    step = kernel.abs().flatten(1).amax(1) / 127
    error = (loaded["kernel"] - kernel).abs().flatten(1).amax(1)
    assert bool((error <= step / 2 * 1.001).all())
    torch.testing.assert_close(loaded["bias"], tensors["bias"], atol=0, rtol=0)
    assert int(loaded["count"]) == 7


def test_float32_keeps_every_bit(tmp_path: Path) -> None:
    tensors = {"kernel": torch.randn(2, 3) * 1e-7}
    path = tmp_path / "exact.safetensors"
    save_weights(path, tensors, {"kind": "attacker"}, precision="float32")
    torch.testing.assert_close(
        load_weights(path, "attacker")[0]["kernel"], tensors["kernel"], atol=0, rtol=0
    )


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_weights_that_are_no_numbers_are_not_written(tmp_path: Path, precision: Precision) -> None:
    path = tmp_path / "w.safetensors"
    kernel = torch.ones(4, 4)
    kernel[1, 2] = torch.nan
    with pytest.raises(WeightsError, match=r"^a\.weight holds values that are no numbers"):
        save_weights(path, {"a.weight": kernel}, {"kind": "test"}, precision=precision)
    assert not path.exists()
