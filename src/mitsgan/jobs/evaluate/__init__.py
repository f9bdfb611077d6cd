"""Measure what a protection is worth."""
