"""An archive into a topic: each record acknowledged by all replicas, in order of time, as fast as it goes or at a given rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from jobs.kafka.archive_log import ArchiveLog, LogRecord, Reframe
from jobs.kafka.client import REQUEST_MS, admin, explained, producer
from jobs.kafka.schema_ids import FRAMING_BYTES, SchemaIds
from jobs.kafka.time_shift import TimeShift
from jobs.kafka.topics import ANYTHING, FOREVER, create, describe, retention_warning
from jobs.registry import registry_of
from jobs.settings import Settings
from udfs.archive import Index, index
from udfs.registry import RegistrySchemas
from udfs.schemas import LocalSchemas

#: Large values are sent too: that they are too large is for the job to say.
LARGEST = 16 * 2**20
BATCH_BYTES, MEMORY_BYTES = 512 * 1024, 64 * 2**20
#: With a rate, a record waits no longer for others than this.
LINGER_MS, PACED_LINGER_MS = 50, 5
STEP = 500
FLUSH_SECONDS = 60

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How an archive is published.

    Attributes
    ----------
    topic
        Where to.
    rate
        Records a second; none: as fast as it goes.
    partitions, replicas
        Of the topic, if it has to be made; -1: as the broker is set up.
    now
        Move all times, so that the last event is now.
    reframe
        Raw records too: give their values the registry's schema ids instead of those of `avro/ids.json`.
    patience
        Seconds that a broker may be away once publishing has begun.
    """

    topic: str
    rate: float | None = None
    partitions: int = 4
    replicas: int = -1
    now: bool = False
    reframe: bool = False
    patience: float = 30.0


@dataclass
class Published:
    """What was published: acknowledged records, of which so many keep a shape that Kafka does not take, and how long it took."""

    topic: str
    events: int = 0
    left_out: int = 0
    damaged_blocks: int = 0
    partitions: int = 0
    created: bool = False
    schema_ids: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """All of it, and the rate."""
        return {**vars(self), "seconds": round(self.seconds, 3), "events_per_second": round(self.events / max(self.seconds, 1e-9))}


def publish(archive: Path, settings: Settings, options: Options, progress: Progress | None = None, say: Say = lambda _: None) -> Published:
    """Publish an archive.

    Partition p of the archive goes to partition p modulo their number, so that a user's events keep their order.

    Parameters
    ----------
    archive
        A folder of events-*.avro.
    settings
        Brokers and registry; with `registry.url`, the schemas that wrote the files are registered there.
    options
        What and how.
    progress
        Called with records sent and to send.
    say
        Called with what the operator should know.

    Raises
    ------
    SwerveError
        If the archive, a broker or the registry is not as it should be, or a record is refused.
    """
    now_ms = int(time.time() * 1000)
    found = index(archive, 1, now_ms=now_ms)
    registry = _registry(settings)
    ids = SchemaIds(options.topic, registry)
    reframe = _reframer(ids.local_frames() if options.reframe else {})
    shift = TimeShift(now_ms - found.max_time, LocalSchemas()) if options.now else None
    log = ArchiveLog(found, ids.frame, reframe, shift, now_ms)
    done = Published(options.topic)
    client = admin(settings)
    try:
        _prepare(client, settings, options, done, say)
    finally:
        client.close()
    _send(log, found, settings, options, done, progress)
    if registry is not None and done.created and ids.used:
        registry.set_compatibility(ids.subject)
    done.damaged_blocks, done.schema_ids = log.damaged, ids.used
    return done


def _registry(settings: Settings) -> RegistrySchemas | None:
    registry = registry_of(settings.registry)
    if registry is not None:
        registry.check()
    return registry


def _prepare(client: KafkaAdminClient, settings: Settings, options: Options, done: Published, say: Say) -> None:
    done.created = create(client, settings, options.topic, options.partitions, FOREVER | ANYTHING, options.replicas)
    topic = describe(client, settings, options.topic)
    done.partitions = len(topic.partitions)
    if warning := retention_warning(topic):
        say(warning)


def _send(log: ArchiveLog, found: Index, settings: Settings, options: Options, done: Published, progress: Progress | None) -> None:
    failures: list[BaseException] = []
    linger = PACED_LINGER_MS if options.rate else LINGER_MS
    patience_ms = int(1000 * options.patience)
    bounds = {"delivery_timeout_ms": max(patience_ms, REQUEST_MS + linger), "max_block_ms": patience_ms, "reconnect_backoff_max_ms": 1_000}
    sender = producer(settings, linger_ms=linger, batch_size=BATCH_BYTES, max_request_size=LARGEST, **bounds)
    began = time.perf_counter()
    try:
        with explained(settings, options.topic):
            for record in log:
                if record.key is None and record.value is None:
                    done.left_out += 1
                    continue
                if options.rate:
                    _wait(began + done.events / options.rate)
                _send_one(sender, record, options.topic, done.partitions).add_errback(failures.append)
                done.events += 1
                if done.events % STEP == 0:
                    if failures:
                        raise failures[0]
                    if progress:
                        progress(done.events, found.events)
            sender.flush(max(FLUSH_SECONDS, options.patience))
            if failures:
                raise failures[0]
    finally:
        sender.close(timeout=5)
    done.seconds = time.perf_counter() - began


def _send_one(sender: Any, record: LogRecord, topic: str, partitions: int) -> Any:
    return sender.send(topic, record.value, record.key, record.headers, record.partition % partitions, record.timestamp)


def _wait(due: float) -> None:
    # A wait that is too short to be kept is left to the next record.
    if (left := due - time.perf_counter()) > 0.001:
        time.sleep(left)


def _reframer(frames: dict[bytes, bytes]) -> Reframe:
    if not frames:
        return lambda value: value
    return lambda value: frames.get(value[:FRAMING_BYTES], value[:FRAMING_BYTES]) + value[FRAMING_BYTES:] if value else value
