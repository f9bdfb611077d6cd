"""A checkpoint as LeFusion's training saves it, of any width: its names and shapes, stated apart.

Read off the release (github.com/M3DV/LeFusion), not off the package: what the package expects is
held to this. Values are sines, so that anybody can make the same ones again.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


def network_shapes(width: int, multiples: tuple[int, ...], heads: int, per_head: int) -> Shapes:
    """Names and shapes of the network's tensors, in the order of their names."""
    inner, told = heads * per_head, 4 * width + 16
    steps = list(pairwise((width, *(width * m for m in multiples))))
    widest = steps[-1][1]
    shapes: Shapes = {
        "null_cond_emb": (1, 16),
        "time_rel_pos_bias.relative_attention_bias.weight": (32, heads),
        **layer("init_conv", (width, 1, 1, 7, 7)),
        **among("init_temporal_attn", width, inner, per_head),
        **layer("time_mlp.1", (4 * width, width)),
        **layer("time_mlp.3", (4 * width, 4 * width)),
        **block("mid_block1", widest, widest, told),
        **among("mid_spatial_attn", widest, inner, 0),
        **among("mid_temporal_attn", widest, inner, per_head),
        **block("mid_block2", widest, widest, told),
        **block("final_conv.0", 2 * width, width, 0),
        **layer("final_conv.1", (1, width, 1, 1, 1)),
    }
    ups = [(2 * many, few) for few, many in reversed(steps)]
    for stack, levels in (("downs", steps), ("ups", ups)):
        for n, (before, after) in enumerate(levels):
            at = f"{stack}.{n}"
            shapes |= block(f"{at}.0", before, after, told) | block(f"{at}.1", after, after, told)
            shapes[f"{at}.2.fn.norm.gamma"] = (1, after, 1, 1, 1)
            shapes[f"{at}.2.fn.fn.to_qkv.weight"] = (3 * inner, after, 1, 1)
            shapes |= layer(f"{at}.2.fn.fn.to_out", (after, inner, 1, 1))
            shapes |= among(f"{at}.3", after, inner, per_head)
            if n < len(levels) - 1:
                shapes |= layer(f"{at}.4", (after, after, 1, 4, 4))
    return dict(sorted(shapes.items()))


def layer(at: str, weight: tuple[int, ...]) -> Shapes:
    """Weights and biases; of a transposed convolution, too, whose channels are as many."""
    return {f"{at}.weight": weight, f"{at}.bias": weight[:1]}


def among(at: str, channels: int, inner: int, turned: int) -> Shapes:
    """Attention among tokens; ``turned`` channels of each head know their place."""
    shapes: Shapes = {
        f"{at}.fn.norm.gamma": (1, channels, 1, 1, 1),
        f"{at}.fn.fn.fn.to_qkv.weight": (3 * inner, channels),
        f"{at}.fn.fn.fn.to_out.weight": (channels, inner),
    }
    return shapes | ({f"{at}.fn.fn.fn.rotary_emb.freqs": (turned // 2,)} if turned else {})


def block(at: str, before: int, after: int, told: int) -> Shapes:
    """Two convolutions; ``told`` numbers scale and shift between them."""
    shapes: Shapes = layer(f"{at}.mlp.1", (2 * after, told)) if told else {}
    for name, channels in (("block1", before), ("block2", after)):
        shapes |= layer(f"{at}.{name}.proj", (after, channels, 1, 3, 3))
        shapes |= layer(f"{at}.{name}.norm", (after,))
    return shapes | (layer(f"{at}.res_conv", (after, before, 1, 1, 1)) if before != after else {})


def value(name: str, shape: tuple[int, ...], number: int) -> Tensor:
    """A tensor of sines, as large as layers begin; frequencies as they are published."""
    if name.endswith("rotary_emb.freqs"):
        return 10_000.0 ** -(torch.arange(shape[0]) / shape[0])
    count = int(torch.Size(shape).numel())
    waves = torch.sin(0.37 * torch.arange(count, dtype=torch.float64) + number).float()
    if name.endswith(("norm.weight", "gamma")):
        return 1 + 0.1 * waves.reshape(shape)
    size = (count // shape[0]) ** -0.5 if len(shape) > 1 else 0.1
    return size * waves.reshape(shape)


def schedule(n: int) -> dict[str, Tensor]:
    """The tensors of the cosine schedule of ``n`` steps."""
    x = torch.linspace(0, n, n + 1, dtype=torch.float64) / n
    kept = torch.cos((x + 0.008) / 1.008 * torch.pi / 2) ** 2
    added = torch.clip(1 - kept[1:] / kept[:-1], 0, 0.9999)
    kept = torch.cumprod(1 - added, 0)
    before = torch.cat((torch.ones(1), kept[:-1]))
    variance = added * (1 - before) / (1 - kept)
    tensors = {
        "betas": added,
        "alphas_cumprod": kept,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": kept.sqrt(),
        "sqrt_one_minus_alphas_cumprod": (1 - kept).sqrt(),
        "log_one_minus_alphas_cumprod": (1 - kept).log(),
        "sqrt_recip_alphas_cumprod": (1 / kept).sqrt(),
        "sqrt_recipm1_alphas_cumprod": (1 / kept - 1).sqrt(),
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp_min(1e-20).log(),
        "posterior_mean_coef1": added * before.sqrt() / (1 - kept),
        "posterior_mean_coef2": (1 - before) * (1 - added).sqrt() / (1 - kept),
    }
    return {name: tensor.float() for name, tensor in tensors.items()}


def checkpoint(
    width: int = 8,
    multiples: tuple[int, ...] = (1, 2),
    heads: int = 2,
    per_head: int = 8,
    *,
    steps: int = 300,
    prefix: str = "denoise_fn.module.",
) -> dict[str, Any]:
    """What is saved; as published, width is 64, multiples 1, 2, 4, 8, and 8 heads have 32 each."""
    shapes = network_shapes(width, multiples, heads, per_head)
    named = enumerate(shapes.items())
    state = {prefix + name: value(name, shape, number) for number, (name, shape) in named}
    model = OrderedDict({**schedule(steps), **state})
    average = OrderedDict((name, 0.5 * tensor) for name, tensor in model.items())
    return {"step": 50_000, "model": model, "ema": average, "scaler": {}}
