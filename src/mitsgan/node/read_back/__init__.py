"""A series back from an archive, to see what it really keeps: by C-GET, C-MOVE or WADO-RS."""
