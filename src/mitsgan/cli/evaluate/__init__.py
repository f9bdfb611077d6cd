"""`mitsgan evaluate` and `mitsgan evaluate-mark`."""
