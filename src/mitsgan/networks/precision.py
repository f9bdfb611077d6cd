"""What devices compute in."""

from __future__ import annotations

import torch


def has_native_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is fast there; elsewhere it is emulated, and slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # new in 2.9
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def half_where_fast(device: torch.device) -> torch.autocast:
    """A context in which networks compute in bfloat16, if the device does so natively."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_native_bfloat16(device))
