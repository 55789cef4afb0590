"""Past sessions that are like the present one, and what they say of items. Defined in docs/semantics.md, section "Candidates".

Session-based nearest neighbours: V-SKNN (Ludewig, Jannach, "Evaluation of session-based recommendation algorithms", 2018) and STAN (Garg,
Gupta, Malhotra, Vig, Shroff, "Sequence and time aware neighborhood for session-based recommendations", SIGIR 2019).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

SESSIONS = 100


class Working(NamedTuple):
    """Working memory: what is known of each past session that shares an item with her ring."""

    score: Any
    anchor: Any
    met: Any
    heap: Any


def working_memory(sessions: int) -> Working:
    """Make working memory for a number of past sessions."""
    return Working(np.zeros(sessions), np.empty(sessions, np.int32), np.empty(sessions, np.int32), np.empty(sessions, np.int32))


@numba.njit(cache=True, nogil=True)
def find_sessions(tables: Any, items: Any, weights: Any, working: Any, chosen: Any) -> tuple[int, int]:
    """Find the sessions nearest to some items.

    Parameters
    ----------
    tables
        The bundle's.
    items, weights
        Of the ring: item numbers (-1: passed over) and weights, newest first.
    working
        All scores 0; `anchor` holds the newest item of hers that each session met has.
    chosen : i4[SESSIONS]
        Filled with the nearest sessions, best first.

    Returns
    -------
    int, int
        How many were chosen, and how many were met; their scores stand in `working.score` until `forget` is called.
    """
    count = 0
    for j in range(len(items)):
        x = items[j]
        if x < 0 or weights[j] <= 0.0:
            continue
        start = tables.item_session_ends[x - 1] if x > 0 else 0
        for i in range(start, tables.item_session_ends[x]):
            session = tables.item_sessions[i]
            if working.score[session] == 0.0:
                working.met[count] = session
                working.anchor[session] = x
                count += 1
            working.score[session] += weights[j]
    for i in range(count):
        session = working.met[i]
        working.score[session] *= np.float64(tables.session_weight[session])
        working.heap[i] = session
    for start in range(count // 2 - 1, -1, -1):
        _sift_down(working.score, working.heap, start, count)
    size, found = count, 0
    while size > 0 and found < len(chosen):
        chosen[found] = working.heap[0]
        found += 1
        size -= 1
        working.heap[0] = working.heap[size]
        _sift_down(working.score, working.heap, 0, size)
    return found, count


@numba.njit(cache=True, nogil=True)
def forget(working: Any, count: int) -> None:
    """Clear the scores of the sessions met."""
    for i in range(count):
        working.score[working.met[i]] = 0.0


@numba.njit(cache=True, nogil=True, inline="always")
def _sift_down(score: Any, heap: Any, at: int, size: int) -> None:
    moved = heap[at]
    value = score[moved]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        first = heap[child]
        if child + 1 < size:
            second = heap[child + 1]
            if score[second] > score[first] or (score[second] == score[first] and second > first):
                first = second
                child += 1
        if not (score[first] > value or (score[first] == value and first > moved)):
            break
        heap[at] = first
        at = child
    heap[at] = moved
