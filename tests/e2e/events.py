"""Events made by hand and sent into a topic, as a shop does."""

from __future__ import annotations

import io
import time
import uuid
from typing import Any

import fastavro

from jobs.kafka.client import producer
from jobs.settings import Settings
from udfs.schemas import Schema, load, plain

PARTITION_OF_ALL = 1


def datum(user: str, name: str = "view_item", at: int | None = None, schema: Schema | None = None, **fields: Any) -> bytes:
    """Encode an event; without a time, it happens now."""
    record = {
        "event_id": uuid.uuid4().hex,
        "user_id": user,
        "event_name": name,
        "event_time": int(time.time() * 1000) if at is None else at,
        "personalization_storage": "GRANTED",
        **fields,
    }
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain(schema or load("shop_event"))), record)
    return out.getvalue()


def framing(schema_id: int) -> bytes:
    """Give Confluent's framing."""
    return b"\0" + schema_id.to_bytes(4, "big")


def send(settings: Settings, *records: tuple[str, bytes, dict[str, bytes]], at: int | None = None) -> None:
    """Send records of user, value and headers, all into one partition: the others stay idle."""
    client = producer(settings)
    try:
        for user, value, headers in records:
            client.send(
                settings.topics.events,
                value,
                key=user.encode(),
                partition=PARTITION_OF_ALL,
                headers=[*headers.items()],
                timestamp_ms=int(time.time() * 1000) if at is None else at,
            )
        client.flush(30)
    finally:
        client.close()
