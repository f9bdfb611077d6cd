"""Inpainting networks that attackers paint with."""
