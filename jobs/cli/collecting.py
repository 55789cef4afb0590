"""The collector of `swerve serve`, from the settings."""

from __future__ import annotations

import logging
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any

from jobs.cli.source import KAFKA
from udfs.errors import SwerveError, UsageError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from jobs.settings import Settings
    from serving.collector import Collector, CollectorOptions, EventLog
    from serving.hub import Hub

#: How long a start waits for a broker's answer.
LOOK_SECONDS = 3.0
HOUR_MS, MIB = 3_600_000, 2**20
#: Longer than the collector's own patience: what it gives up, it gives up as a whole.
PRODUCER = {"linger_ms": 5, "batch_size": 256 * 1024, "request_timeout_ms": 30_000, "delivery_timeout_ms": 120_000}


def collector_of(settings: Settings, hub: Hub, registry: CollectorRegistry) -> Collector | None:
    """Make the collector; none where `serving.into` says nothing."""
    if settings.serving.into is None:
        return None
    from serving.collector import Collector

    return Collector(options_of(settings), log_of(settings, settings.serving.into), hub, registry)


def log_of(settings: Settings, into: str) -> EventLog:
    """Make the log that `serving.into` names.

    Raises
    ------
    SwerveError
        If Kafka answers and does not let us in, or has no such topic; or the registry is away and the id of the schema is not known.
    """
    from serving.collector import ArchiveLog

    if not into.startswith(KAFKA):
        return ArchiveLog(Path(into), settings.serving.partitions)
    from jobs.kafka.client import producer
    from serving.collector import KafkaLog, KafkaLogOptions, Spool

    topic, serving = into[len(KAFKA) :], settings.serving
    if not topic:
        raise UsageError("serving.into names no topic", f"such as {KAFKA}{settings.topics.events}")
    # It tells every attempt to connect; that Kafka is away is said once, by the log.
    logging.getLogger("kafka").addHandler(logging.NullHandler())
    logging.getLogger("kafka").propagate = False
    _look(settings, topic)
    options = KafkaLogOptions(topic, _framing(settings, topic), serving.patience_ms / 1000)
    bounds = {**PRODUCER, "max_block_ms": serving.patience_ms}
    return KafkaLog(options, Spool(serving.spool, serving.spool_mb * MIB), lambda: producer(settings, **bounds))


def options_of(settings: Settings) -> CollectorOptions:
    """Give what the collector is told."""
    from serving.collector import CollectorOptions

    serving = settings.serving
    return CollectorOptions(
        write_keys=tuple(key.get_secret_value() for key in (serving.write_key, *serving.write_keys_before) if key),
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


def _look(settings: Settings, topic: str) -> None:
    """Look for the topic, so that a wrong name is told at once; brokers that are away are no reason not to start."""
    from jobs.cli.output import note
    from jobs.kafka.client import KafkaUnavailable, admin
    from jobs.kafka.topics import describe

    found: Queue[SwerveError | None] = Queue()

    def look() -> None:
        try:
            client = admin(settings)
            try:
                describe(client, settings, topic)
            finally:
                client.close()
        except SwerveError as error:
            found.put(error)
        else:
            found.put(None)

    Thread(target=look, name="kafka-look", daemon=True).start()
    try:
        error = found.get(timeout=LOOK_SECONDS)
    except Empty:
        error = KafkaUnavailable(f"Kafka at {settings.kafka.brokers} does not answer")
    if isinstance(error, KafkaUnavailable):
        note(f"{error}: until it does, events are kept in {settings.serving.spool}")
    elif error is not None:
        raise error


def _framing(settings: Settings, topic: str) -> bytes:
    """Give what stands in front of values; the registry's answer is kept beside the spool, for a start without the registry."""
    from jobs.kafka.schema_ids import SchemaIds
    from jobs.registry import registry_of
    from udfs.schemas import SchemaUnavailable, load

    schema: dict[str, Any] = load("shop_event")
    registry = registry_of(settings.registry)
    if registry is None:
        return SchemaIds(topic, None).frame(schema)
    import json

    kept = settings.serving.spool / "schema.json"
    known = {"url": settings.registry.masked_url, "topic": topic, "schema": schema}
    try:
        framing = SchemaIds(topic, registry).frame(schema)
    except SchemaUnavailable:
        try:
            before = json.loads(kept.read_text(encoding="utf-8"))
            if {name: before[name] for name in known} == known:
                return bytes.fromhex(before["framing"])
        except (OSError, ValueError, KeyError):
            pass
        raise
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({**known, "framing": framing.hex()}), encoding="utf-8")
    except OSError as error:
        raise SwerveError(f"the spool {kept.parent} cannot be used: {error.strerror}", "set serving.spool") from None
    return framing
