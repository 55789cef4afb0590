"""Section "Rejects": a strict Avro reader of one record, which says what is wrong with its bytes.

fastavro reads leniently (a negative length, bytes left over), so the oracle has its own; `fastavro` checks it in a unit test.
"""

from __future__ import annotations

import struct
from typing import Any

#: our field → the Avro types that can become its type
FIELDS: dict[str, frozenset[str]] = {
    **dict.fromkeys(("event_id", "user_id"), frozenset({"string", "bytes"})),
    **dict.fromkeys(
        ("session_id", "item_id", "item_name", "item_category", "item_category2", "item_category3", "item_brand", "currency"),
        frozenset({"null", "string", "bytes"}),
    ),
    **dict.fromkeys(("transaction_id", "search_term", "country", "referrer", "recommendation_id"), frozenset({"null", "string", "bytes"})),
    **dict.fromkeys(("event_name", "device", "analytics_storage", "personalization_storage"), frozenset({"enum"})),
    "event_time": frozenset({"int", "long"}),
    "price": frozenset({"null", "int", "long", "float", "double"}),
    **dict.fromkeys(("quantity", "engagement_ms", "recommendation_position"), frozenset({"null", "int"})),
}
#: Without a default in our schema: a writer has to have them.
REQUIRED = ("event_id", "user_id", "event_time")
DEFAULTS: dict[str, Any] = {
    "event_name": "other",
    "device": "unknown",
    "analytics_storage": "DENIED",
    "personalization_storage": "DENIED",
}
Schema = Any


class BadValueError(Exception):
    """A value that does not decode; the argument is the reason."""


class Reader:
    """Reads values of a writer schema from the front of some bytes."""

    def __init__(self, data: bytes, schema: Schema) -> None:
        self.data, self.at = data, 0
        self.names: dict[str, Schema] = {}
        self.schema = schema
        _collect_names(schema, "", self.names)

    def record(self) -> dict[str, Any]:
        """The next record, of our fields only, with our defaults for those that the writer does not have."""
        fields = check_types(self.schema)
        record: dict[str, Any] = dict.fromkeys(FIELDS) | DEFAULTS
        for name, schema in fields:
            kind, value = self.value(schema)
            if name in FIELDS:
                if kind not in FIELDS[name]:
                    raise BadValueError("wrong_type")
                record[name] = _text(value) if isinstance(value, bytes) else value
        return record

    def value(self, schema: Schema) -> tuple[str, Any]:
        """The next value and the type it has in its schema (of a union, that of the branch)."""
        if isinstance(schema, list):
            branch = self.number()
            if not 0 <= branch < len(schema):
                raise BadValueError("malformed")
            return self.value(schema[branch])
        if isinstance(schema, str):
            schema = self.names.get(schema, schema)
        kind = schema if isinstance(schema, str) else schema["type"]
        if not isinstance(kind, str):
            return self.value(kind)
        if isinstance(schema, dict) and kind not in ("record", "error", "enum", "fixed", "array", "map"):
            schema = kind
        return kind, self._of(kind, schema)

    def _of(self, kind: str, schema: Schema) -> Any:
        if kind == "null":
            return None
        if kind == "boolean":
            byte = self.take(1)[0]
            if byte > 1:
                raise BadValueError("malformed")
            return bool(byte)
        if kind in ("int", "long"):
            number = self.number()
            if kind == "int" and not -(1 << 31) <= number < 1 << 31:
                raise BadValueError("malformed")
            return number
        if kind in ("float", "double"):
            return struct.unpack("<f" if kind == "float" else "<d", self.take(4 if kind == "float" else 8))[0]
        if kind in ("string", "bytes"):
            length = self.number()
            if length < 0:
                raise BadValueError("malformed")
            raw = self.take(length)
            return _text(raw) if kind == "string" else raw
        if kind == "enum":
            index = self.number()
            if not 0 <= index < len(schema["symbols"]):
                raise BadValueError("malformed")
            return schema["symbols"][index]
        if kind == "fixed":
            return self.take(schema["size"])
        if kind in ("record", "error"):
            return {field["name"]: self.value(field["type"])[1] for field in schema["fields"]}
        return self._blocks(kind, schema)

    def _blocks(self, kind: str, schema: Schema) -> Any:
        """An array or a map; what it holds is of no interest, only where it ends."""
        while (count := self.number()) != 0:
            if count < 0:
                count = -count
                if self.number() < 0:
                    raise BadValueError("malformed")
            for _ in range(count):
                if kind == "map":
                    self.value("string")
                self.value(schema["values" if kind == "map" else "items"])
        return None

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise BadValueError("truncated")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self) -> int:
        """A zigzag varint of at most 64 bits."""
        raw = shift = 0
        while True:
            byte = self.take(1)[0]
            raw |= (byte & 0x7F) << shift
            if raw >= 1 << 64 or (shift == 63 and byte > 1):
                raise BadValueError("malformed")
            if byte < 0x80:
                return (raw >> 1) ^ -(raw & 1)
            shift += 7


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadValueError("invalid_utf8") from None


def _collect_names(schema: Schema, space: str, names: dict[str, Schema]) -> None:
    if isinstance(schema, list):
        for branch in schema:
            _collect_names(branch, space, names)
    elif isinstance(schema, dict):
        space = schema.get("namespace", space)
        if "name" in schema and schema["type"] in ("record", "error", "enum", "fixed"):
            names[schema["name"]] = schema
            names[f"{space}.{schema['name']}"] = schema
        for part in (schema.get("items"), schema.get("values"), *(field["type"] for field in schema.get("fields", ()))):
            _collect_names(part, space, names)
        if not isinstance(schema["type"], str):
            _collect_names(schema["type"], space, names)


def _types(schema: Schema, names: dict[str, Schema]) -> frozenset[str]:
    """The types that a value of a schema may have."""
    if isinstance(schema, list):
        return frozenset().union(*(_types(branch, names) for branch in schema))
    if isinstance(schema, str):
        return _types(names[schema], names) if schema in names else frozenset({schema})
    return _types(schema["type"], names) if not isinstance(schema["type"], str) else frozenset({schema["type"]})


def check_types(schema: Schema) -> list[tuple[str, Schema]]:
    """The fields of a writer schema in order; `wrong_type` where no event can come of it."""
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise BadValueError("wrong_type")
    names: dict[str, Schema] = {}
    _collect_names(schema, "", names)
    fields = [(field["name"], field["type"]) for field in schema["fields"]]
    written = dict(fields)
    for name in REQUIRED:
        if name not in written:
            raise BadValueError("wrong_type")
    for name, wanted in FIELDS.items():
        if name in written and not _types(written[name], names) & wanted:
            raise BadValueError("wrong_type")
    return fields


def read_framed(value: bytes | None, schemas: dict[int, Schema], too_large: int) -> dict[str, Any]:
    """The record of a Confluent-framed value.

    Raises
    ------
    BadValueError
        With the reason.
    """
    if not value:
        raise BadValueError("empty")
    if len(value) > too_large:
        raise BadValueError("too_large")
    if len(value) < 5 or value[0] != 0:
        raise BadValueError("bad_framing")
    schema_id = int.from_bytes(value[1:5], "big")
    if schema_id not in schemas:
        raise BadValueError("unknown_schema")
    reader = Reader(value[5:], schemas[schema_id])
    record = reader.record()
    if reader.at != len(reader.data):
        raise BadValueError("trailing_bytes")
    return record
