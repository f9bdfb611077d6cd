"""Stored values in and out of the *Pixel Data* element."""
