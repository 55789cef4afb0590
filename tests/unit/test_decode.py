"""The decoding kernel: what it reads is what fastavro reads; what it refuses has the reason that the page gives it."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.decoding import BadValueError, read_framed
from tests.oracle.events import event_of, reject_reason
from tests.oracle.hashes import hash64
from tests.unit.wire import GOOD, NOW, OURS, WRITERS, datum, framed, parsed, records, writer
from udfs.avro_bytes import is_utf8
from udfs.decode import Decoder
from udfs.decode_kernel import STACK
from udfs.decode_program import Incompatible, compile_program
from udfs.event_times import event_times
from udfs.reasons import REASONS
from udfs.schemas import LocalSchemas

LATEST = NOW + 60_000
KEEP = ("user_id", "item_id", "item_category")
decoder = Decoder(LocalSchemas(WRITERS), KEEP)
any_writer = st.sampled_from(sorted(WRITERS))
#: (schema id, record)
messages = any_writer.flatmap(lambda schema_id: st.tuples(st.just(schema_id), records(schema_id)))


def read_by_fastavro(body: bytes, schema: Any) -> dict[str, Any]:
    """A record of our fields, as the tests' oracle wants it."""
    record: Any = fastavro.schemaless_reader(io.BytesIO(body), parsed(json.dumps(schema)), None)
    ours: dict[str, Any] = {field["name"]: field.get("default") for field in OURS["fields"]}
    return ours | {name: value.decode() if isinstance(value, bytes) else value for name, value in record.items() if name in ours}


def fields_of(decoded: Any, row: int) -> dict[str, Any]:
    """What the kernel made of a row, in the words of the oracle."""
    event = decoded.events[row]
    names = ("kind", "device", "country", "event_id", "item", "category", "quantity", "price", "engagement_ms")
    texts = {name: decoded.strings(name, [row])[0] for name in KEEP}
    numbers = {name: event[name].item() for name in names}
    return {**numbers, **texts, "time": int(event["event_time"]), "granted": bool(decoded.granted[row]), "user": int(decoded.users[row])}


def expected_fields(record: dict[str, Any]) -> dict[str, Any]:
    event = event_of(record)
    names = ("kind", "device", "country", "event_id", "item", "category", "quantity", "price", "engagement_ms", "time", "granted")
    return {name: getattr(event, name) for name in names} | {name: record[name] for name in KEEP} | {"user": hash64(record["user_id"])}


@given(st.lists(messages, max_size=6))
@settings(deadline=None)
def test_reads_what_fastavro_reads_whoever_wrote_it(batch: list[tuple[int, dict[str, Any]]]) -> None:
    """Several writer schemas in one batch; good and rejected events between each other."""
    bodies = [datum(record, WRITERS[schema_id]) for schema_id, record in batch]
    decoded = decoder.values([framed(body, schema_id) for body, (schema_id, _) in zip(bodies, batch, strict=True)], LATEST)
    for row, (body, (schema_id, _)) in enumerate(zip(bodies, batch, strict=True)):
        try:
            record = read_by_fastavro(body, WRITERS[schema_id])
        except UnicodeDecodeError:
            assert REASONS[decoded.reasons[row]] == "invalid_utf8"
            continue
        assert REASONS[decoded.reasons[row]] == (reject_reason(record, NOW) or "")
        if decoded.good[row]:
            assert fields_of(decoded, row) == expected_fields(record)
            assert decoded.events["row"][row] == row


