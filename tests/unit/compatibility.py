"""FULL_TRANSITIVE: any version reads what any other wrote, and loses nothing that both know."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import fastavro
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import make_avsc_object

from udfs.schemas import plain

Schema = dict[str, Any]


def problems(old: Schema, new: Schema) -> list[str]:
    """What breaks between an older and a newer version; empty if nothing does."""
    found = [f"{which}: {line}" for which, schema in (("older", old), ("newer", new)) for line in _without_default(schema)]
    found += [f"{field} is gone or renamed" for field in _fields(old) if field not in _fields(new)]
    kinds = _named(new)
    found += [
        f"{symbol} is gone from {name}"
        for name, kind in _named(old).items()
        for symbol in kind.get("symbols", ())
        if symbol not in kinds.get(name, {}).get("symbols", ())
    ]
    for name, reader, writer in (("newer reads older", new, old), ("older reads newer", old, new)):
        # The rules of the specification, as Avro's own library has them …
        result = ReaderWriterCompatibilityChecker().get_compatibility(  # type: ignore[no-untyped-call]
            make_avsc_object(reader), make_avsc_object(writer)
        )
        if result.compatibility is not SchemaCompatibilityType.compatible:
            found.append(f"{name}: {'; '.join(sorted(result.messages))}")
            continue
        # … and bytes, by the library that is used.
        found += [f"{name}: {line}" for line in _lost(reader, writer)]
    return found


def records(schema: Schema) -> Iterator[dict[str, Any]]:
    """Records in which every field takes each of its types and symbols."""
    named = _named(schema)
    choices = {field["name"]: list(_values(field["type"], named)) for field in schema["fields"]}
    for n in range(max(map(len, choices.values()))):
        yield {name: values[n % len(values)] for name, values in choices.items()}


def _lost(reader: Schema, writer: Schema) -> Iterator[str]:
    by, of = fastavro.parse_schema(plain(writer)), fastavro.parse_schema(plain(reader))
    shared = _fields(reader).keys() & _fields(writer).keys()
    for record in records(plain(writer)):
        data = io.BytesIO()
        fastavro.schemaless_writer(data, by, record)
        data.seek(0)
        try:
            read: Any = fastavro.schemaless_reader(data, by, of)
        except (fastavro.read.SchemaResolutionError, EOFError, ValueError, LookupError, TypeError) as error:
            yield f"{type(error).__name__}: {error}"
            return
        for name in sorted(shared):
            kind = _enum(reader, _fields(reader)[name])
            expected = record[name] if not kind or record[name] in kind["symbols"] else kind["default"]
            if read[name] != expected:
                yield f"{name} was {record[name]!r} and is {read[name]!r}"


def _without_default(schema: Schema) -> Iterator[str]:
    for kind in _named(schema).values():
        if kind["type"] == "enum" and kind.get("default") not in kind["symbols"]:
            yield f"enum {kind['name']} has no default"


def _fields(schema: Schema) -> dict[str, Any]:
    return {field["name"]: field["type"] for field in schema["fields"]}


def _enum(schema: Schema, type_: Any) -> Schema | None:
    kind = _named(schema).get(type_) if isinstance(type_, str) else type_
    return kind if isinstance(kind, dict) and kind["type"] == "enum" else None


def _named(schema: Any) -> dict[str, Schema]:
    """Every record and enum of a schema by name."""
    if isinstance(schema, list):
        return {name: kind for branch in schema for name, kind in _named(branch).items()}
    if not isinstance(schema, dict):
        return {}
    found = {schema["name"]: schema} if "name" in schema else {}
    for part in (*(field["type"] for field in schema.get("fields", ())), schema.get("items"), schema.get("values"), schema["type"]):
        found |= _named(part)
    return found


def _values(type_: Any, named: dict[str, Schema]) -> Iterator[Any]:
    if isinstance(type_, list):
        for branch in type_:
            yield from _values(branch, named)
    elif isinstance(type_, str) and type_ in named:
        yield from _values(named[type_], named)
    elif isinstance(type_, str):
        yield from _SIMPLE[type_]
    elif type_["type"] == "enum":
        yield from type_["symbols"]
    elif type_["type"] == "array":
        yield []
        yield list(_values(type_["items"], named))
    elif type_["type"] == "map":
        yield {}
        yield {f"k{n}": value for n, value in enumerate(_values(type_["values"], named))}
    elif type_["type"] == "record":
        yield {field["name"]: next(iter(_values(field["type"], named))) for field in type_["fields"]}
    else:
        yield from _values(type_["type"], named)


_SIMPLE: dict[str, tuple[Any, ...]] = {
    "null": (None,),
    "boolean": (True, False),
    "int": (0, -(2**31), 2**31 - 1),
    "long": (0, -(2**63), 2**63 - 1),
    "float": (0.0, 0.5, -(2.0**20)),
    "double": (0.0, 19.99, -1e300),
    "string": ("", "text", "Grüße 🛒"),
    "bytes": (b"", b"\x00\xff"),
}
