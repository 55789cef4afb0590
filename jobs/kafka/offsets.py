"""Offsets: where a topic begins and ends, where a time lies, and how far a group is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import OffsetSpec

from jobs.kafka.client import explained
from jobs.settings import Settings

#: So many records before an end are read for their greatest time, where the broker cannot tell.
LAST_RECORDS = 10_000
POLL_MS = 1_000
READ_POLLS = 10


class Lag(NamedTuple):
    """How far a group is in a partition: its offset (None: nothing committed), the partition's end, and the records in between."""

    committed: int | None
    end: int
    records: int


def begins(client: KafkaAdminClient, settings: Settings, topic: str, partitions: list[int]) -> dict[int, int]:
    """Give the offset of each partition's first record; raises `SwerveError` if the broker does not tell."""
    return _offsets(client, settings, topic, dict.fromkeys(partitions, OffsetSpec.EARLIEST))


def ends(client: KafkaAdminClient, settings: Settings, topic: str, partitions: list[int]) -> dict[int, int]:
    """Give the offset that each partition's next record will have; raises `SwerveError` if the broker does not tell."""
    return _offsets(client, settings, topic, dict.fromkeys(partitions, OffsetSpec.LATEST))


def at_time(
    client: KafkaAdminClient,
    settings: Settings,
    topic: str,
    partitions: list[int],
    time_ms: int,
    reader: KafkaConsumer | None = None,
    latest_ms: int = 2**63 - 1,
) -> dict[int, int]:
    """Give the offset of each partition's first record at or after a time; its end, where there is none.

    Parameters
    ----------
    client
        Of `jobs.kafka.client.admin`.
    settings
        For messages.
    topic, partitions
        Which.
    time_ms
        The time.
    reader
        Of `jobs.kafka.client.consumer`. With it, a record of a time that cannot be, behind `latest_ms`, is passed over: else one damaged
        timestamp would be taken for the place of every later time.
    latest_ms
        See there.

    Raises
    ------
    SwerveError
        If the broker does not tell.
    """
    with explained(settings, topic):
        found = client.list_partition_offsets({TopicPartition(topic, partition): time_ms for partition in partitions})
    last = ends(client, settings, topic, partitions)
    offsets = {}
    for place, at in found.items():
        end = last[place.partition]
        if at.offset < 0:
            offsets[place.partition] = end
        elif reader is not None and at.timestamp > latest_ms:
            with explained(settings, topic):
                offsets[place.partition] = _first_at(reader, place, int(at.offset), end, range(time_ms, latest_ms + 1))
        else:
            offsets[place.partition] = int(at.offset)
    return offsets


def greatest_time(
    client: KafkaAdminClient,
    reader: KafkaConsumer,
    settings: Settings,
    topic: str,
    spans: Mapping[int, tuple[int, int]],
    latest_ms: int = 2**63 - 1,
) -> int | None:
    """Give the greatest record timestamp between offsets, in ms.

    The broker knows it for a whole partition. Where that record lies outside, the last records inside are read instead: in a topic
    whose records lie about in order of time that gives the same.

    Parameters
    ----------
    client, reader
        Of `jobs.kafka.client`.
    settings
        For messages.
    topic
        Name of the topic.
    spans
        First offset, and the one behind the last, by partition.
    latest_ms
        Times after it do not count.

    Returns
    -------
    int or None
        None if there are no records.

    Raises
    ------
    SwerveError
        If the broker does not tell.
    """
    spans = {partition: span for partition, span in spans.items() if span[0] < span[1]}
    if not spans:
        return None
    with explained(settings, topic):
        greatest = client.list_partition_offsets({TopicPartition(topic, p): OffsetSpec.MAX_TIMESTAMP for p in spans})
        times = []
        for partition, (begin, end) in spans.items():
            found = greatest[TopicPartition(topic, partition)]
            if begin <= found.offset < end and found.timestamp <= latest_ms:
                times.append(int(found.timestamp))
            else:
                times += _read_times(reader, TopicPartition(topic, partition), max(begin, end - LAST_RECORDS), end)
    return max((time for time in times if time <= latest_ms), default=None)


def committed(client: KafkaAdminClient, settings: Settings, topic: str, group: str | None = None) -> dict[int, int]:
    """Give the offsets that a group has committed in a topic, by partition; those without are left out.

    Parameters
    ----------
    client
        Of `jobs.kafka.client.admin`.
    settings
        For messages; `kafka.group` is the default.
    topic
        Name of the topic.
    group
        Name of the group.

    Raises
    ------
    SwerveError
        If the broker does not tell.
    """
    group = group or settings.kafka.group
    with explained(settings, topic):
        try:
            found = client.list_group_offsets(group)[group]
        except (kafka_errors.CoordinatorNotAvailableError, kafka_errors.GroupIdNotFoundError):
            return {}  # no group has ever committed to this cluster
    return {place.partition: at.offset for place, at in found.items() if place.topic == topic and at.offset >= 0}


def lag(client: KafkaAdminClient, settings: Settings, topic: str, partitions: list[int], group: str | None = None) -> dict[int, Lag]:
    """Give how far a group is in each partition of a topic; raises as `committed`."""
    first, last = begins(client, settings, topic, partitions), ends(client, settings, topic, partitions)
    done = committed(client, settings, topic, group)
    return {p: Lag(done.get(p), last[p], last[p] - max(done.get(p, 0), first[p])) for p in partitions}


def _offsets(client: KafkaAdminClient, settings: Settings, topic: str, specs: Mapping[int, int]) -> dict[int, int]:
    if not specs:
        return {}
    with explained(settings, topic):
        found = client.list_partition_offsets({TopicPartition(topic, partition): spec for partition, spec in specs.items()})
    return {place.partition: int(at.offset) for place, at in found.items()}


def _first_at(reader: KafkaConsumer, place: TopicPartition, begin: int, end: int, times: range) -> int:
    """The first record from an offset on whose time lies in a range; the end, if there is none."""
    reader.assign([place])
    reader.seek(place, begin)
    while reader.position(place) < end:
        for record in reader.poll(timeout_ms=POLL_MS, max_records=LAST_RECORDS).get(place, ()):
            if record.timestamp in times:
                return int(record.offset)
    return end


def _read_times(reader: KafkaConsumer, place: TopicPartition, begin: int, end: int) -> list[int]:
    reader.assign([place])
    reader.seek(place, begin)
    times: list[int] = []
    for _ in range(READ_POLLS):
        records = reader.poll(timeout_ms=POLL_MS, max_records=LAST_RECORDS).get(place, ())
        times += [int(record.timestamp) for record in records if record.offset < end]
        if reader.position(place) >= end:
            break
    return times
