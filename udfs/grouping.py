"""Events of a batch → one payload for each bucket that has any, in one pass over the events and without a sort."""

# Compiled code: Numba's types are not those that mypy sees.
# mypy: disable-error-code="assignment, arg-type, return-value"

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from udfs.decode import Decoded
from udfs.events import ALIGNMENT, EVENT, HEADER

HEADER_WORDS = HEADER.size // ALIGNMENT
EVENT_WORDS = EVENT.itemsize // ALIGNMENT
LOW_32, HIGH_32 = np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFF00000000)


def group(decoded: Decoded, rows: NDArray[np.int64], buckets: int) -> list[bytes]:
    """Pack rows into payloads (see `udfs.events`).

    Parameters
    ----------
    decoded
        Events; `user_id` is one of the kept texts.
    rows : i8[n]
        Which of them, in the order that they keep inside a payload.
    buckets
        Number of buckets.

    Returns
    -------
    list[bytes]
        Payloads by ascending bucket.
    """
    if not len(rows):
        return []
    column = decoded.keep.index("user_id")
    words = decoded.events.view(np.uint64).reshape(-1, EVENT_WORDS)
    packed, bounds = _group(words, decoded.events["event_time"], decoded.users, decoded.data, decoded.spans[:, column], rows, buckets)
    held = memoryview(packed).cast("B")
    return [bytes(held[start:end]) for start, end in pairwise((bounds * ALIGNMENT).tolist())]


@njit(cache=True, nogil=True)
def _same(data: NDArray[np.uint8], one: int, other: int, size: int) -> bool:
    for i in range(size):
        if data[one + i] != data[other + i]:
            return False
    return True


@njit(cache=True, nogil=True)
def _find_users(users, data, spans, rows):  # type: ignore[no-untyped-def]
    """Number the users of the rows by first appearance, in a hash table that compares the bytes.

    Returns
    -------
    user_of : i4[len(rows)]
        The user of each row.
    first : i8[n_users]
        A row of each user.
    """
    bits = 4
    while (1 << bits) < 2 * len(rows):
        bits += 1
    mask = np.uint64((1 << bits) - 1)
    slots = np.full(1 << bits, -1, np.int32)
    user_of = np.empty(len(rows), np.int32)
    first = np.empty(len(rows), np.int64)
    n_users = 0
    for i in range(len(rows)):
        row = rows[i]
        # The low bits choose the bucket: users of few buckets would meet in few slots.
        slot = (users[row] >> np.uint64(20)) & mask
        size = spans[row, 1] - spans[row, 0]
        while True:
            user = slots[slot]
            if user < 0:
                slots[slot] = n_users
                first[n_users] = row
                user = n_users
                n_users += 1
                break
            there = first[user]
            if (
                users[there] == users[row]
                and spans[there, 1] - spans[there, 0] == size
                and _same(data, spans[there, 0], spans[row, 0], size)
            ):
                break
            slot = (slot + np.uint64(1)) & mask
        user_of[i] = user
    return user_of, first[:n_users]


@njit(cache=True, nogil=True)
def _group(events, event_time, users, data, spans, rows, buckets):  # type: ignore[no-untyped-def]
    """Give the payloads behind each other as 8-byte words, and where each begins (one more: the end)."""
    user_of, first = _find_users(users, data, spans, rows)
    n_users = np.zeros(buckets, np.int64)
    n_bytes = np.zeros(buckets, np.int64)
    n_events = np.zeros(buckets, np.int64)
    bucket_of = np.empty(len(first), np.int64)
    local = np.empty(len(first), np.int64)
    for user in range(len(first)):
        row = first[user]
        bucket = np.int64(users[row] % np.uint64(buckets))
        bucket_of[user] = bucket
        local[user] = n_users[bucket]
        n_users[bucket] += 1
        n_bytes[bucket] += spans[row, 1] - spans[row, 0]
    for i in range(len(rows)):
        n_events[bucket_of[user_of[i]]] += 1

    filled = 0
    for bucket in range(buckets):
        filled += n_events[bucket] > 0
    bounds = np.zeros(filled + 1, np.int64)
    start = np.zeros(buckets, np.int64)
    events_at = np.zeros(buckets, np.int64)
    at, payload = 0, 0
    for bucket in range(buckets):
        if n_events[bucket] > 0:
            start[bucket] = at
            front = 4 * n_users[bucket] + n_bytes[bucket]
            events_at[bucket] = at + HEADER_WORDS + (front + ALIGNMENT - 1) // ALIGNMENT
            at = events_at[bucket] + EVENT_WORDS * n_events[bucket]
            payload += 1
            bounds[payload] = at

    words = np.empty(at, np.uint64)
    ints = words.view(np.int32)
    times = words.view(np.int64)
    octets = words.view(np.uint8)
    names_at = np.zeros(buckets, np.int64)
    for bucket in range(buckets):
        if n_events[bucket] > 0:
            head = start[bucket]
            words[events_at[bucket] - 1] = 0
            ints[2 * head] = bucket
            ints[2 * head + 1] = n_users[bucket]
            ints[2 * head + 2] = n_events[bucket]
            ints[2 * head + 3] = n_bytes[bucket]
            times[head + 2] = -(1 << 63)
            names_at[bucket] = 8 * (head + HEADER_WORDS) + 4 * n_users[bucket]
    for user in range(len(first)):
        bucket, row = bucket_of[user], first[user]
        size = spans[row, 1] - spans[row, 0]
        to = names_at[bucket]
        octets[to : to + size] = data[spans[row, 0] : spans[row, 1]]
        names_at[bucket] = to + size
        table = 2 * (start[bucket] + HEADER_WORDS)
        ints[table + local[user]] = to + size - 4 * (table + n_users[bucket])
    for i in range(len(rows)):
        user, row = user_of[i], rows[i]
        bucket = bucket_of[user]
        to = events_at[bucket]
        words[to] = (events[row, 0] & HIGH_32) | (np.uint64(local[user]) & LOW_32)
        for word in range(1, EVENT_WORDS):
            words[to + word] = events[row, word]
        events_at[bucket] = to + EVENT_WORDS
        if event_time[row] > times[start[bucket] + 2]:
            times[start[bucket] + 2] = event_time[row]
    return words, bounds
