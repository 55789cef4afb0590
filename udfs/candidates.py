"""Candidate items for a profile: similar items, her interests, her segment, trending, new, popular.

Defined in docs/semantics.md, section "Candidates".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.profile import CATEGORIES, RING
from udfs.session_neighbours import SESSIONS, Working, working_memory
from udfs.similar import (
    BLENDED,
    KIND_WEIGHTS,
    SIGNALS,
    Ring,
    State,
    ask_neighbours,
    ask_sessions,
    blend_signals,
    entry_of,
    put_candidate,
    read_ring,
    take_again,
    take_similar,
    was_bought,
)
from udfs.tables import COLD_SEGMENTS, RankTables, find_category, segment_row

INTEREST, SEGMENT, TRENDING, NEW, INTEREST_REST, SEGMENT_REST, POPULAR = range(1, 8)
REASONS = ("similar", "interest", "segment", "trending", "new", "interest", "segment", "popular", "seen")
INTERESTS = 3
#: Percentages of `RankTables.quotas`, after the first: similar, first to third interest, segment, trending, new.
USUAL_QUOTAS = (40, 20, 8, 4, 14, 7, 7)


class Quotas(NamedTuple):
    """How many candidates each source gives at most, for K of them."""

    total: int
    similar: int
    interests: tuple[int, int, int]
    segment: int
    trending: int
    new: int

    @classmethod
    def of(cls, total: int, percentages: Sequence[int] = USUAL_QUOTAS) -> Quotas:
        """Cut K into quotas.

        Examples
        --------
        >>> Quotas.of(100)
        Quotas(total=100, similar=40, interests=(20, 8, 4), segment=14, trending=7, new=7)
        """
        share = [total * int(percent) // 100 for percent in percentages]
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
        The item of hers that speaks for it most, -1: none.
    score : f8[R, K]
        Blend of the signals.
    rank : i4[R, K]
        Position in the list of similar items, -1: not from it.
    signals : f8[R, K, 8]
        What speaks for it; `udfs.similar.SIGNALS`.
    greatest : f8[R, 4]
        Greatest signal by method: sessions, then `udfs.tables.ITEM_METHODS`.
    ring : i4[R, 12]
        Item numbers of her ring, newest first, -1: none or not known.
    weight : f8[R, 12]
        Weights of its places.
    """

    filled: NDArray[np.int32]
    item: NDArray[np.int32]
    source: NDArray[np.uint8]
    anchor: NDArray[np.int32]
    score: NDArray[np.float64]
    rank: NDArray[np.int32]
    signals: NDArray[np.float64]
    greatest: NDArray[np.float64]
    ring: NDArray[np.int32]
    weight: NDArray[np.float64]


def find_candidates(
    tables: RankTables, slots: NDArray[np.int32], profiles: NDArray[np.void], quotas: Quotas, working: Working | None = None
) -> Candidates:
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
    working
        Memory to use again; made if there is none.

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
        score=np.zeros((users, total)),
        rank=np.full((users, total), -1, np.int32),
        signals=np.zeros((users, total, len(SIGNALS))),
        greatest=np.zeros((users, len(BLENDED))),
        ring=np.full((users, RING), -1, np.int32),
        weight=np.zeros((users, RING)),
    )
    longest = int(np.diff(tables.session_ends, prepend=0).max(initial=0))
    memory = working_memory(len(tables.session_ends)) if working is None else working
    _find(tables, slots, profiles, quotas, KIND_WEIGHTS, BLENDED, SESSIONS * longest, memory, found)
    return found


@numba.njit(cache=True, nogil=True)
def _find(
    tables: Any, slots: Any, profiles: Any, quotas: Any, kind_weights: Any, blended: Any, of_sessions: int, working: Any, found: Any
) -> None:
    entries = RING * (tables.neighbours.shape[1] + 1) + of_sessions + quotas.total
    size = 8
    while size < 2 * entries:
        size *= 2
    places = np.empty(size, np.int32)  # item → entry, open addressing
    item = np.empty(entries, np.int32)
    taken = np.empty(entries, np.bool_)
    again = np.empty(entries, np.bool_)
    score = np.empty(entries, np.float64)
    best = np.empty(entries, np.float64)
    anchor = np.empty(entries, np.int32)
    signals = np.empty((entries, found.signals.shape[2]), np.float64)
    heap = np.empty(entries, np.int32)
    distinct = np.empty(RING, np.int32)
    chosen = np.empty(SESSIONS, np.int32)
    interests = np.empty(INTERESTS, np.int32)
    state = State(places, item, taken, again, score, best, anchor, signals)
    for r in range(len(profiles)):
        profile = profiles[r]
        places[:] = -1
        ring = Ring(found.ring[r], distinct, found.weight[r])
        n = read_ring(tables, slots, profile, kind_weights, ring, state)
        n = ask_sessions(tables, ring, working, chosen, state, n)
        n = ask_neighbours(tables, ring, state, n)
        blend_signals(tables, blended, state, n, found.greatest[r])
        count = take_similar(tables, profile, quotas, state, n, heap, found, r)
        n, count = take_again(tables, ring, state, n, count, found, r)
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
