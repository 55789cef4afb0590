"""Compiled loops over records: those of a batch of values, those of a block, and the event times of a block."""

from __future__ import annotations

import numpy as np
from numba import njit

from udfs.avro_bytes import ZERO
from udfs.decode_kernel import make_room, read_record
from udfs.reasons import BAD_PRICE, GOOD, MISSING_EVENT_ID, MISSING_USER_ID, TIME_IN_FUTURE, TIME_TOO_OLD, TRAILING_BYTES

YEAR_2000 = 946_684_800_000


@njit(cache=True, nogil=True)
def judge(event, user: np.uint64, latest: int) -> int:  # type: ignore[no-untyped-def]
    """Say what is wrong with an event that decoded; `latest` is the greatest time allowed."""
    if event.event_id == ZERO:
        return MISSING_EVENT_ID
    if user == ZERO:
        return MISSING_USER_ID
    if not (0.0 <= event.price < np.inf):
        return BAD_PRICE
    if event.event_time > latest:
        return TIME_IN_FUTURE
    if event.event_time < YEAR_2000:
        return TIME_TOO_OLD
    return GOOD


@njit(cache=True, nogil=True)
def read_values(data, starts, ends, rows, latest, code, tables, events, users, granted, spans, reasons):  # type: ignore[no-untyped-def]
    """Read the records of some rows, each from `starts` to `ends`."""
    room = make_room()
    for row in rows:
        reason, at = read_record(data, starts[row], ends[row], code, tables, room, row, events, users, granted, spans)
        if reason == GOOD:
            reason = TRAILING_BYTES if at < ends[row] else judge(events[row], users[row], latest)
        reasons[row] = reason


@njit(cache=True, nogil=True)
def read_block(data, at, end, row, count, latest, code, tables, starts, ends, events, users, granted, spans, reasons):  # type: ignore[no-untyped-def]
    """Read `count` records that follow each other, into `row` and the rows after it.

    Returns
    -------
    row, reason, at
        The row behind the last record that decoded; `GOOD`, or why the next did not; where the next begins.
    """
    room = make_room()
    for _ in range(count):
        reason, after = read_record(data, at, end, code, tables, room, row, events, users, granted, spans)
        if reason != GOOD:
            return row, reason, at
        starts[row], ends[row] = at, after
        reasons[row] = judge(events[row], users[row], latest)
        at = after
        row += 1
    return row, GOOD, at


@njit(cache=True, nogil=True)
def read_times(data, count, code, tables, events):  # type: ignore[no-untyped-def]
    """Read the event times of records that follow each other, up to the first that does not decode; `events` is room for one."""
    room = make_room()
    users, granted, spans = np.empty(1, np.uint64), np.empty(1, np.bool_), np.empty((1, 0, 2), np.int64)
    times = np.empty(count, np.int64)
    at = 0
    for i in range(count):
        reason, at = read_record(data, at, data.size, code, tables, room, 0, events, users, granted, spans)
        if reason != GOOD:
            return times[:i]
        times[i] = events[0].event_time
    return times
