"""What the headers of a dead letter say."""

from __future__ import annotations

from udfs.collapse import DeadLetter
from udfs.dead_letters import ATTEMPTS, error_headers, is_error_header

LETTER = DeadLetter("bad_price", "price -1.0 € \udcff", "shop.events.v1", 3, 2**40, 5, b"k", b"v", {"x": b"y"})


def test_headers_are_those_of_connect() -> None:
    assert {name: value.decode() for name, value in error_headers(LETTER).items()} == {
        "__connect.errors.topic": "shop.events.v1",
        "__connect.errors.partition": "3",
        "__connect.errors.offset": "1099511627776",
        "__connect.errors.stage": "VALUE_CONVERTER",
        "__connect.errors.class.name": "udfs.collapse.Collapse",
        "__connect.errors.exception.class.name": "swerve.bad_price",
        "__connect.errors.exception.message": "price -1.0 € ?",
        "swerve.dlq.reason": "bad_price",
    }


def test_what_a_replay_takes_off_is_what_was_put_on() -> None:
    assert all(map(is_error_header, error_headers(LETTER)))
    assert not any(map(is_error_header, ("x", "__value_schema_id", ATTEMPTS)))
