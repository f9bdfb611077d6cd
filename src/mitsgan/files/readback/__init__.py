"""What was written, read back by other code than that which read and wrote it."""

from mitsgan.files.readback.check import check_readback

__all__ = ["check_readback"]
