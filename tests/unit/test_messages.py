"""Blocks of records become messages of topics; what waits for its schema becomes a block and comes back."""

from __future__ import annotations

import io
import uuid

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.wire import GOOD, NOW, datum, framed
from udfs.blocks import pack_block, unpack_block
from udfs.collapse import Collapse, Collapsed, DeadLetter, Limits
from udfs.dead_letters import OMITTED, REASON, pack_dead_letters
from udfs.framing import SCHEMA_HEADER
from udfs.messages import OVERHEAD, messages
from udfs.raw_records import RawColumns, pack_raw, read_raw
from udfs.schemas import LocalSchemas, Schema, SchemaUnavailable, load, plain

CHANGE = {
    "change_id": "c1", "user_id": "ana", "sequence": 3, "event_time": NOW, "from_segment": -1, "to_segment": 1000, "cause": "first",
    "focus_before": 0, "focus_after": 7, "model_version": "1",
}  # fmt: skip


class Away:
    """A store whose registry does not answer, but for what it knows."""

    def __init__(self) -> None:
        self.answers = False

    def get(self, schema_id: int) -> Schema:
        if schema_id != 1 and not self.answers:
            raise SchemaUnavailable("the registry does not answer")
        return LocalSchemas().get(1)

    def get_by_guid(self, guid: uuid.UUID) -> int:
        if not self.answers:
            raise SchemaUnavailable("the registry does not answer")
        return 1


def letter(value: bytes | None, headers: dict[str, bytes | None] | None = None) -> DeadLetter:
    return DeadLetter("truncated", "the bytes end", "events", 2, 17, NOW, b"ana", value, headers or {})


def test_a_change_is_framed_and_keyed_by_its_user() -> None:
    (one, two) = messages("segment_change", pack_block("segment_change", [CHANGE, {**CHANGE, "user_id": "bea"}]), 70_000)
    assert (one.key, two.key, one.timestamp, one.headers) == (b"ana", b"bea", NOW, {})
    assert one.value is not None
    assert one.value[:5] == b"\0" + (70_000).to_bytes(4, "big")
    schema = fastavro.parse_schema(plain(load("segment_change")))
    assert fastavro.schemaless_reader(io.BytesIO(one.value[5:]), schema, None) == CHANGE


@given(st.lists(st.tuples(st.none() | st.binary(max_size=50), st.dictionaries(st.text(max_size=5), st.none() | st.binary(max_size=9)))))
def test_a_dead_letter_is_as_it_came(letters: list[tuple[bytes | None, dict[str, bytes | None]]]) -> None:
    block = pack_dead_letters([letter(*one) for one in letters], NOW)
    for message, (value, headers) in zip(messages("dead_letter", block, 0), letters, strict=True):
        assert (message.key, message.value, message.timestamp) == (b"ana", value, NOW)
        assert {name: message.headers[name] for name in headers} == headers
        assert message.headers[REASON] == b"truncated"
        assert message.headers["__connect.errors.offset"] == b"17"


def test_a_letter_larger_than_its_topic_takes_leaves_its_value_where_it_is() -> None:
    block = pack_dead_letters([letter(bytes(2_000)), letter(bytes(100))], NOW)
    large, small = messages("dead_letter", block, 0, OVERHEAD + 1_500)
    assert (large.value, large.headers[OMITTED]) == (None, b"2000")
    assert small.value == bytes(100)
    assert OMITTED not in small.headers


def collapsed(collapse: Collapse, records: RawColumns) -> Collapsed:
    columns = (records.value, records.key, records.headers, records.timestamp, records.partition, records.offset)
    return collapse.values(*columns, "events", NOW)


def test_only_what_cannot_be_looked_up_waits_and_then_counts_as_if_it_had_come_now() -> None:
    good = datum(GOOD)
    values = [framed(good), framed(good, 9), good, framed(good, 9)[:-2], b"\x01bad"]
    guid: dict[str, bytes | None] = {SCHEMA_HEADER: b"\x01" + uuid.uuid4().bytes}
    records = RawColumns([0, 0, 1, 1, 0], [4, 5, 6, 7, 8], [NOW] * 5, [b"u1"] * 5, list(values), [{}, {}, guid, {}, {}])
    store = Away()
    collapse = Collapse(Limits(buckets=1), store)
    first = collapsed(collapse, records)
    assert (first.events, [one.offset for one in first.dead_letters]) == (1, [8])
    assert first.waiting.offset == [5, 6, 7]

    store.answers = True
    later = RawColumns()
    for _, block in pack_raw(first.waiting):
        count, body = unpack_block(block)
        assert read_raw(body, count, later) == len(body)
    assert (later.value, later.headers) == ([values[1], good, values[3]], [{}, guid, {}])
    second = collapsed(collapse, later)
    assert (second.events, [(one.offset, one.reason, one.value) for one in second.dead_letters]) == (2, [(7, "truncated", values[3])])
    assert len(second.waiting) == 0
