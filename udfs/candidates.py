"""Candidate items for a profile: item-to-item, her interests, her segment, trending, new, popular.

Defined in docs/semantics.md, section "Candidates".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.events import KIND
from udfs.profile import BOUGHT, CATEGORIES, RING
from udfs.tables import RankTables, find_category, find_item, segment_row

SIMILAR, INTEREST, SEGMENT, TRENDING, NEW, INTEREST_REST, SEGMENT_REST, POPULAR = range(8)
REASONS = ("similar", "interest", "segment", "trending", "new", "interest", "segment", "popular")
INTERESTS = 3

KIND_WEIGHTS = np.ones(256)
KIND_WEIGHTS[[KIND["add_to_cart"], KIND["add_to_wishlist"], KIND["select_item"]]] = (2.0, 1.5, 0.5)
OTHER_VISIT, OTHER_INTENT = 0.5, 0.25


class Quotas(NamedTuple):
    """How many candidates each source gives at most, for K of them."""

    total: int
    similar: int
    interests: tuple[int, int, int]
    segment: int
    trending: int
    new: int

    @classmethod
    def of(cls, total: int) -> Quotas:
        """Cut K into quotas.

        Examples
        --------
        >>> Quotas.of(100)
        Quotas(total=100, similar=40, interests=(20, 8, 4), segment=14, trending=7, new=7)
        """
        share = [total * percent // 100 for percent in (40, 20, 8, 4, 14, 7, 7)]
        return cls(total, share[0], (share[1], share[2], share[3]), share[4], share[5], share[6])


class Candidates(NamedTuple):
    """Candidates of R users, K places each.

    Attributes
    ----------
    filled : i4[R]
        Places filled.
    item : i4[R, K]
        Item numbers, -1 where not filled.
    source : u1[R, K]
        First source that gave it; indexes `REASONS`.
    anchor : i4[R, K]
        The item of hers it is most similar to, -1: none.
    similar_score, similar_last : f8[R, K]
        Similarity to all of her ring, to its newest place.
    rank : i4[R, K]
        Position in the list of similar items, -1: not from it.
    ring : i4[R, 12]
        Item numbers of her ring, newest first, -1: none or not known.
    """

    filled: NDArray[np.int32]
    item: NDArray[np.int32]
    source: NDArray[np.uint8]
    anchor: NDArray[np.int32]
    similar_score: NDArray[np.float64]
    similar_last: NDArray[np.float64]
    rank: NDArray[np.int32]
    ring: NDArray[np.int32]


def find_candidates(tables: RankTables, slots: NDArray[np.int32], profiles: NDArray[np.void], quotas: Quotas) -> Candidates:
    """Find the candidates of some users.

    Parameters
    ----------
    tables
        The bundle's tables.
    slots
        `udfs.tables.item_slots` of them.
    profiles : PROFILE[R]
        One profile a user.
    quotas
        Sizes.

    Returns
    -------
    Candidates
    """
    users, total = len(profiles), quotas.total
    found = Candidates(
        filled=np.zeros(users, np.int32),
        item=np.full((users, total), -1, np.int32),
        source=np.zeros((users, total), np.uint8),
        anchor=np.full((users, total), -1, np.int32),
        similar_score=np.zeros((users, total)),
        similar_last=np.zeros((users, total)),
        rank=np.full((users, total), -1, np.int32),
        ring=np.full((users, RING), -1, np.int32),
    )
    _find(tables, slots, profiles, quotas, KIND_WEIGHTS, found)
    return found


@numba.njit(cache=True, nogil=True)
def _find(tables: Any, slots: Any, profiles: Any, quotas: Any, kind_weights: Any, found: Any) -> None:
    width = tables.neighbours.shape[1]
    entries = RING * (width + 1) + quotas.total
    size = 8
    while size < 2 * entries:
        size *= 2
    places = np.empty(size, np.int32)  # item → entry, open addressing
    item = np.empty(entries, np.int32)
    taken = np.empty(entries, np.bool_)
    score = np.empty(entries, np.float64)
    last = np.empty(entries, np.float64)
    best = np.empty(entries, np.float64)
    anchor = np.empty(entries, np.int32)
    heap = np.empty(entries, np.int32)
    interests = np.empty(INTERESTS, np.int32)
    state = _State(places, item, taken, score, last, best, anchor)
    for r in range(len(profiles)):
        profile = profiles[r]
        places[:] = -1
        ring = found.ring[r]
        n = _read_ring(tables, slots, profile, ring, state)
        n = _accumulate(tables, profile, ring, kind_weights, state, n)
        count = _take_similar(tables, profile, quotas, state, n, heap, found, r)
        n_interests = _interests(tables, profile, interests)
        segment = tables.segment_items[segment_row(profile.segment, len(tables.segment_items) - 5)]
        for i in range(n_interests):
            quota = quotas.interests[0] if i == 0 else quotas.interests[1] if i == 1 else quotas.interests[2]
            if interests[i] >= 0:
                n, count = _take(tables, profile, tables.category_items[interests[i]], INTEREST, quota, state, n, count, found, r)
        n, count = _take(tables, profile, segment, SEGMENT, quotas.segment, state, n, count, found, r)
        n, count = _take(tables, profile, tables.trending, TRENDING, quotas.trending, state, n, count, found, r)
        n, count = _take(tables, profile, tables.new, NEW, quotas.new, state, n, count, found, r)
        if n_interests and interests[0] >= 0:
            n, count = _take(tables, profile, tables.category_items[interests[0]], INTEREST_REST, quotas.total, state, n, count, found, r)
        n, count = _take(tables, profile, segment, SEGMENT_REST, quotas.total, state, n, count, found, r)
        n, count = _take(tables, profile, tables.popular, POPULAR, quotas.total, state, n, count, found, r)
        found.filled[r] = count


class _State(NamedTuple):
    """Working memory of one user: what is known of each item met so far."""

    places: Any
    item: Any
    taken: Any
    score: Any
    last: Any
    best: Any
    anchor: Any


@numba.njit(cache=True, nogil=True, inline="always")
def _entry(state: Any, item: int, n: int) -> int:
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
def _read_ring(tables: Any, slots: Any, profile: Any, ring: Any, state: Any) -> int:
    """Read the ring newest first; what the present visit has seen counts as taken."""
    n = 0
    visit = profile.visits % 256
    for j in range(min(profile.items_n, RING)):
        place = profile.items[(profile.items_n - 1 - j) % RING]
        ring[j] = find_item(slots, tables.item_hash, place.item)
        if ring[j] >= 0 and place.visit == visit:
            entry = _entry(state, ring[j], n)
            n = max(n, entry + 1)
            state.taken[entry] = True
    return n


@numba.njit(cache=True, nogil=True)
def _accumulate(tables: Any, profile: Any, ring: Any, kind_weights: Any, state: Any, n: int) -> int:
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
            entry = _entry(state, y, n)
            n = max(n, entry + 1)
            part = weight * similarity
            state.score[entry] += part
            if j == 0:
                state.last[entry] = similarity
            if part > state.best[entry]:
                state.best[entry] = part
                state.anchor[entry] = x
    return n


@numba.njit(cache=True, nogil=True)
def _interests(tables: Any, profile: Any, interests: Any) -> int:
    """Find the rows of her first categories; -1 for one that has none."""
    chosen = 0
    used = 0
    while chosen < INTERESTS:
        best, best_focus, best_short, best_long = -1, False, 0, 0
        for i in range(CATEGORIES):
            entry = profile.categories[i]
            if entry.category == 0 or used >> i & 1:
                continue
            short, long = 0, 0
            for pane in range(len(entry.short)):
                short += entry.short[pane]
            for pane in range(len(entry.long)):
                long += entry.long[pane]
            if short + long == 0:
                continue
            focus = entry.category == profile.focus
            if best < 0 or (focus, short, long) > (best_focus, best_short, best_long):
                best, best_focus, best_short, best_long = i, focus, short, long
        if best < 0:
            break
        used |= 1 << best
        interests[chosen] = find_category(tables.categories, profile.categories[best].category)
        chosen += 1
    return chosen


@numba.njit(cache=True, nogil=True, inline="always")
def _bought(tables: Any, profile: Any, item: int) -> bool:
    short = np.uint32(tables.item_hash[item] >> np.uint64(32))
    for i in range(min(profile.bought_n, BOUGHT)):  # noqa: SIM110 - compiled
        if profile.bought[i] == short:
            return True
    return False


@numba.njit(cache=True, nogil=True, inline="always")
def _put(state: Any, entry: int, source: int, rank: int, found: Any, r: int, count: int) -> None:
    state.taken[entry] = True
    found.item[r, count] = state.item[entry]
    found.source[r, count] = source
    found.anchor[r, count] = state.anchor[entry]
    found.similar_score[r, count] = state.score[entry]
    found.similar_last[r, count] = state.last[entry]
    found.rank[r, count] = rank


@numba.njit(cache=True, nogil=True)
def _take_similar(tables: Any, profile: Any, quotas: Any, state: Any, n: int, heap: Any, found: Any, r: int) -> int:
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
        if not _bought(tables, profile, state.item[entry]):
            _put(state, entry, SIMILAR, count, found, r, count)
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


@numba.njit(cache=True, nogil=True)
def _take(
    tables: Any, profile: Any, items: Any, source: int, quota: int, state: Any, n: int, count: int, found: Any, r: int
) -> tuple[int, int]:
    """Take what is new from a list, up to a quota."""
    total = found.item.shape[1]
    for i in range(len(items)):
        item = items[i]
        if count == total or quota == 0 or item < 0:
            break
        if not tables.in_stock[item]:
            continue
        if _bought(tables, profile, item):
            continue
        entry = _entry(state, item, n)
        n = max(n, entry + 1)
        if state.taken[entry]:
            continue
        _put(state, entry, source, -1, found, r, count)
        count += 1
        quota -= 1
    return n, count
