"""Schema ids in headers: what the decoder makes of a value that has one."""

from __future__ import annotations

import uuid

import pytest

from tests.golden.make import stored
from udfs.decode import Decoder
from udfs.framing import SCHEMA_HEADER, framed
from udfs.reasons import REASONS
from udfs.schemas import LocalSchemas, SchemaUnavailable, UnknownSchema, load

LATEST = 2**62
DATUM = stored("shop_event", 1)
KNOWN, UNKNOWN, AWAY = (uuid.UUID(int=n) for n in (1, 2, 3))
PSEUDO = 2**31 + 5


class Store(LocalSchemas):
    """One GUID is known, one is not, and of one it cannot be told."""

    def __init__(self) -> None:
        super().__init__({PSEUDO: load("shop_event")})

    def get_by_guid(self, guid: uuid.UUID) -> int:
        if guid == AWAY:
            raise SchemaUnavailable("away")
        if guid == UNKNOWN:
            raise UnknownSchema("none")
        return PSEUDO


CASES = [
    (b"\0\0\0\0\1", DATUM, ""),
    (b"\0\0\0\0\x63", DATUM, "unknown_schema"),
    (b"\1" + KNOWN.bytes, DATUM, ""),
    (b"\1" + UNKNOWN.bytes, DATUM, "unknown_schema"),
    (b"\1" + KNOWN.bytes, DATUM[:-1], "truncated"),
    (b"\0\0\0\0\1", b"", "empty"),
    (b"\0\0\0\0\1", None, "empty"),
    (b"", DATUM, "bad_framing"),
    (None, DATUM, "bad_framing"),
    (b"\0\0\0\1", DATUM, "bad_framing"),
    (b"\0\0\0\0\1\0", DATUM, "bad_framing"),
    (b"\1" + KNOWN.bytes[:-1], DATUM, "bad_framing"),
    (b"\1\0\0\0\1", DATUM, "bad_framing"),
    (b"\2\0\0\0\1", DATUM, "bad_framing"),
]


@pytest.mark.parametrize(("header", "value", "reason"), CASES)
def test_the_decoder_reads_or_rejects(header: bytes | None, value: bytes | None, reason: str) -> None:
    store = Store()
    decoded = Decoder(store).values([framed(value, {"other": b"x", SCHEMA_HEADER: header}, store)], LATEST)
    assert [REASONS[code] for code in decoded.reasons] == [reason]


def test_without_the_header_a_value_stays_as_it_is() -> None:
    assert framed(b"\0\0\0\0\1" + DATUM, {"other": b"x"}, Store()) == b"\0\0\0\0\1" + DATUM


def test_a_schema_that_cannot_be_looked_up_is_no_verdict() -> None:
    with pytest.raises(SchemaUnavailable):
        framed(DATUM, {SCHEMA_HEADER: b"\1" + AWAY.bytes}, Store())