@given(st.lists(st.tuples(any_writer, st.binary(max_size=60)) | messages, max_size=5), st.data())
@settings(deadline=None, max_examples=300)
def test_any_bytes_get_the_reason_of_the_page(batch: list[tuple[int, Any]], data: st.DataObject) -> None:
    values = []
    for schema_id, content in batch:
        body = content if isinstance(content, bytes) else datum(content, WRITERS[schema_id])
        at = data.draw(st.integers(0, len(body)))
        cut, put = data.draw(st.integers(0, 2)), data.draw(st.binary(max_size=3))
        values.append(framed(body[:at] + put + body[at + cut :], schema_id))
    decoded = decoder.values(values, LATEST)
    for value, code in zip(values, decoded.reasons.tolist(), strict=True):
        try:
            expected = reject_reason(read_framed(value, WRITERS, 10**6), NOW) or ""
        except BadValueError as bad:
            expected = str(bad)
        assert REASONS[code] == expected


BODY = datum(GOOD)
ONLY = (("event_id", "string"), ("user_id", "string"))
POISON: dict[str, list[bytes | None]] = {
    "empty": [None, b""],
    "too_large": [framed(datum({**GOOD, "item_name": "x" * 5_000_000})), b"\x00" * 1_000_001],
    "bad_framing": [b"\x00\x00\x00\x00", b'{"event_id": "e1", "user_id": "u1"}', b"\x01" + framed(BODY)[1:]],
    "unknown_schema": [framed(BODY, 999), framed(BODY, 2**32 - 1)],
    "wrong_type": [framed(BODY, 2)],
    "truncated": [framed(b""), framed(BODY[:-1]), framed(BODY[:7])],
    "malformed": [framed(b"\x01"), framed(b"\xff" * 10 + BODY), framed(BODY[:6] + b"\x08" + BODY[7:])],
    "invalid_utf8": [framed(datum({**GOOD, "event_id": "??"}).replace(b"??", b"\xc3(")), framed(BODY.replace(b"i1", b"\xed\xa0", 1))],
    "trailing_bytes": [framed(BODY + b"\x00"), framed(BODY + BODY)],
    "missing_event_id": [framed(datum({**GOOD, "event_id": ""})), framed(datum({**GOOD, "event_id": "", "user_id": ""}))],
    "missing_user_id": [framed(datum({**GOOD, "user_id": "", "price": -1.0}))],
    "bad_price": [framed(datum({**GOOD, "price": price})) for price in (-0.01, float("nan"), float("inf"), float("-inf"))],
    "time_in_future": [framed(datum({**GOOD, "event_time": time})) for time in (LATEST + 1, 2**63 - 1)],
    "time_too_old": [framed(datum({**GOOD, "event_time": time})) for time in (946_684_800_000 - 1, 0, -(2**63))],
}


def test_there_is_poison_for_every_reason() -> None:
    assert {*POISON, "block_damaged", ""} == set(REASONS)


@pytest.mark.parametrize("reason", POISON)
def test_poison_has_its_reason_and_leaves_its_neighbours_alone(reason: str) -> None:
    good = framed(BODY)
    for poison in POISON[reason]:
        decoded = decoder.values([good, poison, good, framed(datum({**GOOD, "event_id": "e2"}))], LATEST)
        assert [REASONS[code] for code in decoded.reasons] == ["", reason, "", ""]
        assert fields_of(decoded, 0) == fields_of(decoded, 2) == expected_fields({**dict.fromkeys(KEEP), **GOOD})
        assert decoded.events["event_id"][3] != decoded.events["event_id"][0]


def test_what_lies_on_the_edge_is_good() -> None:
    edges = [
        {**GOOD, "event_time": LATEST},
        {**GOOD, "event_time": 946_684_800_000},
        {**GOOD, "price": 0.0},
        {**GOOD, "price": -0.0},
        {**GOOD, "item_name": "x" * (10**6 - len(framed(datum({**GOOD, "item_name": "x" * 2**15}))) + 2**15)},
    ]
    values = [framed(datum(record)) for record in edges]
    assert len(values[-1]) == 10**6
    decoded = decoder.values(values, LATEST)
    assert decoded.good.all()
    assert not np.signbit(decoded.events["price"][3])


