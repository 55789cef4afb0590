"""What the tests of topics share: names that nobody else has, settings, and records as they lie in a topic."""

from __future__ import annotations

import time
import uuid
from typing import Any

from kafka import TopicPartition

from jobs.kafka.client import consumer
from jobs.settings import Settings

PATIENCE = 30.0


def fresh(name: str) -> str:
    """Give a topic's name that is new."""
    return f"{name}.{uuid.uuid4().hex[:8]}"


def settings_for(brokers: str, registry: str | None = None, **values: Any) -> Settings:
    """Give settings of a broker and topics of their own; further values by `section__key`."""
    names = {f"topics.{name}": fresh(name) for name in ("events", "dead_letters")}
    own = {key.replace("__", "."): value for key, value in values.items()}
    return Settings().with_values({"kafka.brokers": brokers, "registry.url": registry, "registry.cache": None, **names, **own})


def read_topic(settings: Settings, topic: str, at_least: int = 0) -> list[Any]:
    """Read all records that a topic has, in order of offset in each partition; waits while there are fewer."""
    reader = consumer(settings)
    try:
        places = [TopicPartition(topic, partition) for partition in reader.partitions_for_topic(topic)]
        reader.assign(places)
        reader.seek_to_beginning()
        found: list[Any] = []
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            ends = reader.end_offsets(places)
            if len(found) >= at_least and all(reader.position(place) >= ends[place] for place in places):
                return found
            found += [record for records in reader.poll(timeout_ms=100).values() for record in records]
        raise AssertionError(f"{len(found)} records in {topic}, not {at_least}")
    finally:
        reader.close()
