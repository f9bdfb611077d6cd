"""Scans that were tampered with, in memory: by hand, by whole slices, by attackers."""
