"""What a rejected value is said to hold."""

from __future__ import annotations

import pytest

from jobs.cli.hexdump import hexdump
from tests.golden.make import RECORDS, stored
from udfs.anatomy import dissect
from udfs.framing import SCHEMA_HEADER
from udfs.schemas import LocalSchemas

DATUM, EVENT = stored("shop_event", 1), RECORDS["shop_event", 1]
FRAMING = b"\0\0\0\0\1"


def test_a_whole_event() -> None:
    for value, headers in ((FRAMING + DATUM, {}), (DATUM, {SCHEMA_HEADER: FRAMING})):
        found = dissect(value, headers, LocalSchemas())
        assert found == {"schema_id": 1, "schema": "ShopEvent", "fields": EVENT, "problem": None, "problem_at": None}


@pytest.mark.parametrize("cut", range(len(DATUM)))
def test_an_event_that_is_cut_short_is_read_up_to_there(cut: int) -> None:
    found = dissect(FRAMING + DATUM[:cut], {}, LocalSchemas())
    names = list(found["fields"])
    assert names == list(EVENT)[: len(names)]
    assert {**EVENT, **found["fields"]} == EVENT
    assert found["problem"].startswith(f"{list(EVENT)[len(names)]} does not decode")
    assert found["problem_at"] <= cut


def test_bytes_behind_the_event() -> None:
    found = dissect(FRAMING + DATUM + b"xy", {}, LocalSchemas())
    assert (found["fields"], found["problem"], found["problem_at"]) == (EVENT, "2 bytes are left behind the record", len(DATUM))


@pytest.mark.parametrize(
    ("value", "headers", "problem"),
    [
        (None, {}, "it is empty"),
        (b"", {}, "it is empty"),
        (b"\0\0\0", {}, "it does not begin with a schema id"),
        (b"hello world", {}, "it does not begin with a schema id"),
        (DATUM, {SCHEMA_HEADER: b"\3"}, f"the header {SCHEMA_HEADER} is damaged"),
        (b"\0\0\0\0\x63" + DATUM, {}, "no schema has the id 99"),
    ],
)
def test_what_has_no_schema(value: bytes | None, headers: dict[str, bytes | None], problem: str) -> None:
    assert dissect(value, headers, LocalSchemas())["problem"] == problem


def test_a_schema_that_is_no_record() -> None:
    assert dissect(b"\0\0\0\0\x64" + DATUM, {}, LocalSchemas({100: {"type": "string"}}))["problem"] == "its schema is no record"


def test_hexdump() -> None:
    assert list(hexdump(bytes(range(60, 78)))) == [
        "  00000000  3c 3d 3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b  <=>?@ABCDEFGHIJK",
        "  00000010  4c 4d                                            LM",
    ]
    assert list(hexdump(b"abc\n", at_most=2))[-1] == "  … and 2 bytes more"
    assert list(hexdump(b"")) == []
