"""Similar items: what past sessions like hers went on with, and what is near the items that she looked at last.

Defined in docs/semantics.md, section "Candidates".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from udfs.events import KIND
from udfs.profile import BOUGHT, RING
from udfs.session_neighbours import find_sessions, forget
from udfs.tables import METHODS, find_item

SIMILAR, AGAIN = 0, 8

KIND_WEIGHTS = np.ones(256)
KIND_WEIGHTS[[KIND["add_to_cart"], KIND["add_to_wishlist"], KIND["select_item"]]] = (2.0, 1.5, 0.5)
OTHER_VISIT, OTHER_INTENT = 0.5, 0.25

#: What is known of an item met: sums over past sessions, then over the neighbours of her items by method.
SIGNALS = ("session", "session_next", "session_count", "association", "sequential", "content", "association_last", "sequential_last")
SESSION, SESSION_NEXT, SESSION_COUNT, ASSOCIATION, SEQUENTIAL, CONTENT, ASSOCIATION_LAST, SEQUENTIAL_LAST = range(len(SIGNALS))
BLENDED = np.array([SESSION, ASSOCIATION, SEQUENTIAL, CONTENT])


class State(NamedTuple):
    """Working memory of one user: what is known of each item met so far."""

    places: Any
    item: Any
    taken: Any
    again: Any
    score: Any
    best: Any
    anchor: Any
    signals: Any


class Ring(NamedTuple):
    """Her ring, newest first.

    Attributes
    ----------
    item : i4[12]
        Item numbers, -1: none or not known.
    distinct : i4[12]
        The same, -1 also where the item stands at a newer place.
    weight : f8[12]
        Weight of each place.
    """

    item: Any
    distinct: Any
    weight: Any


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
    state.again[n] = False
    state.score[n] = 0.0
    state.best[n] = 0.0
    state.anchor[n] = -1
    for signal in range(state.signals.shape[1]):
        state.signals[n, signal] = 0.0
    return n


@numba.njit(cache=True, nogil=True)
def read_ring(tables: Any, slots: Any, profile: Any, kind_weights: Any, ring: Ring, state: Any) -> int:
    """Read the ring; what the present visit has seen is taken, or, where items come again, marked so."""
    n = 0
    visit = profile.visits % 256
    repeats = tables.quotas[0] > 0
    for j in range(RING):
        ring.item[j], ring.distinct[j], ring.weight[j] = -1, -1, 0.0
    for j in range(min(profile.items_n, RING)):
        place = profile.items[(profile.items_n - 1 - j) % RING]
        x = find_item(slots, tables.item_hash, place.item)
        if x < 0:
            continue
        ring.item[j] = x
        weight = kind_weights[place.kind] * tables.place_weights[j]
        if place.visit != visit:
            weight *= OTHER_VISIT
        elif repeats:
            entry = entry_of(state, x, n)
            n = max(n, entry + 1)
            state.again[entry] = True
        else:
            entry = entry_of(state, x, n)
            n = max(n, entry + 1)
            state.taken[entry] = True
        if profile.focus != 0 and profile.focus != tables.item_category[x]:
            weight *= OTHER_INTENT
        ring.weight[j] = weight
        ring.distinct[j] = x
        for newer in range(j):
            if ring.item[newer] == x:
                ring.distinct[j] = -1
                break
    return n


@numba.njit(cache=True, nogil=True)
def ask_sessions(tables: Any, ring: Ring, working: Any, chosen: Any, state: Any, n: int) -> int:
    """Sum over the nearest past sessions, each of their items by its distance from the newest item of hers."""
    count, met = find_sessions(tables, ring.distinct, ring.weight, working, chosen)
    farthest = len(tables.distance_weights) - 1
    for c in range(count):
        session = chosen[c]
        value, anchor = working.score[session], working.anchor[session]
        start = tables.session_ends[session - 1] if session > 0 else 0
        end = tables.session_ends[session]
        meets = start
        for i in range(end - 1, start - 1, -1):
            if tables.session_items[i] == anchor:
                meets = i
                break
        for i in range(start, end):
            entry = entry_of(state, tables.session_items[i], n)
            n = max(n, entry + 1)
            distance = i - meets if i >= meets else meets - i
            state.signals[entry, SESSION] += value * tables.distance_weights[min(distance, farthest)]
            state.signals[entry, SESSION_COUNT] += 1.0
            if i == meets + 1:
                state.signals[entry, SESSION_NEXT] += value
            if state.anchor[entry] < 0:
                state.anchor[entry] = anchor
    forget(working, met)
    return n


@numba.njit(cache=True, nogil=True)
def ask_neighbours(tables: Any, ring: Ring, state: Any, n: int) -> int:
    """Sum the similarities of the ring's neighbours, by method."""
    for j in range(RING):
        x = ring.distinct[j]
        if x < 0:
            continue
        weight = ring.weight[j]
        for i in range(tables.neighbours.shape[1]):
            y = tables.neighbours[x, i]
            if y < 0:
                break
            entry = entry_of(state, y, n)
            n = max(n, entry + 1)
            part = 0.0
            for method in range(METHODS):
                similarity = np.float64(tables.similarity[x, i, method])
                state.signals[entry, ASSOCIATION + method] += weight * similarity
                part += tables.blend[1 + method] * similarity
            if j == 0:
                state.signals[entry, ASSOCIATION_LAST] = np.float64(tables.similarity[x, i, 0])
                state.signals[entry, SEQUENTIAL_LAST] = np.float64(tables.similarity[x, i, 1])
            part *= weight
            if part > state.best[entry]:
                state.best[entry] = part
                state.anchor[entry] = x
    return n


@numba.njit(cache=True, nogil=True)
def blend_signals(tables: Any, blended: Any, state: Any, n: int, greatest: Any) -> None:
    """Score the entries: each method's signal as a share of its greatest one, weighed by the bundle."""
    for m in range(len(blended)):
        signal = blended[m]
        greatest[m] = 0.0
        for entry in range(n):
            greatest[m] = max(greatest[m], state.signals[entry, signal])
        if greatest[m] > 0.0:
            for entry in range(n):
                state.score[entry] += tables.blend[m] * (state.signals[entry, signal] / greatest[m])


@numba.njit(cache=True, nogil=True, inline="always")
def was_bought(tables: Any, profile: Any, item: int) -> bool:
    """Tell whether an item is among what she bought last, in a shop where nobody wants a thing twice."""
    if tables.quotas[0] > 0:
        return False
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
    found.score[r, count] = state.score[entry]
    found.rank[r, count] = rank
    for signal in range(state.signals.shape[1]):
        found.signals[r, count, signal] = state.signals[entry, signal]


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
            put_candidate(state, entry, AGAIN if state.again[entry] else SIMILAR, count, found, r, count)
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def take_again(tables: Any, ring: Ring, state: Any, n: int, count: int, found: Any, r: int) -> tuple[int, int]:
    """Take what the present visit has seen and no other list gave."""
    for j in range(RING):
        x = ring.distinct[j]
        if x < 0 or count == found.item.shape[1]:
            continue
        entry = entry_of(state, x, n)
        n = max(n, entry + 1)
        if state.again[entry] and not state.taken[entry] and tables.in_stock[x]:
            put_candidate(state, entry, AGAIN, -1, found, r, count)
            count += 1
    return n, count


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
