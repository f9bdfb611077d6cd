"""`mitsgan train`: every training, by options or a file."""
