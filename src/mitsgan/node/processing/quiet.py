"""No patient in logs: libraries that remark on values of headers do not get to the log."""

from __future__ import annotations

import logging
import warnings

_LIBRARIES = ("pydicom", "pynetdicom")


def silence() -> None:
    """Silence them in this process, which is the node's own or that of its worker.

    pydicom quotes values that break a rule of the standard, names among them; pynetdicom logs
    requests and tracebacks. What matters of that the node tells in its own words.
    """
    warnings.simplefilter("ignore")
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
