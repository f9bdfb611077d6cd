"""`mitsgan node`: the service in front of an archive."""
