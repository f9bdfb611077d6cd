"""Loops and data that make attackers and protectors."""
