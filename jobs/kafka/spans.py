"""Which part of a topic a replay reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from jobs.kafka import offsets
from jobs.kafka.client import admin, consumer
from jobs.kafka.topics import describe, retention_warning
from jobs.settings import Settings
from udfs.errors import SwerveError

if TYPE_CHECKING:
    from jobs.sources import Span


def span_of(
    settings: Settings, topic: str, begin_ms: int | None = None, until_ms: int | None = None, warn: Callable[[str], None] = lambda _: None
) -> Span:
    """Look up the offsets of a span of time.

    Parameters
    ----------
    settings
        The effective settings.
    topic
        Name of the topic.
    begin_ms, until_ms
        Record timestamps; in each partition the span begins with the first record at or after `begin_ms` (none: the first there is)
        and ends before the first at or after `until_ms` (none: at the end as it is now). With `until_ms`, the deadlines up to then fire,
        as they would have in a live job; without, those before the last record.
    warn
        Told, in one line, if the topic does not keep its history.

    Raises
    ------
    SwerveError
        If there is no such topic, or no record in the span, or Kafka does not answer.
    """
    from jobs.sources import Span

    client, reader = admin(settings), consumer(settings)
    try:
        found = describe(client, settings, topic)
        if warning := retention_warning(found):
            warn(warning)
        parts = found.partitions
        first = offsets.begins(client, settings, topic, parts)
        now = int(time.time() * 1000)
        latest = now + settings.time.future_ms
        begin = first if begin_ms is None else offsets.at_time(client, settings, topic, parts, begin_ms, reader, latest)
        end = (
            offsets.ends(client, settings, topic, parts)
            if until_ms is None
            else offsets.at_time(client, settings, topic, parts, until_ms, reader, latest)
        )
        end = {partition: max(end[partition], begin[partition]) for partition in parts}
        spans = {partition: (begin[partition], end[partition]) for partition in parts}
        end_time = offsets.greatest_time(client, reader, settings, topic, spans, latest)
    finally:
        client.close()
        reader.close()
    if end_time is None:
        raise SwerveError(f"topic {topic} has no records in that span", "swerve replay without --from and --until reads all there is")
    return Span(begin, end, end_time if until_ms is None else min(until_ms, now))


def reached(settings: Settings, topic: str, span: Span, group: str) -> bool:
    """Whether a group has committed all of a span; its empty partitions do not count."""
    client = admin(settings)
    try:
        done = offsets.committed(client, settings, topic, group)
    finally:
        client.close()
    return all(done.get(partition, -1) >= end for partition, end in span.end.items() if end > span.begin[partition])
