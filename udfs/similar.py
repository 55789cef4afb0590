"""Item-to-item candidates: what is similar to the items that a user looked at last.

Defined in docs/semantics.md, section "Candidates".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from udfs.events import KIND
from udfs.profile import BOUGHT, RING
from udfs.tables import find_item

SIMILAR = 0

KIND_WEIGHTS = np.ones(256)
KIND_WEIGHTS[[KIND["add_to_cart"], KIND["add_to_wishlist"], KIND["select_item"]]] = (2.0, 1.5, 0.5)
OTHER_VISIT, OTHER_INTENT = 0.5, 0.25


class State(NamedTuple):
    """Working memory of one user: what is known of each item met so far."""

    places: Any
    item: Any
    taken: Any
    score: Any
    last: Any
    best: Any
    anchor: Any


@numba.njit(cache=True, nogil=True, inline="always")
def entry_of(state: Any, item: int, n: int) -> int:
    """Find the entry of an item; n if it has none yet: then it is made."""
    mask = len(state.places) - 1
    at = (item * 2654435761) & mask
    while state.places[at] >= 0:
        if state.item[state.places[at]] == item:
            return int(state.places[at])
        at = (at + 1) & mask
    state.places[at] = n
    state.item[n] = item
    state.taken[n] = False
    state.score[n] = 0.0
    state.last[n] = 0.0
    state.best[n] = 0.0
    state.anchor[n] = -1
    return n


@numba.njit(cache=True, nogil=True)
def read_ring(tables: Any, slots: Any, profile: Any, ring: Any, state: Any) -> int:
    """Read the ring newest first; what the present visit has seen counts as taken."""
    n = 0
    visit = profile.visits % 256
    for j in range(min(profile.items_n, RING)):
        place = profile.items[(profile.items_n - 1 - j) % RING]
        ring[j] = find_item(slots, tables.item_hash, place.item)
        if ring[j] >= 0 and place.visit == visit:
            entry = entry_of(state, ring[j], n)
            n = max(n, entry + 1)
            state.taken[entry] = True
    return n


@numba.njit(cache=True, nogil=True)
def accumulate(tables: Any, profile: Any, ring: Any, kind_weights: Any, state: Any, n: int) -> int:
    """Sum the similarities of the ring's neighbours."""
    visit = profile.visits % 256
    for j in range(min(profile.items_n, RING)):
        x = ring[j]
        if x < 0:
            continue
        place = profile.items[(profile.items_n - 1 - j) % RING]
        weight = kind_weights[place.kind]
        if place.visit != visit:
            weight *= OTHER_VISIT
        if profile.focus != 0 and profile.focus != tables.item_category[x]:
            weight *= OTHER_INTENT
        weight /= 1.0 + j
        for i in range(tables.neighbours.shape[1]):
            y = tables.neighbours[x, i]
            if y < 0:
                break
            similarity = np.float64(tables.similarity[x, i])
            entry = entry_of(state, y, n)
            n = max(n, entry + 1)
            part = weight * similarity
            state.score[entry] += part
            if j == 0:
                state.last[entry] = similarity
            if part > state.best[entry]:
                state.best[entry] = part
                state.anchor[entry] = x
    return n


@numba.njit(cache=True, nogil=True, inline="always")
def was_bought(tables: Any, profile: Any, item: int) -> bool:
    """Tell whether an item is among what she bought last."""
    short = np.uint32(tables.item_hash[item] >> np.uint64(32))
    for i in range(min(profile.bought_n, BOUGHT)):
        if profile.bought[i] == short:
            return True
    return False


@numba.njit(cache=True, nogil=True, inline="always")
def put_candidate(state: Any, entry: int, source: int, rank: int, found: Any, r: int, count: int) -> None:
    """Write a candidate to its place."""
    state.taken[entry] = True
    found.item[r, count] = state.item[entry]
    found.source[r, count] = source
    found.anchor[r, count] = state.anchor[entry]
    found.similar_score[r, count] = state.score[entry]
    found.similar_last[r, count] = state.last[entry]
    found.rank[r, count] = rank


@numba.njit(cache=True, nogil=True)
def take_similar(tables: Any, profile: Any, quotas: Any, state: Any, n: int, heap: Any, found: Any, r: int) -> int:
    """Take the best similar items, from a heap."""
    size = 0
    for entry in range(n):
        if state.score[entry] > 0.0 and not state.taken[entry] and tables.in_stock[state.item[entry]]:
            heap[size] = entry
            size += 1
    for start in range(size // 2 - 1, -1, -1):
        _sift_down(state, heap, start, size)
    count = 0
    while size > 0 and count < min(quotas.similar, quotas.total):
        entry = heap[0]
        size -= 1
        heap[0] = heap[size]
        _sift_down(state, heap, 0, size)
        if not was_bought(tables, profile, state.item[entry]):
            put_candidate(state, entry, SIMILAR, count, found, r, count)
            count += 1
    return count


@numba.njit(cache=True, nogil=True, inline="always")
def _sift_down(state: Any, heap: Any, at: int, size: int) -> None:
    moved = heap[at]
    score, item = state.score[moved], state.item[moved]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        first = heap[child]
        if child + 1 < size:
            second = heap[child + 1]
            if _before(state.score[second], state.item[second], state.score[first], state.item[first]):
                first = second
                child += 1
        if not _before(state.score[first], state.item[first], score, item):
            break
        heap[at] = first
        at = child
    heap[at] = moved


@numba.njit(cache=True, nogil=True, inline="always")
def _before(score: float, item: int, other_score: float, other_item: int) -> bool:
    return score > other_score or (score == other_score and item < other_item)
