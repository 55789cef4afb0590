"""The schemas of `avro/`: what they promise to whoever wrote or reads the other version."""

from __future__ import annotations

import copy
import io
import itertools
from collections.abc import Callable
from typing import Any

import fastavro
import pytest

from tests.golden.make import RECORDS, encode, stored
from tests.unit.compatibility import problems
from udfs.schemas import LocalSchemas, SchemaError, UnknownSchema, load, names, plain

ALL = names()
PAIRS = [
    (name, older, newer)
    for name in sorted({name for name, _ in ALL})
    for older, newer in itertools.combinations_with_replacement([version for other, version in ALL if other == name], 2)
]
Schema = dict[str, Any]


@pytest.mark.parametrize(("name", "older", "newer"), PAIRS)
def test_every_version_reads_every_other(name: str, older: int, newer: int) -> None:
    assert problems(load(name, older), load(name, newer)) == []


def _field(schema: Schema, name: str) -> Schema:
    return next(field for field in schema["fields"] if field["name"] == name)


def _rename(schema: Schema) -> None:
    _field(schema, "price")["name"] = "cost"


def _add_without_default(schema: Schema) -> None:
    schema["fields"].append({"name": "store", "type": "string"})


def _change_type(schema: Schema) -> None:
    _field(schema, "quantity")["type"] = ["null", "string"]


def _narrow(schema: Schema) -> None:
    _field(schema, "price")["type"] = ["null", "float"]


def _drop_enum_default(schema: Schema) -> None:
    del _field(schema, "event_name")["type"]["default"]


def _drop_symbol(schema: Schema) -> None:
    # Each still reads the other, and what was a promotion is silently something else.
    _field(schema, "event_name")["type"]["symbols"].remove("select_promotion")


def _remove_required(schema: Schema) -> None:
    schema["fields"].remove(_field(schema, "user_id"))


def _forbid_null(schema: Schema) -> None:
    _field(schema, "item_id").update(type="string", default="")


def _rename_record(schema: Schema) -> None:
    schema["name"] = "Event"


BREAKING: list[tuple[Callable[[Schema], None], str]] = [
    (_rename, "price is gone or renamed"),
    (_add_without_default, "store"),
    (_change_type, "lacking writer type: INT"),
    (_narrow, "lacking writer type: DOUBLE"),
    (_drop_enum_default, "enum EventName has no default"),
    (_drop_symbol, "select_promotion is gone"),
    (_remove_required, "user_id is gone"),
    (_forbid_null, "null"),
    (_rename_record, "expected: swerve.v1.Event"),
]


@pytest.mark.parametrize(("change", "says"), BREAKING, ids=lambda part: getattr(part, "__name__", None))
def test_a_breaking_change_is_found(change: Callable[[Schema], None], says: str) -> None:
    newer = copy.deepcopy(load("shop_event"))
    change(newer)
    found = problems(load("shop_event"), newer)
    assert found
    assert any(says in line for line in found), found


def _add_field(schema: Schema) -> None:
    schema["fields"].append({"name": "store", "type": ["null", "string"], "default": None})


def _add_symbol(schema: Schema) -> None:
    _field(schema, "device")["type"]["symbols"].append("watch")


@pytest.mark.parametrize("change", [_add_field, _add_symbol])
def test_a_compatible_change_passes(change: Callable[[Schema], None]) -> None:
    newer = copy.deepcopy(load("shop_event"))
    change(newer)
    assert problems(load("shop_event"), newer) == []


@pytest.mark.parametrize(("name", "version"), ALL)
def test_golden_bytes(name: str, version: int) -> None:
    golden, schema = stored(name, version), fastavro.parse_schema(plain(load(name, version)))
    assert fastavro.schemaless_reader(io.BytesIO(golden), schema, None) == RECORDS[name, version]
    assert encode(name, version) == golden


@pytest.mark.parametrize(("name", "version"), ALL)
def test_every_field_is_explained(name: str, version: int) -> None:
    schema = load(name, version)
    assert schema["namespace"] == "swerve.v1"
    assert schema["doc"]
    assert [field["name"] for field in schema["fields"] if not field.get("doc")] == []


@pytest.mark.parametrize(("name", "version"), ALL)
def test_whoever_may_leave_a_field_out_gets_null(name: str, version: int) -> None:
    optional = [field for field in load(name, version)["fields"] if isinstance(field["type"], list)]
    assert [field["name"] for field in optional if field["type"][0] != "null" or field.get("default", "") is not None] == []


def test_local_ids() -> None:
    assert LocalSchemas().get(1) == load("shop_event")
    with pytest.raises(UnknownSchema, match="9"):
        LocalSchemas().get(9)
    more = {"type": "record", "name": "X", "fields": []}
    assert LocalSchemas({9: more}).get(9) is more


def test_a_missing_schema_is_named() -> None:
    with pytest.raises(SchemaError, match=r"shop_event\.v99\.avsc"):
        load("shop_event", 99)


def test_plain_leaves_numbers() -> None:
    assert "logicalType" not in str(plain(load("dead_letter")))
    assert "logicalType" in str(load("dead_letter"))