def test_an_absent_user_is_missing_whatever_type_says_so() -> None:
    schema = writer(("event_id", ["null", "string"]), ("user_id", ["null", "string"]), ("event_time", "long"))
    nullable = Decoder(LocalSchemas({7: schema}))
    record = {"event_id": "e", "user_id": "u", "event_time": NOW}
    batch = [record, {**record, "user_id": None}, {**record, "event_id": None}]
    decoded = nullable.values([framed(datum(one, schema), 7) for one in batch], LATEST)
    assert [REASONS[code] for code in decoded.reasons] == ["", "missing_user_id", "missing_event_id"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "enum", "name": "ShopEvent", "symbols": ["a"]},
        {"type": "array", "items": OURS},
        [OURS],
        "string",
        writer(("user_id", "string"), ("event_time", "long")),
        writer(("event_id", "long"), ("user_id", "string"), ("event_time", "long")),
        writer(*ONLY, ("event_time", "string")),
        writer(*ONLY, ("event_time", "double")),
        writer(*ONLY, ("event_time", "long"), ("quantity", "long")),
        writer(*ONLY, ("event_time", "long"), ("price", {"type": "array", "items": "double"})),
        writer(*ONLY, ("event_time", "long"), ("device", "string")),
        writer(*ONLY, ("event_time", "long"), ("x", "NoSuchType")),
        {"type": "record", "name": "ShopEvent"},
    ],
)
def test_a_writer_whose_events_cannot_become_ours(schema: Any) -> None:
    with pytest.raises(Incompatible):
        compile_program(schema)
    other = Decoder(LocalSchemas({7: schema}), KEEP)
    decoded = other.values([framed(BODY, 7), framed(BODY), framed(b"", 7)], LATEST)
    assert [REASONS[code] for code in decoded.reasons] == ["wrong_type", "", "wrong_type"]


def test_a_branch_that_cannot_become_ours_is_the_fault_of_its_record_only() -> None:
    schema = writer(
        ("event_id", "string"), ("user_id", "string"), ("event_time", ["long", "string", "null"]), ("price", ["null", "boolean"])
    )
    record = {"event_id": "e", "user_id": "u", "event_time": NOW, "price": None}
    batch = [record, {**record, "event_time": "today"}, {**record, "price": True}, {**record, "event_time": None}]
    decoded = Decoder(LocalSchemas({7: schema})).values([framed(datum(one, schema), 7) for one in batch], LATEST)
    assert [REASONS[code] for code in decoded.reasons] == ["", "wrong_type", "wrong_type", "wrong_type"]


def nested(depth: int) -> bytes:
    schema = writer(
        ("event_id", "string"), ("user_id", "string"), ("event_time", "long"),
        ("list", {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}),
    )  # fmt: skip
    body = datum({"event_id": "e", "user_id": "u", "event_time": NOW, "list": {"next": None}}, schema)
    decoded = Decoder(LocalSchemas({7: schema})).values([framed(body[:-1] + b"\x02" * depth + b"\x00", 7)], LATEST)
    return REASONS[decoded.reasons[0]].encode()


def test_nesting_has_a_limit() -> None:
    assert nested(STACK - 1) == b""
    assert nested(STACK) == b"malformed"
    assert nested(100_000) == b"malformed"


def test_a_count_of_nothing_takes_no_time() -> None:
    schema = writer(("nothing", {"type": "array", "items": "null"}), ("event_id", "string"), ("user_id", "string"), ("event_time", "long"))
    many = b"\xfe" + b"\xff" * 8 + b"\x01"
    body = datum({"nothing": [], "event_id": "e", "user_id": "u", "event_time": NOW}, schema)
    decoded = Decoder(LocalSchemas({7: schema})).values([framed(many + body, 7)], LATEST)
    assert decoded.good.all()


