"""Weights that others publish."""
