"""`mitsgan verify`: the command, and what it says."""
