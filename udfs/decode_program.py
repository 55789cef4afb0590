"""Compile a writer schema into a program that the decoding kernel runs over the bytes of each record.

The program resolves the writer's schema to `avro/shop_event` as the Avro specification 1.12 says ("Schema Resolution"): fields by name,
unknown ones skipped, numbers promoted, enum symbols by name, unknown symbols to the default.
"""

from __future__ import annotations

from typing import Any

import fastavro
import numpy as np
from fastavro.schema import SchemaParseException

from udfs import decode_codes as codes
from udfs.decode_codes import Program
from udfs.schemas import load

#: What of the writer can become a type of ours.
PROMOTIONS = {
    "string": {"string", "bytes"},
    "int": {"int"},
    "long": {"int", "long"},
    "double": {"int", "long", "float", "double"},
    "enum": {"enum"},
    "null": {"null"},
}
PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
CONSTRUCTED = {"record", "error", "enum", "fixed", "array", "map"}
PERSONALIZATION = "personalization_storage"
#: Absent is a reason of its own for these, so null may stand there.
MAY_BE_ABSENT = ("event_id", "user_id")

Schema = Any


class Incompatible(ValueError):
    """Nothing that was written with this schema can become an event of ours."""


def compile_program(
    schema: Schema, keep: tuple[str, ...] = ("user_id",), *, times_only: bool = False, consent: str = PERSONALIZATION
) -> Program:
    """Compile a writer schema.

    Parameters
    ----------
    schema
        The writer's schema, as JSON has it.
    keep
        Text fields of ours whose place in the bytes is wanted.
    times_only
        Check everything but take only the event time.
    consent
        The consent that is asked for.

    Raises
    ------
    Incompatible
        If it is no record, lacks a field of ours that has no default, or gives one a type that cannot become ours.
    """
    return _Compiler(schema, keep, times_only, consent).program()


