"""Weights that ship with the package, the one way to read and write weights, and what they make."""

from mitsgan.networks.model import Kind, Model
from mitsgan.networks.store import (
    DAMAGED,
    FILE_IN_FOLDER,
    Card,
    Precision,
    as_stored,
    load_weights,
    read_card,
    save_weights,
    shipped,
)

__all__ = [
    "DAMAGED",
    "FILE_IN_FOLDER",
    "Card",
    "Kind",
    "Model",
    "Precision",
    "as_stored",
    "load_weights",
    "read_card",
    "save_weights",
    "shipped",
]
