"""Until when the node's own certificates are valid: a peer that is shown another hangs up."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import Gauge

from mitsgan.errors import ConfigurationError
from mitsgan.node.config import NodeConfig
from mitsgan.node.network.tls import valid

LOG = logging.getLogger("mitsgan.node")

RENEW = timedelta(days=30)
"""How long before its end a certificate is to be renewed."""


def own_certificates(config: NodeConfig) -> dict[str, Path]:
    """What the node shows, by the table of the configuration that names it."""
    every = config.tls.items()
    return {of: tls.certificate for of, tls in every if tls.certificate is not None}


def trouble(first: datetime, last: datetime) -> str:
    """What is to be told of a certificate that is valid from one day until another; "" if nothing.

    Args:
        first, last: with their time zones.
    """
    now = datetime.now(UTC)
    if now < first:
        return f"is not valid before {first:%Y-%m-%d}: is the clock right?"
    if now > last:
        return f"has expired on {last:%Y-%m-%d}: peers that look at it hang up"
    return f"expires on {last:%Y-%m-%d}" if last < now + RENEW else ""


class Certificates:
    """Tells log and metrics of the certificates of a node that runs."""

    def __init__(self, ends: Gauge) -> None:
        self._ends = ends
        self._listening: tuple[datetime, datetime] | None = None

    def look(self, config: NodeConfig) -> None:
        """Look at all of them; that of `listen` is the one that it was begun with."""
        self._ends.clear()
        for of, path in own_certificates(config).items():
            try:
                begun = self._listening if of == "listen" else None
                first, last = begun or valid(path)
            except ConfigurationError as error:
                LOG.error("`tls` of `%s`: %s", of, error)
                continue
            if of == "listen":
                self._listening = first, last
            self._ends.labels(of).set(last.timestamp())
            if told := trouble(first, last):
                LOG.warning("`tls` of `%s`: the certificate %s %s", of, path, told)