@given(st.binary(max_size=12) | st.text(max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_utf8_is_what_python_says(data: bytes) -> None:
    def python_reads() -> bool:
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        return True

    assert is_utf8(np.frombuffer(data, np.uint8), 0, len(data)) == python_reads()


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\x80",
        b"\xe2\x82",
    ],
)
def test_these_are_not_utf8(data: bytes) -> None:
    assert not is_utf8(np.frombuffer(data, np.uint8), 0, len(data))


@given(any_writer.flatmap(lambda schema_id: st.tuples(st.just(schema_id), st.lists(records(schema_id), max_size=6))), st.data())
@settings(deadline=None)
def test_blocks_are_read_as_values_are_however_they_are_cut(batch: tuple[int, list[dict[str, Any]]], data: st.DataObject) -> None:
    schema = WRITERS[batch[0]]
    bodies = [datum(record, schema) for record in batch[1]]
    one_by_one = decoder.values([framed(body, batch[0]) for body in bodies], LATEST)
    decodes = [REASONS[code] not in ("invalid_utf8", "wrong_type") for code in one_by_one.reasons]
    bodies = [body for body, fine in zip(bodies, decodes, strict=True) if fine]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(bodies)), max_size=3)))
    blocks = [bodies[start:end] for start, end in zip([0, *cuts], [*cuts, len(bodies)], strict=True)]
    decoded = decoder.blocks(schema, [(len(block), b"".join(block)) for block in blocks], LATEST)
    assert not decoded.rests
    assert decoded.reasons.tolist() == one_by_one.reasons[decodes].tolist()
    good = decoded.good
    for name in ("event_time", "event_id", "item", "category", "kind", "device", "country", "quantity", "price", "engagement_ms"):
        assert decoded.events[name][good].tolist() == one_by_one.events[name][decodes][good].tolist()
    rows = np.flatnonzero(good)
    assert decoded.strings("user_id", rows) == one_by_one.strings("user_id", np.flatnonzero(decodes)[rows])
    assert [decoded.data[start:end].tobytes() for start, end in zip(decoded.starts, decoded.ends, strict=True)] == bodies
    times = np.concatenate([event_times(schema, b"".join(block), len(block)) for block in blocks])
    assert times.tolist() == decoded.events["event_time"].tolist()


def test_a_damaged_block_keeps_what_was_before_the_damage() -> None:
    bodies = [datum({**GOOD, "event_id": f"e{n}"}) for n in range(5)]
    broken = b"".join(bodies[:3]) + b"\xff" * 40
    decoded = decoder.blocks(OURS, [(5, b"".join(bodies)), (5, broken), (5, b"".join(bodies))], LATEST)
    assert decoded.good.tolist() == [True] * 13
    (rest,) = decoded.rests
    at = len(b"".join(bodies[:3]))
    assert (rest.block, rest.row, rest.at, rest.lost, REASONS[rest.reason], rest.data) == (1, 3, at, 2, "malformed", b"\xff" * 40)
    assert rest.start == len(b"".join(bodies)) + at
    assert len(event_times(OURS, broken, 5)) == 3


def test_counts_that_lie() -> None:
    body = datum(GOOD)
    for count, lost, reason, data in ((2**62, 2**62 - 1, "truncated", b""), (0, 0, "trailing_bytes", body)):
        decoded = decoder.blocks(OURS, [(count, body)], LATEST)
        (rest,) = decoded.rests
        assert (rest.lost, REASONS[rest.reason], rest.data) == (lost, reason, data)


def test_a_schema_that_fails_condemns_its_blocks() -> None:
    decoded = decoder.blocks(writer(("user_id", "string")), [(2, b"ab"), (1, b"c")], LATEST)
    assert len(decoded.events) == 0
    assert [(REASONS[rest.reason], rest.lost, rest.data) for rest in decoded.rests] == [("wrong_type", 2, b"ab"), ("wrong_type", 1, b"c")]


def test_nothing_gives_nothing() -> None:
    assert len(decoder.values([], LATEST).events) == 0
    assert len(decoder.blocks(OURS, [], LATEST).events) == 0
