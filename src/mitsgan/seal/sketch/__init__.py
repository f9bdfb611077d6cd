"""The sketch: a coarse, signed picture of what a scan showed, and what differs from it later.

Nothing here reads or writes files: scans come in, numbers go out.
"""
