"""Why a value is no good event: `docs/semantics.md`, section "Rejects"."""

from __future__ import annotations

#: The place in this table is a reason's code. The first is that of a good event.
REASONS = (
    "", "empty", "too_large", "bad_framing", "unknown_schema", "wrong_type", "truncated", "malformed", "invalid_utf8", "trailing_bytes",
    "missing_event_id", "missing_user_id", "bad_price", "time_in_future", "time_too_old", "block_damaged",
)  # fmt: skip
(
    GOOD, EMPTY, TOO_LARGE, BAD_FRAMING, UNKNOWN_SCHEMA, WRONG, TRUNCATED, MALFORMED, INVALID_UTF8, TRAILING_BYTES,
    MISSING_EVENT_ID, MISSING_USER_ID, BAD_PRICE, TIME_IN_FUTURE, TIME_TOO_OLD, BLOCK_DAMAGED,
) = range(len(REASONS))  # fmt: skip

#: No reason: what its schema is cannot be found out now, so it waits.
WAITS = 255

#: What a reason means, for people, where nothing more is known.
DETAILS = (
    "", "no bytes", "too many bytes", "a value begins with a byte 0 and a schema id of 4 bytes", "its schema is not known",
    "a value has a type that cannot become ours", "the bytes end before the event does",
    "a number, length or index that Avro does not allow",
    "a text is not UTF-8", "bytes are left behind the event", "event_id is absent or empty", "user_id is absent or empty", "price",
    "event_time is ahead of the clock", "event_time is before the year 2000", "the block cannot be opened",
)  # fmt: skip
