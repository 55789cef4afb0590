"""Events on the wire for tests: writer schemas that ours can read, random records of any schema, framing."""

from __future__ import annotations

import io
import json
import struct
from functools import cache
from typing import Any

import fastavro
from hypothesis import strategies as st

from udfs.events import CONSENTS, DEVICES, KINDS
from udfs.schemas import load, plain

Schema = Any
NOW = 1_700_000_000_000
OURS: Schema = plain(load("shop_event"))
GOOD: dict[str, Any] = {
    "event_id": "e1",
    "user_id": "u1",
    "event_name": "view_item",
    "event_time": NOW,
    "item_id": "i1",
    "item_category": "Kopfhörer",
    "price": 19.99,
    "quantity": 2,
    "device": "mobile",
    "country": "DE",
    "engagement_ms": 900,
    "personalization_storage": "GRANTED",
}


def _enum(name: str, symbols: tuple[str, ...]) -> Schema:
    return {"type": "enum", "name": name, "symbols": list(symbols), "default": symbols[0]}


def writer(*fields: tuple[str, Schema], more: Schema = ()) -> Schema:
    """A schema with some fields of ours, written as it likes, and others."""
    return {
        "type": "record",
        "name": "ShopEvent",
        "namespace": "swerve.v1",
        "fields": [*({"name": name, "type": type_} for name, type_ in fields), *more],
    }


PLACE = {
    "type": "record",
    "name": "Place",
    "fields": [{"name": "x", "type": "double"}, {"name": "inner", "type": ["null", "Place"]}],
}

#: One that has everything which ours does not, between the fields that ours has.
STRANGE = writer(
    ("flags", {"type": "array", "items": "boolean"}),
    ("price", "float"),
    ("labels", {"type": "map", "values": {"type": "array", "items": ["null", "string", "double"]}}),
    ("event_id", {"type": "string", "avro.java.string": "String"}),
    ("digest", {"type": "fixed", "name": "Digest", "size": 5}),
    ("same", "Digest"),
    ("user_id", "bytes"),
    (
        "place",
        {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "double"}, {"name": "inner", "type": ["null", "Place"]}]},
    ),
    ("event_time", {"type": "long", "logicalType": "timestamp-millis"}),
    ("places", {"type": "array", "items": "Place"}),
    ("event_name", _enum("Name", ("swipe", *KINDS[::-1]))),
    ("item_id", ["string", "null"]),
    ("item_category", "string"),
    ("device", _enum("Device", ("watch", "mobile"))),
    ("choice", ["int", "boolean", "Name", {"type": "map", "values": "int"}, "null"]),
    ("personalization_storage", _enum("Storage", ("GRANTED", "DENIED", "ASKED"))),
    ("quantity", "int"),
)

#: Writer schemas that ours can read, by id.
WRITERS: dict[int, Schema] = {
    1: OURS,
    11: writer(("user_id", "string"), ("event_id", "string"), ("event_time", "long")),
    12: STRANGE,
    13: {**OURS, "fields": [*OURS["fields"][::-1], {"name": "coupon", "type": ["null", "string"], "default": None}]},
    14: writer(
        ("event_time", "int"),
        ("price", ["null", "long", "float", "double", "int"]),
        ("event_id", "string"),
        ("user_id", "string"),
        ("country", ["null", "bytes", "string"]),
        ("quantity", "null"),
        ("engagement_ms", ["int"]),
        ("personalization_storage", _enum("Storage", CONSENTS)),
        ("device", _enum("Device", DEVICES)),
    ),
}
WRITERS[13]["fields"] = [
    # A name is defined where it first stands.
    {**field, "type": _enum("Consent", CONSENTS) if field["name"] == "personalization_storage" else "Consent"}
    if field["name"].endswith("_storage")
    else field
    for field in WRITERS[13]["fields"]
]


@cache
def parsed(schema: str) -> Schema:
    """A schema as fastavro wants it, times as numbers."""
    return fastavro.parse_schema(plain(json.loads(schema)))


def datum(record: dict[str, Any], schema: Schema = OURS) -> bytes:
    """Encode a record."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, parsed(json.dumps(schema)), record)
    return body.getvalue()


def framed(body: bytes, schema_id: int = 1) -> bytes:
    """Put the framing before a datum."""
    return b"\x00" + struct.pack(">I", schema_id) + body


def _leaf(schema: Schema) -> st.SearchStrategy[Any]:
    if schema == "null":
        return st.none()
    if schema == "boolean":
        return st.booleans()
    if schema == "int":
        return st.integers(-(2**31), 2**31 - 1)
    if schema == "long":
        return st.integers(-(2**63), 2**63 - 1)
    if schema == "float":
        return st.floats(width=32)
    if schema == "double":
        return st.floats()
    return st.binary(max_size=20) if schema == "bytes" else st.text(max_size=20)


def values(schema: Schema, names: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Random values of a schema; `names` holds its named types."""
    if isinstance(schema, list):
        branches = ["null"] if depth > 2 and "null" in schema else schema
        return st.one_of([values(branch, names, depth) for branch in branches])
    if isinstance(schema, str):
        return values(names[schema], names, depth + 1) if schema in names else _leaf(schema)
    kind = schema["type"]
    if kind == "enum":
        return st.sampled_from(schema["symbols"])
    if kind == "fixed":
        return st.binary(min_size=schema["size"], max_size=schema["size"])
    if kind == "array":
        return st.lists(values(schema["items"], names, depth + 1), max_size=3)
    if kind == "map":
        return st.dictionaries(st.text(max_size=5), values(schema["values"], names, depth + 1), max_size=3)
    if kind == "record":
        return st.fixed_dictionaries({field["name"]: values(field["type"], names, depth) for field in schema["fields"]})
    return values(kind, names, depth)


@cache
def records(schema_id: int) -> st.SearchStrategy[dict[str, Any]]:
    """Random records of a writer schema, most of them good events."""
    names: dict[str, Any] = {}
    _collect(WRITERS[schema_id], names)
    fields = WRITERS[schema_id]["fields"]
    return st.fixed_dictionaries({field["name"]: _likely(field["name"], field["type"], names) for field in fields})


def _collect(schema: Schema, names: dict[str, Any]) -> None:
    if isinstance(schema, dict):
        names |= {schema["name"]: schema} if isinstance(schema.get("type"), str) and "name" in schema else {}
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            _collect(part, names)


def _likely(name: str, type_: Schema, names: dict[str, Any]) -> st.SearchStrategy[Any]:
    text = json.dumps(type_)
    if name == "event_time" and "long" in text:
        return st.integers(NOW - 10**9, NOW) | _leaf("long")
    if name == "price" and "double" in text:
        return st.none() | st.floats(0, 1e6) | st.floats()
    if name == "user_id":
        users = st.sampled_from([f"u{n}" for n in range(20)]) | st.text(max_size=5)
        return users if "string" in text else users.map(str.encode)
    if name == "country" and "string" in text:
        return st.none() | st.sampled_from(["DE", "AT", "de", "DEU", "Dé", ""]) | values(type_, names)
    return values(type_, names)
