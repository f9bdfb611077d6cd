"""`mitsgan report` and `mitsgan studio`: pages to look at."""
