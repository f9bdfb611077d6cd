"""Detectors that know nothing but the scan, to compare seal, sketch and mark with."""
