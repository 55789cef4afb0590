"""A batch becomes one payload a bucket, in log order; what is no good event becomes a dead letter, whole and with its reason."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle.hashes import bucket_of
from tests.unit.wire import GOOD, NOW, OURS, WRITERS, datum, framed, records
from udfs.archive import ArchiveWriter, Chunk, index
from udfs.collapse import Collapse, Collapsed, DeadLetter, Limits
from udfs.dead_letters import pack_dead_letters
from udfs.decode import Decoder
from udfs.events import Payload, pack_payload, unpack_payload
from udfs.grouping import group
from udfs.schemas import LocalSchemas, load

BUCKETS = 8
collapse = Collapse(Limits(buckets=BUCKETS), LocalSchemas(WRITERS))
POISON = [
    None,
    b"",
    b"{}",
    framed(b"", 99),
    framed(datum(GOOD)[:-3]),
    framed(datum({**GOOD, "price": -1.0})),
    framed(datum(GOOD)) + b"!",
    framed(datum({**GOOD, "event_time": -(2**63)})),
]
good_values = st.builds(
    lambda user, number, time, consent: framed(
        datum({**GOOD, "user_id": user, "event_id": str(number), "event_time": NOW - time, "personalization_storage": consent})
    ),
    st.sampled_from([f"u{n}" for n in range(12)] + ["ä", "ü" * 40]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from(["GRANTED", "GRANTED", "DENIED"]),
)
logs = st.lists(good_values | st.sampled_from(POISON), max_size=40)


def run(values: list[bytes | None], first: int = 0) -> Collapsed:
    n = len(values)
    offsets = list(range(first, first + n))
    return collapse.values(values, [b"k"] * n, [{"h": b"v"}] * n, [NOW] * n, [3] * n, offsets, "shop.events.v1", NOW)


def told(payloads: list[bytes]) -> dict[bytes, list[list[Any]]]:
    """Events by user in their order, without what depends on the batch."""
    by_user: dict[bytes, list[list[Any]]] = {}
    for payload in map(unpack_payload, payloads):
        for event in payload.events:
            by_user.setdefault(payload.users[event["user"]], []).append(event.tolist()[1:-1])
    return by_user


@given(logs)
@settings(deadline=None)
def test_payloads_are_what_a_plain_loop_makes(values: list[bytes | None]) -> None:
    collapsed = run(values)
    decoded = Decoder(LocalSchemas(WRITERS)).values(values, NOW)
    rows = np.flatnonzero(decoded.good & decoded.granted)
    users = decoded.strings("user_id", rows)
    expected = []
    for bucket in range(BUCKETS):
        mine = [(row, str(user)) for row, user in zip(rows.tolist(), users, strict=True) if bucket_of(str(user), BUCKETS) == bucket]
        if mine:
            names = list(dict.fromkeys(user for _, user in mine))
            events = decoded.events[[row for row, _ in mine]]
            events["user"] = [names.index(user) for _, user in mine]
            expected.append(pack_payload(bucket, [name.encode() for name in names], events))
    assert collapsed.payloads == expected
    assert (collapsed.events, collapsed.denied) == (decoded.good.sum(), decoded.good.sum() - len(rows))


@given(logs, st.data())
@settings(deadline=None)
def test_batches_are_invisible(values: list[bytes | None], data: st.DataObject) -> None:
    whole = run(values)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=5)))
    parts = [run(values[start:end], start) for start, end in zip([0, *cuts], [*cuts, len(values)], strict=True)]
    assert told([payload for part in parts for payload in part.payloads]) == told(whole.payloads)
    assert [letter for part in parts for letter in part.dead_letters] == whole.dead_letters
    assert sum(part.events for part in parts) == whole.events
    assert sum(part.denied for part in parts) == whole.denied
    assert sum((part.reasons for part in parts), Counter()) == whole.reasons


@given(logs, st.data())
@settings(deadline=None)
def test_a_bad_record_never_touches_its_neighbours(values: list[bytes | None], data: st.DataObject) -> None:
    poisoned = list(values)
    for poison in data.draw(st.lists(st.sampled_from(POISON), max_size=4)):
        poisoned.insert(data.draw(st.integers(0, len(poisoned))), poison)
    assert told(run(poisoned).payloads) == told(run(values).payloads)


def test_a_dead_letter_is_the_record_as_it_came() -> None:
    value = framed(datum({**GOOD, "price": -1.0}))
    (letter,) = run([framed(datum(GOOD)), value]).dead_letters
    assert letter == DeadLetter("bad_price", "price -1.0", "shop.events.v1", 3, 1, NOW, b"k", value, {"h": b"v"})


@pytest.mark.parametrize("poison", POISON)
def test_dead_letters_can_be_written(poison: bytes | None) -> None:
    letters = run([poison]).dead_letters
    assert len(letters) == 1
    assert letters[0].detail
    assert int.from_bytes(pack_dead_letters(letters, NOW)[:4], "little") == 1


def test_users_of_one_hash_stay_two() -> None:
    decoded = Decoder(LocalSchemas()).values([framed(datum({**GOOD, "user_id": user})) for user in ("ab", "ba", "ab", "abc", "b")], NOW)
    decoded.users[:] = 77
    (payload,) = [unpack_payload(packed) for packed in group(decoded, np.arange(5), BUCKETS)]
    assert payload.users == [b"ab", b"ba", b"abc", b"b"]
    assert payload.events["user"].tolist() == [0, 1, 0, 2, 3]
    assert payload.bucket == 77 % BUCKETS


def test_many_users_and_many_events_of_one() -> None:
    rows = [f"u{n}" for n in range(5000)] + ["bot"] * 5000
    decoded = Decoder(LocalSchemas()).values(
        [framed(datum({**GOOD, "user_id": user, "event_time": NOW - n})) for n, user in enumerate(rows)], NOW
    )
    payloads: list[Payload] = [unpack_payload(packed) for packed in group(decoded, np.arange(len(rows)), 512)]
    assert sorted(user for payload in payloads for user in payload.users) == sorted({user.encode() for user in rows})
    for payload in payloads:
        assert (np.diff(payload.events["row"]) > 0).all()
        assert [rows[row].encode() for row in payload.events["row"]] == [payload.users[user] for user in payload.events["user"]]
        assert payload.max_event_time == payload.events["event_time"].max()
        assert {bucket_of(user.decode(), 512) for user in payload.users} == {payload.bucket}


def chunks_of(folder: Path) -> list[Chunk]:
    return index(folder, 3, now_ms=NOW).chunks


@given(
    st.sampled_from(sorted(WRITERS)).flatmap(lambda schema_id: st.tuples(st.just(schema_id), st.lists(records(schema_id), max_size=8))),
    st.data(),
)
@settings(deadline=None, max_examples=30)
def test_a_file_and_a_topic_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, batch: tuple[int, list[dict[str, Any]]], data: st.DataObject
) -> None:
    schema_id, content = batch
    bodies = [datum(record, WRITERS[schema_id]) for record in content]
    from_topic = run([framed(body, schema_id) for body in bodies])
    if not bodies or {"invalid_utf8", "wrong_type"} & set(from_topic.reasons):
        return
    folder = tmp_path_factory.mktemp("archive")
    with ArchiveWriter(folder, WRITERS[schema_id]) as writer:
        for body in bodies:
            writer.append(body, 1)
    chunks = chunks_of(folder)
    cut = data.draw(st.integers(0, len(chunks)))
    rows = [event["row"] for payload in collapse.chunks(chunks, NOW).payloads for event in unpack_payload(payload).events]
    assert len(set(rows)) == len(rows)
    from_file = [collapse.chunks(part, NOW) for part in (chunks[:cut], chunks[cut:]) if part]
    assert told([payload for part in from_file for payload in part.payloads]) == told(from_topic.payloads)
    letters = [letter for part in from_file for letter in part.dead_letters]
    assert [(letter.reason, letter.value) for letter in letters] == [
        (letter.reason, (letter.value or b"")[5:]) for letter in from_topic.dead_letters
    ]
    assert sum(part.events for part in from_file) == from_topic.events


def test_damage_in_a_file_costs_what_is_damaged(tmp_path: Path) -> None:
    bodies = [datum({**GOOD, "event_id": f"e{n}"}) for n in range(9)]
    bad = datum({**GOOD, "price": -2.0})
    with ArchiveWriter(tmp_path, OURS, 5, codec="deflate") as writer:
        writer.append(bodies[0] + bad + bodies[1], 3)
        writer.append(bodies[2] + b"\x01" + bodies[3], 3)
        writer.append(b"".join(bodies[4:7]), 3)
        writer.append(b"".join(bodies[7:]), 2)
    path = tmp_path / "events-5-000000.avro"
    data = path.read_bytes()
    packer = zlib.compressobj(wbits=-15)
    third = packer.compress(b"".join(bodies[4:7])) + packer.flush()
    broken = data.replace(third, b"\x07" * len(third))
    assert broken != data
    path.write_bytes(broken)
    chunks = chunks_of(tmp_path)
    collapsed = collapse.chunks(chunks, NOW)
    assert (collapsed.events, len(told(collapsed.payloads)[b"u1"])) == (5, 5)
    price, malformed, damaged = collapsed.dead_letters
    assert (price.reason, price.value, price.timestamp, price.partition, price.topic) == ("bad_price", bad, NOW, 5, "events-5-000000.avro")
    assert price.detail == f"price -2.0; at byte {len(bodies[0])} of the block"
    assert (malformed.reason, malformed.value) == ("malformed", b"\x01" + bodies[3])
    assert malformed.detail == f"ShopEvent 1 of the block, at its byte {len(bodies[2])}; 2 are lost"
    assert data[malformed.offset :].startswith(b"\x06")
    assert chunks[0].offset == price.offset < malformed.offset < damaged.offset
    assert damaged.reason == "block_damaged"
    assert b"\x07" * len(third) in (damaged.value or b"")
    assert len(pack_dead_letters(collapsed.dead_letters, NOW)) > 4


def test_a_dump_of_a_topic_with_all_poison(tmp_path: Path) -> None:
    values = [framed(datum(GOOD)), *POISON, framed(datum({**GOOD, "personalization_storage": "DENIED"}))]
    with ArchiveWriter(tmp_path, load("raw_record")) as writer:
        writer.append_records(
            {"partition": 2, "offset": 100 + n, "timestamp": NOW, "key": b"u1", "value": value, "headers": {"a": b"b"}}
            for n, value in enumerate(values)
        )
    collapsed = collapse.chunks(chunks_of(tmp_path), NOW)
    assert (collapsed.events, collapsed.denied, len(collapsed.payloads)) == (2, 1, 1)
    assert [(letter.value, letter.offset) for letter in collapsed.dead_letters] == [(value, 101 + n) for n, value in enumerate(POISON)]
    assert {(letter.partition, letter.key, letter.topic) for letter in collapsed.dead_letters} == {(2, b"u1", "events-0-000000.avro")}
    assert sum(collapsed.reasons.values()) == len(POISON)


def test_the_limits_are_settings() -> None:
    value = framed(datum({**GOOD, "event_time": NOW + 5_000}))
    for limits, reason in ((Limits(max_bytes=len(value) - 1), "too_large"), (Limits(future_ms=4_999), "time_in_future"), (Limits(), "")):
        one = Collapse(limits, LocalSchemas())
        collapsed = one.values([value], [None], [{}], [0], [0], [0], "t", NOW)
        assert dict(collapsed.reasons) == ({reason: 1} if reason else {})
