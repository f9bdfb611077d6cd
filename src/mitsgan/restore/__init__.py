"""The original of a protected scan, kept encrypted for those who may have it, and given back."""
