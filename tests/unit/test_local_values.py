"""Values of a topic with a registry's ids, as an archive keeps them."""

from __future__ import annotations

import io
from typing import Any

import fastavro

from jobs.kafka.local_values import LocalValues, without_schema
from udfs.framing import SCHEMA_HEADER
from udfs.schemas import LocalSchemas, load, local_id, plain

OURS = load("shop_event")
THEIRS = {
    "type": "record",
    "name": "ShopEvent",
    "namespace": "swerve.v1",
    "fields": [
        {"name": "page", "type": "string"},
        *(field for field in OURS["fields"] if field["name"] in ("event_id", "user_id", "event_time")),
    ],
}
FRONT = b"\0" + local_id("shop_event").to_bytes(4, "big")
EVENT: dict[str, Any] = {"event_id": "e", "user_id": "u", "event_time": 5, "page": "p"}


def datum(schema: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain(schema)), EVENT)
    return out.getvalue()


class Registry:
    def __init__(self) -> None:
        self._store = LocalSchemas({700: OURS, 701: THEIRS})
        self.get, self.get_by_guid = self._store.get, self._store.get_by_guid


def front(schema_id: int) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big")


def test_a_value_of_our_schema_gets_our_id() -> None:
    values = LocalValues(Registry(), "shop_event")
    assert values.of(front(700) + datum(OURS), {}) == FRONT + datum(OURS)
    assert values.of(datum(OURS), {SCHEMA_HEADER: front(700)}) == FRONT + datum(OURS)


def test_a_value_of_another_schema_is_written_anew() -> None:
    assert LocalValues(Registry(), "shop_event").of(front(701) + datum(THEIRS), {}) == FRONT + datum(OURS)


def test_what_does_not_decode_stays_as_it_is() -> None:
    values = LocalValues(Registry(), "shop_event")
    for value in (
        None,
        b"",
        b"\0\0",
        b"\1" + front(701),
        front(702) + b"x",
        front(701) + datum(THEIRS)[:-1],
        front(701) + datum(THEIRS) + b"x",
    ):
        assert values.of(value, {}) == value


def test_without_a_registry_values_stay_as_they_are() -> None:
    value = front(700) + datum(OURS)
    assert LocalValues(LocalSchemas(), "shop_event").of(value, {}) == value
    assert without_schema({SCHEMA_HEADER: b"x", "a": b"b"}) == {"a": b"b"}
