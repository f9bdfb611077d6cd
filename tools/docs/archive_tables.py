"""Tables of what an archive costs, and what large ones take, from the JSON of its benchmark."""

from __future__ import annotations

from typing import Any

from drawing import plain
from result_tables import read_result

Json = dict[str, Any]

_LIMITS = {"processors": "processors", "disks": "the shared disks", "ledger": "the ledger"}


_RUNS = {
    "local": "local processes",
    "ray": "Ray, two nodes",
    "slurm": "Slurm, two nodes",
    "moved": "Ray, then Slurm, then local processes",
}
_COUNTS = {
    "done": "done",
    "refused": "refused",
    "failed_or_open": "failed or left",
    "entered_twice": "entered twice",
    "outputs_missing": "outputs missing",
    "outputs_that_differ": "outputs that differ",
    "files_beside": "other files",
    "begun_again": "begun again",
}


def campaign() -> str:
    """What was killed of every engine, and what became of the series."""
    counts = read_result("archive-campaign")["counts"]
    rows = []
    for name, words in _RUNS.items():
        count = counts[name]
        kills = ", ".join(f"{kind} {number}" for kind, number in sorted(count["kills"].items()))
        rows.append((words, kills, *(str(count[key]) for key in _COUNTS)))
    return plain(("engine", "killed", *_COUNTS.values()), rows)


def speed() -> str:
    """One core and two, beside the single command."""
    result = read_result("archive-speed")
    rows, bars = result["side_by_side"], result["bars"]
    seconds = rows["seconds"]
    return plain(
        (f"{rows['series']} series, in {rows['turns']} turns", "measured", "target"),
        [
            ("`protect` without its start, per series", _seconds(seconds["protect"]), ""),
            ("of it processors", _seconds(seconds["protect_cpu"]), ""),
            ("one worker, per series", _seconds(seconds["one"]), ""),
            ("of it processors", _seconds(seconds["worker_cpu"]), ""),
            ("two workers, per series", _seconds(seconds["two"]), ""),
            _bar("one worker / two workers", rows["speedup"], f"at least {bars['speedup']:g}"),
            _bar(
                "one worker / `protect`",
                rows["times_protect"],
                f"at most {bars['times_protect']:g}",
            ),
            _bar("the same, processors", rows["times_protect_cpu"], ""),
            _bar(
                "beside the work: ledger and engine",
                rows["overhead"],
                f"at most {100 * bars['overhead']:g} %",
                percent=True,
            ),
            _bar("the same, processors", rows["overhead_cpu"], "", percent=True),
            (
                f"load of the {result['machine']['cores']} cores before",
                f"{result['load_average']:.1f}",
                "",
            ),
        ],
    )


def ledger() -> str:
    """What a large ledger gets through."""
    result = read_result("archive-speed")
    return plain(
        ("processes that want it at once", "transactions per second"),
        [(str(row["processes"]), f"{row['per_second']:.0f}") for row in result["ledger"]],
    )


def simulation() -> str:
    """Large archives on many machines."""
    result = read_result("archive-speed")["simulation"]
    rows = []
    for row in result["rows"]:
        shares = (f"{100 * row[name]:.0f} %" for name in ("processors", "disks", "ledger"))
        rows.append(
            (
                str(row["nodes"]),
                f"{row['disk_mb_s'] / 1000:g} GB/s",
                f"{row['hours']:.1f} h",
                *shares,
                _LIMITS[row["limit"]],
            )
        )
    header = ("nodes", "shared disks", f"{result['series']:,} series take")
    return plain((*header, "processors busy", "disks busy", "ledger busy", "limit"), rows)


def _seconds(value: Json) -> str:
    return f"{value['median']:.2f} s"


def _bar(name: str, value: Json, target: str, *, percent: bool = False) -> tuple[str, str, str]:
    """A row: the median, and what the turns were."""

    def told(number: float) -> str:
        return f"{100 * number:.1f} %" if percent else f"{number:.2f}"

    ends = f" ({told(min(value['values']))} to {told(max(value['values']))})"
    return f"**{name}**", told(value["median"]) + ends, target
