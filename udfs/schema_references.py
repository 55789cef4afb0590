"""Schemas that refer to others made whole: each named type is put where it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from udfs.schemas import Schema

_HINT = "__"


def inline(schema: Any, referenced: Sequence[Any]) -> Schema:
    """Put referenced schemas into the one that refers to them.

    Parameters
    ----------
    schema
        The schema.
    referenced
        Those it refers to, each after those that it refers to itself.

    Returns
    -------
    dict
        One schema that needs no other, with full names; as it is, if they do not fit together, which whoever compiles it will say.
    """
    named: dict[str, Any] = {}
    try:
        for other in referenced:
            fastavro.parse_schema(other, named_schemas=named)
        parts = dict(named)
        whole = _filled(fastavro.parse_schema(schema, named_schemas=named), parts)
    except (SchemaParseException, ValueError, LookupError, TypeError, AttributeError):
        whole = schema
    return whole if isinstance(whole, dict) else {"type": whole}


def _filled(type_: Any, parts: dict[str, Any]) -> Any:
    """A type with the parts that it names; each is taken once, as Avro wants a name to be defined where it is first used."""
    if isinstance(type_, str):
        part = parts.pop(type_, None)
        return type_ if part is None else _filled(part, parts)
    if isinstance(type_, list):
        return [_filled(branch, parts) for branch in type_]
    if not isinstance(type_, dict):
        return type_
    parts.pop(str(type_.get("name")), None)
    filled = {key: value for key, value in type_.items() if not key.startswith(_HINT)}
    for key in ("type", "items", "values"):
        if key in filled:
            filled[key] = _filled(filled[key], parts)
    if "fields" in filled:
        filled["fields"] = [{**field, "type": _filled(field["type"], parts)} for field in filled["fields"]]
    return filled
