"""Candidate items for a profile: item-to-item, her interests, her segment, trending, new, popular.

Defined in docs/semantics.md, section "Candidates".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.profile import CATEGORIES, RING
from udfs.similar import KIND_WEIGHTS, SIMILAR, State, accumulate, entry_of, put_candidate, read_ring, take_similar, was_bought
from udfs.tables import COLD_SEGMENTS, RankTables, find_category, segment_row

INTEREST, SEGMENT, TRENDING, NEW, INTEREST_REST, SEGMENT_REST, POPULAR = range(SIMILAR + 1, 8)
REASONS = ("similar", "interest", "segment", "trending", "new", "interest", "segment", "popular")
INTERESTS = 3


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
    state = State(places, item, taken, score, last, best, anchor)
    for r in range(len(profiles)):
        profile = profiles[r]
        places[:] = -1
        ring = found.ring[r]
        n = read_ring(tables, slots, profile, ring, state)
        n = accumulate(tables, profile, ring, kind_weights, state, n)
        count = take_similar(tables, profile, quotas, state, n, heap, found, r)
        n_interests = _interests(tables, profile, interests)
        segment = tables.segment_items[segment_row(profile.segment, len(tables.segment_items) - COLD_SEGMENTS)]
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
        if was_bought(tables, profile, item):
            continue
        entry = entry_of(state, item, n)
        n = max(n, entry + 1)
        if state.taken[entry]:
            continue
        put_candidate(state, entry, source, -1, found, r, count)
        count += 1
        quota -= 1
    return n, count
