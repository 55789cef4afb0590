"""The compiled reader of events: walks over the bytes of each record by the program of its writer schema.

Every length, index and number is checked, so that any bytes at all end in an event or in a reason.
"""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value"

from __future__ import annotations

import numpy as np
from numba import njit

from udfs import decode_codes as codes
from udfs.avro_bytes import ONE, ONE_BYTE, ZERO, is_utf8, read_number
from udfs.hashing import CATEGORY_SHIFT, EVENT_ID_SHIFT, FNV_OFFSET, FNV_PRIME, finish
from udfs.reasons import GOOD, INVALID_UTF8, MALFORMED, TRUNCATED, WRONG

#: Nesting of loops and records in fields that are skipped; an item of a loop takes one place, a nested record one.
STACK = 256


@njit(cache=True, nogil=True)
def make_room():  # type: ignore[no-untyped-def]
    """Make the working memory of `read_record`: a stack for loops and calls, and 8 bytes as bytes, a double, and floats."""
    octets = np.zeros(8, np.uint8)
    return np.empty(STACK, np.int64), octets, octets.view(np.float64), octets.view(np.float32)


@njit(cache=True, nogil=True)
def read_record(data, at, end, code, tables, room, row, events, users, granted, spans):  # type: ignore[no-untyped-def]
    """Read one record; gives a reason (`GOOD`, `TRUNCATED`, `MALFORMED`, `INVALID_UTF8`, `WRONG`) and where it ended.

    Parameters
    ----------
    data : u1[]
        Bytes.
    at, end
        The record begins at `at` and must not go beyond `end`.
    code, tables
        The program.
    room
        What `make_room` made.
    row
        Where in the outputs it goes.
    events : EVENT[]
        The event. `user` stays 0; an `event_id` of 0 means that there is none.
    users : u8[]
        Hash of the user, 0: none.
    granted : bool[]
        Whether its consent lets it reach a profile.
    spans : i8[, K, 2]
        Begin and end of the kept texts, -1 where absent.
    """
    stack, octets, doubles, floats = room
    event_id, user, item, category = ZERO, ZERO, ZERO, ZERO
    event_time, quantity, engagement = np.int64(0), np.int64(1), np.int64(0)
    price = 0.0
    kind, device, country, consent = 0, 0, 0, 0
    for column in range(spans.shape[1]):
        spans[row, column, 0] = spans[row, column, 1] = -1
    number = np.int64(0)
    pc, top = 0, 0
    while True:
        op, destination, a, b = code[pc, 0], code[pc, 1], code[pc, 2], code[pc, 3]
        pc += 1
        if op <= codes.LAST_WITH_NUMBER:
            # Most numbers are one byte.
            if at < end and data[at] < ONE_BYTE:
                byte = np.int64(data[at])
                number = (byte >> 1) ^ -(byte & 1)
                at += 1
            else:
                number, after = read_number(data, at, end)
                if after < 0:
                    return -after, at
                at = after
        if op == codes.OPTIONAL:
            if number == a:
                pc += 1
            elif number != 1 - a:
                return MALFORMED, at
        elif op == codes.TEXT:
            if number < 0:
                return MALFORMED, at
            if number > end - at:
                return TRUNCATED, at
            begin = at
            at += number
            bits = np.uint8(0)
            if codes.EVENT_ID <= destination <= codes.CATEGORY:
                h = FNV_OFFSET
                for i in range(begin, at):
                    h = (h ^ np.uint64(data[i])) * FNV_PRIME
                    bits |= data[i]
                if number > 0:
                    h = finish(h)
                    if destination == codes.EVENT_ID:
                        event_id = max(h >> np.uint64(EVENT_ID_SHIFT), ONE)
                    elif destination == codes.USER:
                        user = h
                    elif destination == codes.ITEM:
                        item = h
                    else:
                        category = max(h >> np.uint64(CATEGORY_SHIFT), ONE)
            elif b == 1:
                for i in range(begin, at):
                    bits |= data[i]
                if destination == codes.COUNTRY and number == 2 and 65 <= data[begin] <= 90 and 65 <= data[begin + 1] <= 90:
                    country = np.int64(data[begin]) + 256 * np.int64(data[begin + 1])
            if bits >= ONE_BYTE and not is_utf8(data, begin, at):
                return INVALID_UTF8, begin
            if 0 <= a < spans.shape[1]:
                spans[row, a, 0] = begin
                spans[row, a, 1] = at
        elif op == codes.INTEGER:
            if a == 1 and (number < -(1 << 31) or number >= 1 << 31):
                return MALFORMED, at
            if destination == codes.TIME:
                event_time = number
            elif destination == codes.QUANTITY:
                quantity = max(number, np.int64(1))
            elif destination == codes.ENGAGEMENT:
                engagement = max(number, np.int64(0))
            elif destination == codes.PRICE:
                price = np.float64(number)
        elif op == codes.ENUM:
            if number < 0 or number >= a:
                return MALFORMED, at
            if destination == codes.KIND:
                kind = tables[b + number]
            elif destination == codes.DEVICE:
                device = tables[b + number]
            elif destination == codes.CONSENT:
                consent = tables[b + number]
        elif op in (codes.DOUBLE, codes.FLOAT):
            width = 8 if op == codes.DOUBLE else 4
            if end - at < width:
                return TRUNCATED, at
            if destination == codes.PRICE:
                for i in range(width):
                    octets[i] = data[at + i]
                price = doubles[0] if op == codes.DOUBLE else np.float64(floats[0])
            at += width
        elif op == codes.END:
            break
        elif op == codes.UNION:
            if number < 0 or number >= a:
                return MALFORMED, at
            pc = np.int64(tables[b + number])
        elif op == codes.JUMP:
            pc = np.int64(a)
        elif op == codes.WRONG_TYPE:
            return WRONG, at
        elif op == codes.BOOLEAN:
            if at >= end:
                return TRUNCATED, at
            if data[at] > 1:
                return MALFORMED, at
            at += 1
        elif op == codes.FIXED:
            if end - at < a:
                return TRUNCATED, at
            at += a
        elif op == codes.ENTER:
            if top == STACK:
                return MALFORMED, at
            stack[top] = 0
            top += 1
        elif op == codes.NEXT:
            if stack[top - 1] > 0:
                stack[top - 1] -= 1
            else:
                number, after = read_number(data, at, end)
                if after < 0:
                    return -after, at
                at = after
                if number < 0:
                    size, after = read_number(data, at, end)
                    if after < 0:
                        return -after, at
                    if size < 0:
                        return MALFORMED, at
                    at = after
                    # Items take a byte or more: the greatest number will do for one that has no opposite.
                    number = -number if number > -(1 << 63) else np.int64((1 << 63) - 1)
                if number == 0:
                    top -= 1
                    pc = np.int64(a)
                elif b == 1:
                    pc -= 1
                else:
                    stack[top - 1] = number - 1
        elif op == codes.CALL:
            if top == STACK:
                return MALFORMED, at
            stack[top] = pc
            top += 1
            pc = np.int64(a)
        else:
            top -= 1
            pc = stack[top]
    event = events[row]
    event.event_time = event_time
    event.event_id = event_id
    event.item = item
    event.category = category
    event.kind = kind
    event.device = device
    event.country = country
    event.quantity = quantity
    event.engagement_ms = engagement
    event.price = price if price != 0.0 else 0.0
    event.row = row
    event.user = 0
    users[row] = user
    granted[row] = consent == 1
    return GOOD, at
