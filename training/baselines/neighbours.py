"""Sessions like a session: the search that S-KNN, VS-KNN and STAN have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.baselines.base import Training
from training.baselines.kernels import insert


class SessionIndex(NamedTuple):
    """Training sessions by the time of their last click, the oldest first, and the sessions of each item.

    Attributes
    ----------
    items : i4[m]
        Items of each session, each once.
    places : i4[m]
        Place of the last click on each, from 1.
    ends : i8[S]
        Where each session ends in `items`.
    times : i8[S]
        Time of its last click, in ms.
    sessions : i4[m]
        Sessions of each item, the oldest first.
    session_ends : i8[count]
        Where those of each item end in `sessions`.
    """

    items: NDArray[np.int32]
    places: NDArray[np.int32]
    ends: NDArray[np.int64]
    times: NDArray[np.int64]
    sessions: NDArray[np.int32]
    session_ends: NDArray[np.int64]


class Room(NamedTuple):
    """What a search works on, clean between two cases.

    Attributes
    ----------
    place : i4[count]
        Place of the last click on each item of the beginning, from 1; 0 for other items.
    mine : i4[count]
        Those items.
    sum : f8[S]
        Sum of the weights of the items that a session shares with the beginning; may be 0, for far clicks can weigh nothing.
    met : bool[S]
        Whether it shares one.
    found : i4[S]
        Sessions that share one.
    similarity : f8[S]
        Of each of `found`.
    score : f8[count]
    scored : i4[count]
        Items with a score.
    """

    place: NDArray[np.int32]
    mine: NDArray[np.int32]
    sum: NDArray[np.float64]
    met: NDArray[np.bool_]
    found: NDArray[np.int32]
    similarity: NDArray[np.float64]
    score: NDArray[np.float64]
    scored: NDArray[np.int32]


def index_sessions(training: Training) -> SessionIndex:
    """Index training sessions."""
    sessions = training.sessions
    order = np.argsort(sessions.last_time, kind="stable")
    items, places, ends = _distinct(sessions.items, sessions.starts, sessions.ends, order, training.items)
    of = np.repeat(np.arange(len(order), dtype=np.int32), np.diff(ends, prepend=0))
    by_item = np.argsort(items, kind="stable")
    session_ends = np.cumsum(np.bincount(items, minlength=training.items)).astype(np.int64)
    return SessionIndex(items, places, ends, sessions.last_time[order], of[by_item], session_ends)


def make_room(index: SessionIndex) -> Room:
    """Make room for a search; each thread needs its own."""
    count, sessions = len(index.session_ends), len(index.ends)
    return Room(
        np.zeros(count, np.int32),
        np.empty(count, np.int32),
        np.zeros(sessions),
        np.zeros(sessions, np.bool_),
        np.empty(sessions, np.int32),
        np.empty(sessions),
        np.zeros(count),
        np.empty(count, np.int32),
    )


@numba.njit(cache=True, nogil=True)
def _distinct(clicked: Any, starts: Any, ends: Any, order: Any, count: Any) -> Any:
    items, places = np.empty(len(clicked), np.int32), np.empty(len(clicked), np.int32)
    new_ends, last, at = np.empty(len(order), np.int64), np.zeros(count, np.int32), 0
    for i in range(len(order)):
        start, end = starts[order[i]], ends[order[i]]
        for click in range(start, end):
            last[clicked[click]] = click - start + 1
        for click in range(start, end):
            if last[clicked[click]] == click - start + 1:
                items[at], places[at] = clicked[click], click - start + 1
                at += 1
        for click in range(start, end):
            last[clicked[click]] = 0
        new_ends[i] = at
    return items[:at].copy(), places[:at].copy(), new_ends


@numba.njit(cache=True, nogil=True)
def begin(room: Any, items: Any, start: Any, end: Any) -> Any:
    """Take a beginning; gives how many different items it has."""
    n = 0
    for at in range(start, end):
        if room.place[items[at]] == 0:
            room.mine[n] = items[at]
            n += 1
        room.place[items[at]] = at - start + 1
    return n


@numba.njit(cache=True, nogil=True)
def gather(index: Any, room: Any, weights: Any, mine: Any, sample: Any) -> Any:
    """Find the `sample` latest sessions that share an item, the latest first, with the sum of the weights of what they share.

    A session that is among the latest of all is among the latest of each of its items, so no more need be looked at.
    """
    n = 0
    for i in range(mine):
        item = room.mine[i]
        first = index.session_ends[item - 1] if item else 0
        last = index.session_ends[item]
        for at in range(last - 1, max(first, last - sample) - 1, -1):
            session = index.sessions[at]
            if not room.met[session]:
                room.met[session] = True
                room.found[n] = session
                n += 1
            room.sum[session] += weights[i]
    latest = np.sort(room.found[:n])[::-1]
    kept = min(n, sample)
    for i in range(n):
        if i < kept:
            room.found[i], room.similarity[i] = latest[i], room.sum[latest[i]]
        room.sum[latest[i]], room.met[latest[i]] = 0.0, False
    return kept


@numba.njit(cache=True, nogil=True)
def keep_best(room: Any, n: Any, k: Any) -> Any:
    """Keep the k most similar of the sessions found, of equal ones the latest; gives how many there are."""
    if n <= k:
        return n
    least = np.partition(room.similarity[:n], n - k)[n - k]
    above = 0
    for i in range(n):
        above += room.similarity[i] > least
    equal, kept = k - above, 0
    for i in range(n):
        similarity = room.similarity[i]
        if similarity < least or (similarity == least and equal == 0):
            continue
        equal -= similarity == least
        room.found[kept], room.similarity[kept] = room.found[i], similarity
        kept += 1
    return kept


@numba.njit(cache=True, nogil=True)
def add_score(room: Any, scored: Any, item: Any, score: Any) -> Any:
    """Add to an item's score; gives how many have one."""
    if score <= 0.0:
        return scored
    if room.score[item] == 0.0:
        room.scored[scored] = item
        scored += 1
    room.score[item] += score
    return scored


@numba.njit(cache=True, nogil=True)
def finish(room: Any, mine: Any, scored: Any, items: Any, scores: Any) -> None:
    """List the best items, and leave the room clean."""
    filled = 0
    for i in range(scored):
        filled = insert(items, scores, filled, room.scored[i], room.score[room.scored[i]])
        room.score[room.scored[i]] = 0.0
    for i in range(mine):
        room.place[room.mine[i]] = 0
