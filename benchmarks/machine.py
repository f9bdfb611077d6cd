"""What kind of machine a benchmark ran on: its class, nothing that tells which one it was."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")
"""What decides how fast convolutions are, and in which precision."""


def machine() -> dict[str, object]:
    """Operating system, processor class, cores and memory."""
    text = _read(Path("/proc/cpuinfo"))
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    present = set(flags[1].split()) if flags else set()
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "cpu": model[1].strip() if model else platform.processor() or "unknown",
        "cpu_flags": [flag for flag in _FLAGS if flag in present],
        "cores": _cores(),
        "memory_gb": round(_memory() / 1e9, 1),
    }


def load_average() -> float:
    """Processes that wanted a core in the last minute: well above 0, and timings are polluted."""
    return round(os.getloadavg()[0], 2)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
