"""What a value holds, field by field, as far as it can be read: for people who look at one that was rejected."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from udfs.archive_records import FRAMING_BYTES, UNDECODABLE
from udfs.framing import SCHEMA_HEADER, framed
from udfs.schemas import SchemaStore, SchemaUnavailable, UnknownSchema, plain


def dissect(value: bytes | None, headers: Mapping[str, bytes | None], store: SchemaStore) -> dict[str, Any]:
    """Read a value as far as it goes.

    Parameters
    ----------
    value, headers
        Of the record.
    store
        Where its schema comes from.

    Returns
    -------
    dict
        schema_id, schema (its name; None if it is not known), fields (those before the trouble), problem (None if all of it was read), and
        problem_at (byte of the datum).
    """
    found: dict[str, Any] = {"schema_id": None, "schema": None, "fields": {}, "problem": None, "problem_at": None}
    try:
        whole = framed(value, headers, store)
        if not whole or whole[0] or len(whole) < FRAMING_BYTES:
            where = f"the header {SCHEMA_HEADER} is damaged" if SCHEMA_HEADER in headers else "it does not begin with a schema id"
            return {**found, "problem": where if whole else "it is empty"}
        found["schema_id"] = int.from_bytes(whole[1:FRAMING_BYTES], "big")
        schema = store.get(found["schema_id"])
    except (UnknownSchema, SchemaUnavailable) as error:
        return {**found, "problem": error.message}
    found["schema"] = schema.get("name")
    try:
        parts = _parts(plain(schema))
    except (SchemaParseException, ValueError, LookupError, TypeError):
        return {**found, "problem": "its schema is no record"}
    _read(io.BytesIO(whole[FRAMING_BYTES:]), parts, found)
    return found


def _parts(schema: Any) -> dict[str, Any]:
    """A record of one field for each field, so that each can be read by itself."""
    named: dict[str, Any] = {}
    return {
        field["name"]: fastavro.parse_schema({**schema, "name": f"{schema['name']}_{place}", "fields": [field]}, named_schemas=named)
        for place, field in enumerate(schema["fields"])
    }


def _read(datum: io.BytesIO, parts: dict[str, Any], found: dict[str, Any]) -> None:
    for name, part in parts.items():
        begin = datum.tell()
        try:
            read: Any = fastavro.schemaless_reader(datum, part, None)
            found["fields"] |= read
        except UNDECODABLE as error:
            found |= {"problem": f"{name} does not decode: {type(error).__name__}", "problem_at": begin}
            return
    if rest := datum.read():
        found |= {"problem": f"{len(rest)} bytes are left behind the record", "problem_at": datum.tell() - len(rest)}
