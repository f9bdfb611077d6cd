"""Which weights ship with the package, and which can be fetched."""

from __future__ import annotations

from pathlib import Path

from mitsgan.evaluate.metrics.backbone import cached_backbone
from mitsgan.evaluate.report.table import Column, Table
from mitsgan.networks import read_card, shipped

_COLUMNS = (
    Column("name", "name"),
    Column("kind", "kind"),
    Column("megabytes", "size", "MB", digits=1),
    Column("sha256", "sha256"),
    Column("licence", "licence"),
)


def list_weights() -> Table:
    """Weights by name, with the checksum and the licence of their cards."""
    files = sorted(shipped("").parent.glob("*.safetensors"))
    rows = [row for file in files if (row := _row(file)) is not None]
    backbone = cached_backbone()
    fetched = "to be fetched" if backbone is None else str(backbone)
    rows.append({"name": "lpips", "kind": "AlexNet of LPIPS", "licence": "BSD", "sha256": fetched})
    return Table(
        "weights",
        "Weights",
        _COLUMNS,
        tuple(rows),
        "All but lpips ship with the package; of lpips the file is shown.",
    )


def _row(file: Path) -> dict[str, str | float] | None:
    card = read_card(file)
    if card is None:
        return None
    return {
        "name": file.stem,
        "kind": str(card["kind"]),
        "megabytes": file.stat().st_size / 1e6,
        "sha256": str(card["sha256"])[:12],
        "licence": str(card["licence"]),
    }
