"""`mitsgan data`: data to train on."""