class _Compiler:
    def __init__(self, schema: Schema, keep: tuple[str, ...], times_only: bool, consent: str) -> None:
        self._schema = schema
        self._keep = keep
        self._times_only = times_only
        self._destinations = codes.DESTINATIONS | {PERSONALIZATION: codes.SKIP, consent: codes.CONSENT}
        self._names: dict[str, Schema] = {}
        self._code: list[list[int]] = []
        self._tables: list[int] = []
        self._calls: list[tuple[int, int]] = []
        self._records: dict[int, Schema] = {}

    def program(self) -> Program:
        if not isinstance(self._schema, dict) or self._schema.get("type") != "record":
            raise Incompatible("the schema is no record")
        try:
            # With full names everywhere.
            self._schema = fastavro.parse_schema(self._schema, named_schemas=self._names)
            self._event()
        except Incompatible:
            raise
        except (SchemaParseException, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Incompatible(f"the schema makes no sense: {error!r}") from error
        code = np.array(self._code, np.int32).reshape(-1, 4)
        return Program(code, np.array([*self._tables, 0], np.int32), self._keep)

    def _event(self) -> None:
        ours = {field["name"]: field for field in load("shop_event")["fields"]}
        theirs = [field["name"] for field in self._schema["fields"]]
        for name, field in ours.items():
            if name not in theirs and "default" not in field:
                raise Incompatible(f"there is no {name}")
        for field in self._schema["fields"]:
            name = field["name"]
            if name in ours:
                self._resolve(name, field["type"], ours[name]["type"])
            else:
                self._value(field["type"], codes.SKIP)
        self._add(codes.END)
        addresses: dict[int, int] = {}
        while self._calls:
            at, record = self._calls.pop()
            if record not in addresses:
                addresses[record] = len(self._code)
                for field in self._records[record]["fields"]:
                    self._value(field["type"], codes.SKIP)
                self._add(codes.RETURN)
            self._code[at][2] = addresses[record]

    def _resolve(self, name: str, theirs: Schema, ours: Schema) -> None:
        """A field of ours."""
        allowed: set[str] = set()
        for branch in ours if isinstance(ours, list) else [ours]:
            kind = branch if isinstance(branch, str) else branch["type"]
            allowed |= PROMOTIONS.get(kind, {"enum"})  # a name: all of ours are enums
        branches = [self._kind(branch) for branch in self._branches(theirs)]
        if not allowed & set(branches):
            raise Incompatible(f"{name} is {' or '.join(branches)}")
        if name in MAY_BE_ABSENT:
            allowed |= {"null"}
        destination = self._destinations.get(name, codes.SKIP)
        if self._times_only and destination != codes.TIME:
            destination = codes.SKIP
        column = self._keep.index(name) if name in self._keep else -1
        self._value(theirs, destination, column, allowed)

    def _value(self, schema: Schema, destination: int, column: int = -1, allowed: set[str] | None = None) -> None:
        schema = self._named(schema)
        if isinstance(schema, list):
            self._union(schema, destination, column, allowed)
            return
        kind = self._kind(schema)
        right = allowed is None or kind in allowed
        self._read(schema, kind, destination if right else codes.SKIP, column, of_ours=allowed is not None)
        if not right:
            self._add(codes.WRONG_TYPE)

    def _read(self, schema: Schema, kind: str, destination: int, column: int, *, of_ours: bool) -> None:
        if kind in ("string", "bytes"):
            self._add(codes.TEXT, destination, column, int(kind == "string" or of_ours))
        elif kind in ("int", "long"):
            self._add(codes.INTEGER, destination, int(kind == "int"))
        elif kind in ("float", "double"):
            self._add(codes.FLOAT if kind == "float" else codes.DOUBLE, destination)
        elif kind == "boolean":
            self._add(codes.BOOLEAN)
        elif kind == "enum":
            table = len(self._tables)
            known = codes.SYMBOLS.get(destination, ())
            self._tables += [known.index(symbol) if symbol in known else 0 for symbol in schema["symbols"]]
            self._add(codes.ENUM, destination, len(schema["symbols"]), table)
        elif kind == "fixed":
            self._add(codes.FIXED, codes.SKIP, int(schema["size"]))
        elif kind in ("array", "map"):
            self._loop(schema, kind)
        elif kind in ("record", "error"):
            self._records[id(schema)] = schema
            self._calls.append((self._add(codes.CALL), id(schema)))
        elif kind != "null":
            raise Incompatible(f"there is no type {kind}")

    def _union(self, branches: list[Schema], destination: int, column: int, allowed: set[str] | None) -> None:
        if len(branches) == 2 and "null" in branches and (allowed is None or "null" in allowed):
            null = branches.index("null")
            start = self._add(codes.OPTIONAL, codes.SKIP, null)
            self._value(branches[1 - null], destination, column, allowed)
            if len(self._code) == start + 2:
                return
            del self._code[start:]
            self._calls = [call for call in self._calls if call[0] < start]
        table = len(self._tables)
        self._tables += [0] * len(branches)
        self._add(codes.UNION, codes.SKIP, len(branches), table)
        jumps = []
        for number, branch in enumerate(branches):
            self._tables[table + number] = len(self._code)
            self._value(branch, destination, column, allowed)
            jumps.append(self._add(codes.JUMP))
        for jump in jumps:
            self._code[jump][2] = len(self._code)

    def _loop(self, schema: Schema, kind: str) -> None:
        self._add(codes.ENTER)
        items = schema["items"] if kind == "array" else schema["values"]
        head = self._add(codes.NEXT, codes.SKIP, 0, int(kind == "array" and self._is_nothing(items, ())))
        if kind == "map":
            self._add(codes.TEXT, codes.SKIP, -1, 1)
        self._value(items, codes.SKIP)
        self._add(codes.JUMP, codes.SKIP, head)
        self._code[head][2] = len(self._code)

    def _add(self, *instruction: int) -> int:
        self._code.append([*instruction, 0, 0, 0][:4])
        return len(self._code) - 1

    def _is_nothing(self, schema: Schema, inside: tuple[int, ...]) -> bool:
        """Whether values take no bytes: a count of them would cost time without end."""
        schema = self._named(schema)
        if isinstance(schema, list) or id(schema) in inside:
            return False
        kind = self._kind(schema)
        if kind in ("record", "error"):
            return all(self._is_nothing(field["type"], (*inside, id(schema))) for field in schema["fields"])
        return kind == "null" or (kind == "fixed" and schema["size"] == 0)

    def _named(self, schema: Schema) -> Schema:
        """A type itself, where the schema has its name or wraps it."""
        while True:
            if isinstance(schema, str) and schema not in PRIMITIVES:
                schema = self._names[schema]
            elif isinstance(schema, dict) and (isinstance(schema["type"], list) or schema["type"] not in CONSTRUCTED | PRIMITIVES):
                schema = schema["type"]
            else:
                return schema

    def _kind(self, schema: Schema) -> str:
        schema = self._named(schema)
        return schema if isinstance(schema, str) else str(schema["type"])

    def _branches(self, schema: Schema) -> list[Schema]:
        schema = self._named(schema)
        return schema if isinstance(schema, list) else [schema]
