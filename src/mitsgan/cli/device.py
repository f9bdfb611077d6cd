"""The device of a command; see `mitsgan.jobs.device`."""

from mitsgan.errors import DeviceError
from mitsgan.jobs.device import choose_device

__all__ = ["DeviceError", "choose_device"]
