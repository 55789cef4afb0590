"""The collector of `swerve serve`, from the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from jobs.settings import Settings
    from serving.collector import Collector, CollectorOptions, EventLog
    from serving.hub import Hub

HOUR_MS = 3_600_000


def collector_of(settings: Settings, hub: Hub, registry: CollectorRegistry) -> Collector | None:
    """Make the collector; none where `serving.into` says nothing."""
    if settings.serving.into is None:
        return None
    from serving.collector import Collector

    return Collector(options_of(settings), log_of(settings, settings.serving.into), hub, registry)


def log_of(settings: Settings, into: str) -> EventLog:
    """Make the log that `serving.into` names."""
    from serving.collector import ArchiveLog

    return ArchiveLog(Path(into), settings.serving.partitions)


def options_of(settings: Settings) -> CollectorOptions:
    """Give what the collector is told."""
    from serving.collector import CollectorOptions

    serving = settings.serving
    return CollectorOptions(
        write_keys=(serving.write_key.get_secret_value(),) if serving.write_key else (),
        allow_origins=serving.allow_origins,
        body_bytes=serving.body_bytes,
        batch_events=serving.batch_events,
        event_bytes=serving.event_bytes,
        oldest_ms=serving.oldest_hours * HOUR_MS,
        country_header=serving.country_header,
        address_header=serving.address_header,
        key_rate=serving.key_rate,
        address_rate=serving.address_rate,
    )
