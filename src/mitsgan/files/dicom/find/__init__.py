"""Which files at a path are slices, and which of them are one series."""
