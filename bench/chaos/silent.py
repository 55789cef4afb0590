"""Shoppers who had no event since Redis was emptied: found, and given one, so that the job writes their keys again."""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import fastavro

from bench.chaos.topic import FRAMING, Schemas, read
from jobs.kafka.client import explained, producer
from jobs.settings import Settings


class Silent(NamedTuple):
    """A good record of each silent user, how many others there are, and the greatest event time in ms."""

    examples: dict[str, Any]
    others: int
    latest: int


def find_silent(settings: Settings, schemas: Schemas, since: Mapping[int, int]) -> Silent:
    """Look for users without a good event in the topic at or behind some offsets.

    Parameters
    ----------
    settings
        Brokers and topic.
    schemas
        Of the registry.
    since
        By partition.
    """
    now, latest = int(time.time() * 1000), 0
    examples: dict[str, Any] = {}
    awake: set[str] = set()
    for record in read(settings, settings.topics.events):
        event = _good(record.value, schemas, now)
        if event is None:
            continue
        user = event["user_id"]
        latest = max(latest, event["event_time"])
        if record.offset >= since.get(record.partition, 0):
            awake.add(user)
            examples.pop(user, None)
        elif user not in awake:
            examples[user] = record
    return Silent(examples, len(awake), latest)


def _good(value: bytes | None, schemas: Schemas, now: int) -> dict[str, Any] | None:
    """Decode an event that reaches a profile."""
    from tests.oracle.constants import TOO_LARGE
    from tests.oracle.decoding import BadValueError, read_framed
    from tests.oracle.events import reject_reason

    try:
        event = read_framed(value, schemas, TOO_LARGE)
    except BadValueError:
        return None
    return event if reject_reason(event, now) is None and event.get("personalization_storage") == "GRANTED" else None


def wake(settings: Settings, silent: Silent, schemas: Schemas) -> None:
    """Publish a page view of each, made from that record and put where it lies, later than all."""
    at = silent.latest + 1
    with explained(settings, settings.topics.events):
        sender = producer(settings)
        try:
            for user, record in silent.examples.items():
                event = schemas.decode(record.value) | {"event_id": uuid.uuid4().hex, "event_name": "page_view"}
                out = io.BytesIO(record.value[:FRAMING])
                out.seek(FRAMING)
                moment = event["event_time"]
                event["event_time"] = at if isinstance(moment, int) else type(moment).fromtimestamp(at / 1000, moment.tzinfo)
                fastavro.schemaless_writer(out, schemas.parsed(record.value), event)
                sender.send(settings.topics.events, out.getvalue(), user.encode(), partition=record.partition, timestamp_ms=at)
            sender.flush(60)
        finally:
            sender.close(timeout=10)
