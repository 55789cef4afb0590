"""The records of a topic between offsets, in a plain consumer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from jobs.kafka.client import KafkaUnavailable
from jobs.settings import Settings

POLL_MS, POLL_RECORDS = 500, 2_000
SILENT_SECONDS = 10.0


def read_spans(reader: KafkaConsumer, settings: Settings, topic: str, spans: Mapping[int, tuple[int, int]]) -> Iterator[list[Any]]:
    """Read a topic.

    Parameters
    ----------
    reader
        Of `jobs.kafka.client.consumer`.
    settings
        For messages.
    topic
        Name of the topic.
    spans
        First offset, and the one behind the last, by partition.

    Yields
    ------
    list
        Records of kafka-python, partition by partition about, in order of offset inside each.

    Raises
    ------
    KafkaUnavailable
        If the brokers give no more, and it is not the end.
    """
    left = {TopicPartition(topic, partition): end for partition, (begin, end) in spans.items() if begin < end}
    reader.assign(list(left))
    for place in left:
        reader.seek(place, spans[place.partition][0])
    heard = time.monotonic()
    while left:
        polled = reader.poll(timeout_ms=POLL_MS)
        for place, records in polled.items():
            yield [record for record in records if record.offset < left.get(place, 0)]
        before = len(left)
        left = {place: end for place, end in left.items() if reader.position(place) < end}
        # A partition that is through is read no further.
        reader.pause(*(place for place in reader.assignment() if place not in left))
        if polled or len(left) < before:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENT_SECONDS:
            raise KafkaUnavailable(f"Kafka at {settings.kafka.brokers} gives no more of topic {topic}", "is every partition online?")
