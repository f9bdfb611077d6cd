"""What the layers of LeFusion's network are called in its release, and what they are here.

Facts of the release (github.com/M3DV/LeFusion, `LeFusion/ddpm/diffusion.py`), whose state names
every tensor by the modules that it lies in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from torch import Tensor

SCHEDULE = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
)
"""Tensors of the schedule, beside the network; all follow from the first."""

NO_HISTOGRAM = "null_cond_emb"
"""What stands for a histogram where none is given; the release samples without it."""

TURNS = "rotary_emb.freqs"
"""What names of frequencies end in: those of attention along slices, the same everywhere."""

_WITHIN = {"norm.gain": "fn.norm.gamma", "qkv": "fn.fn.to_qkv", "out": "fn.fn.to_out"}
_AMONG = {"norm.gain": "fn.norm.gamma", "qkv": "fn.fn.fn.to_qkv", "out": "fn.fn.fn.to_out"}
_BLOCK = {
    "told": "mlp.1",
    "convolution_in": "block1.proj",
    "norm_in": "block1.norm",
    "convolution_out": "block2.proj",
    "norm_out": "block2.norm",
    "skip": "res_conv",
}

_OF_A_LEVEL: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "block_in": ("0", _BLOCK),
        "block_out": ("1", _BLOCK),
        "within": ("2", _WITHIN),
        "along": ("3", _AMONG),
        "change": ("4", {}),
    }
)

_OF_THE_NETWORK: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "apart": ("time_rel_pos_bias", {"table": "relative_attention_bias.weight"}),
        "first": ("init_conv", {}),
        "first_along": ("init_temporal_attn", _AMONG),
        "time": ("time_mlp", {"0": "1", "2": "3"}),
        "middle_in": ("mid_block1", _BLOCK),
        "middle_within": ("mid_spatial_attn", _AMONG),
        "middle_along": ("mid_temporal_attn", _AMONG),
        "middle_out": ("mid_block2", _BLOCK),
        "last_block": ("final_conv.0", _BLOCK),
        "last": ("final_conv.1", {}),
    }
)
"""What a module is called, and what its parts are; where parts are not named, they are alike."""


def published(name: str) -> str:
    """What the release calls the tensor that `LesionUNet.state_dict` calls ``name``.

    ``down.1.block_in.told.weight`` is ``downs.1.0.mlp.1.weight``.
    """
    module, rest = name.split(".", 1)
    if module in ("down", "up"):
        level, part, rest = rest.split(".", 2)
        called, inner = _OF_A_LEVEL[part]
        called = f"{module}s.{level}.{called}"
    else:
        called, inner = _OF_THE_NETWORK[module]
    for ours, theirs in inner.items():
        if rest == ours or rest.startswith(f"{ours}."):
            rest = theirs + rest.removeprefix(ours)
            break
    return f"{called}.{rest}"


def published_shape(name: str, tensor: Tensor) -> tuple[int, ...]:
    """The shape of a tensor there: attention within slices has convolutions for its matrices."""
    convolved = ".within." in name and name.endswith(".weight")
    return (*tensor.shape, 1, 1) if convolved else tuple(tensor.shape)


def turns(names: Iterable[str]) -> set[str]:
    """What the release calls the frequencies of a network whose tensors are ``names`` here."""
    queries = [published(name) for name in names if name.endswith("along.qkv.weight")]
    return {name.removesuffix("to_qkv.weight") + TURNS for name in queries}
