"""Weights that ship with the package, and the one way to read and write weights."""

from mitsgan.networks.store import Card, Precision, as_stored, load_weights, save_weights, shipped

__all__ = ["Card", "Precision", "as_stored", "load_weights", "save_weights", "shipped"]
