"""The collector's metrics for Prometheus. No label tells of a person."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """All of them, in a registry.

    Parameters
    ----------
    registry
        Where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        name = "swerve_collector"
        self.accepted = Counter(f"{name}_accepted", "Events that were kept.", registry=registry)
        self.duplicates = Counter(f"{name}_duplicates", "Events that were kept before, by their id.", registry=registry)
        self.rejected = Counter(f"{name}_rejected", "Events that were refused.", ["reason"], registry=registry)
        self.dropped = Counter(f"{name}_dropped", "Events that were dropped for want of consent.", registry=registry)
        self.requests = Counter(f"{name}_requests", "Requests.", ["route", "status"], registry=registry)
        self.bytes = Counter(f"{name}_bytes", "Bytes of bodies, as they came.", registry=registry)
        self.waiting = Gauge(f"{name}_spool_bytes", "What is kept on disk and not yet where it belongs.", registry=registry)
        self.behind = Gauge(f"{name}_spool_seconds", "For how long events have been going there, not where they belong.", registry=registry)
        self.seconds = Histogram(
            f"{name}_append_seconds", "How long it took until the events of a request were kept.", buckets=SECONDS, registry=registry
        )
