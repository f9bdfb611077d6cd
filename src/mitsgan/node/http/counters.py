"""What the node counts, for Prometheus; no label names a patient."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Counters:
    """Counters of one node, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.associations = self._counter("associations", "associations that peers asked for")
        self.rejected = self._counter("associations_rejected", "of them, rejected: no route")
        self.aborted = self._counter("associations_aborted", "of them, aborted")
        self.objects = self._counter("objects_received", "C-STORE requests, by status", "status")
        self.duplicates = self._counter("objects_duplicate", "objects received again, unchanged")
        self.sent = self._counter("objects_sent", "objects that a peer took", "destination")
        self.series = self._counter("series_worked", "series worked on, by outcome", "outcome")
        self.failures = self._counter(
            "deliveries_failed", "attempts at a delivery that failed", "destination"
        )
        self.certificates = Gauge(
            "mitsgan_node_certificate_ends_seconds",
            "end of the certificate that the node shows, seconds of the epoch, by its table",
            ["of"],
            registry=self.registry,
        )

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"mitsgan_node_{name}", help_text, labels, registry=self.registry)
