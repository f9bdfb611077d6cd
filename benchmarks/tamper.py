"""Speed of tampering: one position of a whole scan, and gradients of many at once.

The scan is noise of lung and the generator is untrained: neither voxels nor weights change the
time. See docs/attackers.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import torch
from torch import Tensor

from machine import load_average, machine
from mitsgan.attack import (
    Attacker,
    Cut,
    Equalization,
    Generator,
    Plan,
    TrainedAttacker,
    cut_plans,
    plan_attack,
    tamper,
    tamper_blocks,
    tamper_cut,
)
from mitsgan.networks.memory_format import channels_last
from speed import ROOT, Json, quantity

SPACING = (1.0, 0.7, 0.7)
MOST_SECONDS = 0.25
MOST_SHARE = 0.5
_PACKAGES = ("mitsgan", "torch", "numpy")


@dataclass(frozen=True)
class Case:
    """What is timed, in seconds of one call."""

    what: str
    call: Callable[[], object]


def noise(shape: Sequence[int]) -> Tensor:
    """A scan of lung alone, in HU."""
    random = torch.Generator().manual_seed(0)
    return torch.empty(tuple(shape)).normal_(-870, 40, generator=random)


def untrained(width: int) -> Attacker:
    """A remover of the published shape."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = Generator(width).eval().requires_grad_(False)
    bins = torch.linspace(-1100, 1500, 10_000)
    table = Equalization(bins, (bins + 1100) * 12, 15_000.0, 0.0, 31_200.0)
    return TrainedAttacker("remove", channels_last(generator), table)


def plans(scan: Tensor, count: int) -> list[Plan]:
    """Attacks in a row through the scan, all of their cubes inside."""
    z, y, x = (torch.linspace(n * 0.25, n * 0.75, count).int().tolist() for n in scan.shape)
    hu = scan.numpy()
    return [plan_attack(hu, SPACING, p, "remove") for p in zip(z, y, x, strict=True)]


def cases(scan: Tensor, attacker: Attacker, batch: int) -> dict[str, Case]:
    """All calls to time; those with gradients come as one position and as a batch."""
    many = plans(scan, batch)
    one = many[:1]
    cuts = {len(some): cut_plans(scan, some) for some in (one, many)}

    def tampered(in_place: bool) -> Tensor:
        with torch.no_grad():
            return tamper(scan, one[0], attacker, in_place=in_place)

    def to_scan(some: Sequence[Plan]) -> Tensor:
        leaf = scan.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(tamper_blocks(leaf, some, attacker).mean(), leaf)
        return gradient

    def to_blocks(cut: Cut) -> Tensor:
        leaf = cut.before.detach().requires_grad_(True)
        result = tamper_cut(replace(cut, before=leaf), attacker)
        (gradient,) = torch.autograd.grad(result.mean(), leaf)
        return gradient

    return {
        "plan": Case("plan an attack", lambda: plans(scan, 1)),
        "in_place": Case("tamper at one position, in place", lambda: tampered(True)),
        "copy": Case("tamper at one position of a copy of the scan", lambda: tampered(False)),
        "scan_one": Case("gradient in the whole scan, one position", lambda: to_scan(one)),
        "scan_batch": Case("gradient in the whole scan, the batch", lambda: to_scan(many)),
        "blocks_one": Case("gradient in blocks already cut, one", lambda: to_blocks(cuts[1])),
        "blocks_batch": Case("gradient in blocks already cut, all", lambda: to_blocks(cuts[batch])),
    }


def measure(timed: dict[str, Case], batch: int, repeats: int) -> Json:
    """Medians of ``repeats`` rounds through all cases, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for number in range(repeats + 1):
        for name, case in timed.items():
            start = perf_counter()
            case.call()
            if number:
                seconds[name].append(perf_counter() - start)
    measured = {
        name: {"what": timed[name].what, **quantity(values, "s")}
        for name, values in seconds.items()
    }
    share = {
        where: measured[f"{where}_batch"]["median"] / (batch * measured[f"{where}_one"]["median"])
        for where in ("scan", "blocks")
    }
    return {
        "measured": measured,
        "targets": {
            "tamper_in_place": _target(measured["in_place"]["median"], "s", MOST_SECONDS),
            "batch_over_singles_in_scan": _target(share["scan"], "1", MOST_SHARE),
            "batch_over_singles_in_blocks": _target(share["blocks"], "1"),
        },
    }


def _target(value: float, unit: str, most: float | None = None) -> Json:
    target: Json = {"value": round(value, 4), "unit": unit}
    return target if most is None else {**target, "target_at_most": most, "met": value <= most}


def table(result: Json) -> str:
    """The result for people."""
    shape = result["scan"]["shape"]
    lines = [f"scan {shape} [z, y, x], {result['threads']} threads, batch {result['batch']}"]
    for row in result["measured"].values():
        lines.append(f"  {row['what']:46}{row['median']:9.3f} s")
    for name, row in result["targets"].items():
        said = ""
        if "met" in row:
            outcome = "met" if row["met"] else "missed"
            said = f"  (target at most {row['target_at_most']:g}: {outcome})"
        lines.append(f"  {name.replace('_', ' '):46}{row['value']:9.3f}{said}")
    return "\n".join(lines)


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed of tampering with a scan.")
    add = parser.add_argument
    add("--shape", type=int, nargs=3, default=(300, 512, 512), help="of the scan, z y x")
    add("--width", type=int, default=16, help="base filters of the generator")
    add("--batch", type=int, default=16, help="positions at once")
    add("--repeats", type=int, default=5, help="how often each is run")
    add("--threads", type=int, default=torch.get_num_threads(), help="for torch")
    add("--output", type=Path, default=ROOT / "docs" / "results" / "tamper-speed.json")
    arguments = parser.parse_args(argv)
    if min(arguments.width, arguments.repeats, arguments.threads) < 1 or arguments.batch < 2:
        parser.error("--width, --repeats and --threads must be 1 or more, --batch 2 or more")
    if any(n * s < 64 for n, s in zip(arguments.shape, SPACING, strict=True)):
        parser.error(f"--shape must be 64 mm or more along every axis, at {SPACING} mm a voxel")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the JSON, print the table; the exit code."""
    arguments = arguments_of(argv)
    torch.set_num_threads(arguments.threads)
    scan = noise(arguments.shape)
    before = load_average()
    timed = cases(scan, untrained(arguments.width), arguments.batch)
    result: Json = {
        "schema": 1,
        "kind": "tamper-speed",
        "machine": machine(),
        "load_average_before": before,
        "versions": {name: version(name) for name in _PACKAGES},
        "scan": {"shape": list(arguments.shape), "spacing_mm": list(SPACING)},
        "width": arguments.width,
        "batch": arguments.batch,
        "repeats": arguments.repeats,
        "threads": arguments.threads,
        "device": "cpu",
        **measure(timed, arguments.batch, arguments.repeats),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    print(f"{table(result)}\n\nwritten to {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
