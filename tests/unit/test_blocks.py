"""Blocks of Avro datums, and what is made of them: segment changes and dead letters."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.blocks import pack_block, unpack_block
from udfs.collapse import DeadLetter
from udfs.dead_letters import pack_dead_letters
from udfs.schemas import load, plain
from udfs.segment_changes import change_id, pack_changes
from udfs.update import CAUSES, CHANGE

TIME = 1_709_553_851_297


def records(name: str, block: bytes) -> list[dict[str, Any]]:
    """The datums of a block; there is nothing behind the last one."""
    count, body = unpack_block(block)
    source, schema = io.BytesIO(body), fastavro.parse_schema(plain(load(name)))
    found: list[Any] = [fastavro.schemaless_reader(source, schema, None) for _ in range(count)]
    assert source.read() == b""
    return found


LETTERS = st.builds(
    DeadLetter,
    reason=st.sampled_from(["malformed", "empty"]),
    detail=st.text(max_size=9),
    topic=st.just("shop.events.v1"),
    partition=st.integers(0, 9),
    offset=st.integers(0, 2**62),
    timestamp=st.integers(0, 2**50),
    key=st.none() | st.binary(max_size=9),
    value=st.none() | st.binary(max_size=99),
    headers=st.dictionaries(st.text(max_size=5), st.none() | st.binary(max_size=5), max_size=3),
)


@given(st.lists(LETTERS, max_size=5))
def test_dead_letters_are_kept_whole(letters: list[DeadLetter]) -> None:
    assert records("dead_letter", pack_dead_letters(letters, TIME)) == [{**letter._asdict(), "failed_at": TIME} for letter in letters]


def test_an_empty_block() -> None:
    assert pack_block("segment_change", []) == b"\x00\x00\x00\x00"
    assert unpack_block(memoryview(b"\x00\x00\x00\x00")) == (0, b"")


def test_the_count_is_little_endian_and_the_datums_follow() -> None:
    assert unpack_block(b"\x01\x02\x00\x00rest") == (513, b"rest")


@pytest.mark.parametrize("cause", range(len(CAUSES)))
def test_segment_changes(cause: int) -> None:
    changes = np.array([(1, 17, TIME, -1, 1002, cause, 0, 2**32 - 1), (0, 2**32 - 1, TIME + 1, 3, 0, 1, 7, 0)], CHANGE)
    first, second = records("segment_change", pack_changes([b"v", "ü".encode()], changes, "7"))
    assert first == {
        "change_id": change_id("ü".encode(), 17, CAUSES[cause]),
        "user_id": "ü",
        "sequence": 17,
        "event_time": TIME,
        "from_segment": -1,
        "to_segment": 1002,
        "cause": CAUSES[cause],
        "focus_before": 0,
        "focus_after": 2**32 - 1,
        "model_version": "7",
    }
    assert (second["user_id"], second["sequence"], second["cause"]) == ("v", 2**32 - 1, "shift")


def test_a_change_has_an_id_of_its_own() -> None:
    changes = [(b"u1", 1, "shift"), (b"u1", 1, "first"), (b"u1", 2, "shift"), (b"u", 11, "shift"), (b"u11", 1, "shift")]
    assert len({change_id(*change) for change in changes}) == len(changes)
    assert change_id(*changes[0]) == change_id(*changes[0])
