"""Scans, cubes and nodules to train on."""
