"""Events moved in time: each is decoded, moved and encoded again by the schema that wrote it."""

from __future__ import annotations

import io
from typing import Any

import fastavro

from udfs.archive_records import FRAMING_BYTES, UNDECODABLE
from udfs.schemas import Schema, SchemaStore, UnknownSchema, plain

TIME = "event_time"
_NO_EVENT: tuple[type[Exception], ...] = (*UNDECODABLE, KeyError)


class TimeShift:
    """Moves event times.

    Parameters
    ----------
    ms
        How far.
    schemas
        Where the schemas of framed values come from.
    """

    def __init__(self, ms: int, schemas: SchemaStore) -> None:
        self.ms = ms
        self._schemas = schemas
        self._parsed: dict[int, tuple[Schema, Any]] = {}
        self._by_framing: dict[bytes, Schema | None] = {}

    def datum(self, schema: Schema, datum: bytes) -> bytes:
        """Move an event; what is none stays as it is."""
        # By identity, which is quick; the schema is kept, so that no other can have the same.
        held = self._parsed.get(id(schema))
        if held is None:
            held = self._parsed[id(schema)] = (schema, fastavro.parse_schema(plain(schema)))
        body = io.BytesIO(datum)
        try:
            event: Any = fastavro.schemaless_reader(body, held[1], None)
            if body.read(1):
                return datum
            event[TIME] += self.ms
            moved = io.BytesIO()
            fastavro.schemaless_writer(moved, held[1], event)
        except _NO_EVENT:
            return datum
        return moved.getvalue()

    def framed(self, value: bytes | None) -> bytes | None:
        """Move an event with Confluent framing; what is none, or has a schema that is not known, stays as it is."""
        if not value or len(value) < FRAMING_BYTES or value[0]:
            return value
        framing = value[:FRAMING_BYTES]
        if framing not in self._by_framing:
            try:
                self._by_framing[framing] = self._schemas.get(int.from_bytes(framing[1:], "big"))
            except UnknownSchema:
                self._by_framing[framing] = None
        schema = self._by_framing[framing]
        return value if schema is None else framing + self.datum(schema, value[FRAMING_BYTES:])
