"""Protect scans: in memory (`protection`), or from file to file (`file`)."""
