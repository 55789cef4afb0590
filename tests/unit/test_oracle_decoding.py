"""The oracle's strict reader: it agrees with fastavro on what is good, and names what is bad."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.archive import files_in_order, local_schemas
from tests.oracle.constants import DEVICES, KINDS, TOO_LARGE
from tests.oracle.decoding import BadValueError, read_framed

SCHEMA = json.loads((Path(__file__).parents[2] / "avro" / "shop_event.v1.avsc").read_text())
FRAME = b"\x00" + struct.pack(">I", 1)
GOOD = {
    "event_id": "e1",
    "user_id": "u1",
    "event_name": "view_item",
    "event_time": 1_700_000_000_123,
    "item_id": "i1",
    "item_category": "Kopfhörer",
    "price": 19.99,
    "quantity": 2,
    "device": "mobile",
    "personalization_storage": "GRANTED",
}


def datum(record: dict[str, Any], schema: Any = SCHEMA) -> bytes:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), record)
    return body.getvalue()


def reason_of(value: bytes | None, schemas: dict[int, Any] | None = None) -> str:
    with pytest.raises(BadValueError) as caught:
        read_framed(value, schemas or local_schemas(), TOO_LARGE)
    return str(caught.value)


def outcome_of(value: bytes) -> str:
    try:
        read_framed(value, local_schemas(), TOO_LARGE)
    except BadValueError as bad:
        return str(bad)
    return "read"


records = st.fixed_dictionaries(
    {
        "event_id": st.text(),
        "user_id": st.text(),
        "event_name": st.sampled_from(list(KINDS)),
        "event_time": st.integers(0, 4 * 10**12),
        "device": st.sampled_from(DEVICES),
        "personalization_storage": st.sampled_from(["DENIED", "GRANTED"]),
    },
    optional={
        "item_id": st.none() | st.text(),
        "item_category": st.none() | st.text(),
        "price": st.none() | st.floats(allow_nan=False),
        "quantity": st.none() | st.integers(-(2**31), 2**31 - 1),
        "country": st.none() | st.text(),
        "engagement_ms": st.none() | st.integers(-(2**31), 2**31 - 1),
    },
)


@given(records)
def test_reads_what_fastavro_wrote(record: dict[str, Any]) -> None:
    read = read_framed(FRAME + datum(record), local_schemas(), TOO_LARGE)
    assert {name: read[name] for name in record} == record


@given(records, st.data())
def test_every_beginning_of_a_record_is_truncated(record: dict[str, Any], data: st.DataObject) -> None:
    body = datum(record)
    end = data.draw(st.integers(0, len(body) - 1))
    assert reason_of(FRAME + body[:end]) == "truncated"


@given(st.binary())
def test_random_bytes_are_read_or_refused_with_a_reason(body: bytes) -> None:
    assert outcome_of(FRAME + body) in {"read", "truncated", "malformed", "invalid_utf8", "trailing_bytes"}


def test_the_schema_is_the_one_of_the_page() -> None:
    names = {field["name"]: field["type"] for field in SCHEMA["fields"]}
    assert names["event_name"]["symbols"] == list(KINDS)
    assert names["device"]["symbols"] == list(DEVICES)


def test_framing() -> None:
    good = datum(GOOD)
    assert reason_of(None) == "empty"
    assert reason_of(b"") == "empty"
    assert reason_of(b"\x00" * (TOO_LARGE + 1)) == "too_large"
    assert reason_of(b"\x00\x00\x00\x00") == "bad_framing"
    assert reason_of(b"\x01" + FRAME[1:] + good) == "bad_framing"
    assert reason_of(b"\x00\x00\x00\x03\xe7" + good) == "unknown_schema"
    assert reason_of(FRAME + good + b"\x00") == "trailing_bytes"


def test_defects_of_the_bytes() -> None:
    assert reason_of(FRAME + b"\x01") == "malformed"  # a length of -1
    assert reason_of(FRAME + b"\xff" * 10 + b"\x01") == "malformed"  # a number of more than 64 bits
    assert reason_of(FRAME + b"\x04\xff\xfe" + datum(GOOD)[3:]) == "invalid_utf8"
    assert reason_of(FRAME + b"\x04e1\x04u1\x08") == "malformed"  # branch 4 of a union of two


def test_a_writer_schema_with_a_wrong_type() -> None:
    fields = [{**field, "type": "string"} if field["name"] == "event_time" else field for field in SCHEMA["fields"]]
    writer = {**SCHEMA, "fields": fields}
    assert reason_of(b"\x00\x00\x00\x00\x07" + datum({**GOOD, "event_time": "now"}, writer), {7: writer}) == "wrong_type"


def test_another_writer_schema() -> None:
    """Fields in another order, some missing, some unknown, numbers and symbols of other types."""
    writer = {
        "type": "record",
        "name": "ShopEvent",
        "namespace": "swerve.v1",
        "fields": [
            {"name": "price", "type": "int"},
            {"name": "tags", "type": {"type": "array", "items": {"type": "map", "values": "long"}}},
            {"name": "event_name", "type": {"type": "enum", "name": "EventName", "symbols": ["quiz", "purchase"]}},
            {"name": "event_time", "type": "long"},
            {"name": "user_id", "type": "string"},
            {"name": "event_id", "type": "string"},
        ],
    }
    record = {"price": 3, "tags": [{"a": 1}, {}], "event_name": "purchase", "event_time": 5, "user_id": "u", "event_id": "e"}
    read = read_framed(b"\x00\x00\x00\x00\x07" + datum(record, writer), {7: writer}, TOO_LARGE)
    assert (read["price"], read["event_name"], read["event_time"], read["user_id"], read["device"]) == (3, "purchase", 5, "u", "unknown")


def test_files_are_read_by_number_inside_a_partition(tmp_path: Path) -> None:
    for name in ("events-1-2.avro", "events-0-10.avro", "events-0-9.avro", "events-b.avro", "events-a.avro", "segments-0-1.avro"):
        (tmp_path / name).touch()
    names = [(partition, path.name) for partition, path in files_in_order(tmp_path)]
    assert names == [
        (0, "events-a.avro"),
        (0, "events-b.avro"),
        (0, "events-0-9.avro"),
        (0, "events-0-10.avro"),
        (1, "events-1-2.avro"),
    ]
