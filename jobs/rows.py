"""What travels between the operators: one column of bytes, whose first byte says what the rest is.

A single column keeps the JVM from parsing anything, and a comparison of bytes is all that SQL needs to part the streams.
"""

from __future__ import annotations

from enum import IntEnum


class Tag(IntEnum):
    """First byte of a row."""

    PAYLOAD = 0
    """Events of one bucket (`udfs.events.pack_payload`)."""
    REQUESTS = 1
    """Rank requests (`udfs.requests`)."""
    SEGMENTS = 2
    """A block of segment changes."""
    DEAD_LETTERS = 3
    """A block of dead letters."""
    RECOMMENDATIONS = 4
    """A block of recommendations."""
    REPORT = 5
    """Counters of one call, as JSON."""
    WAITING = 6
    """Records of a topic whose schema cannot be looked up now: number of the partition, then a block of raw records."""


def row(tag: Tag, body: bytes) -> bytes:
    """Put the tag before the body."""
    return bytes((tag,)) + body


def where(first: Tag, last: Tag | None = None) -> str:
    """Give the SQL condition for rows whose tag lies between `first` and `last`, both included."""
    return f"`row` >= X'{first:02X}' AND `row` < X'{(first if last is None else last) + 1:02X}'"
