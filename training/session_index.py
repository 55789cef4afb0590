"""The past sessions of a bundle: what its neighbourhood methods look in."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.sessions import Sessions

SESSIONS_OF_ITEM, CLICKS_OF_SESSION = 250, 40


class SessionIndex(NamedTuple):
    """T sessions in the order of time.

    Attributes
    ----------
    items : i4[m]
        Their items, in order.
    ends : i8[T]
        Where each session ends in `items`.
    age : f8[T]
        How long before the end of the history it ended, as a share of the history.
    of_item : i4[q]
        The latest sessions of each item, latest first.
    of_item_ends : i8[I]
        Where those of each item end in `of_item`.
    """

    items: NDArray[np.int32]
    ends: NDArray[np.int64]
    age: NDArray[np.float64]
    of_item: NDArray[np.int32]
    of_item_ends: NDArray[np.int64]


def index_sessions(sessions: Sessions, items: int) -> SessionIndex:
    """Index sessions of at least two clicks on known items, of each its last ones.

    Parameters
    ----------
    sessions
        With item numbers below `items`.
    items
        I.
    """
    known = sessions.items >= 0
    of = np.repeat(np.arange(len(sessions.ends)), sessions.lengths)
    from_end = np.repeat(sessions.ends, sessions.lengths) - np.arange(len(sessions.items))
    kept = known & (from_end <= CLICKS_OF_SESSION)
    kept &= np.bincount(of[kept], minlength=len(sessions.ends))[of] >= 2
    # Rows of a session stay together; sessions go by the time they ended.
    rows = np.flatnonzero(kept)
    rows = rows[np.lexsort((rows, sessions.last_time[of[rows]]))] if len(rows) else rows
    rows = rows[np.argsort(_ranks(of[rows]), kind="stable")]
    _, first, lengths = np.unique(_ranks(of[rows]), return_index=True, return_counts=True)
    ends = np.cumsum(lengths)
    last = sessions.last_time[of[rows[first]]]
    span = max(1, int(last.max() - last.min())) if len(last) else 1
    numbers = sessions.items[rows]
    of_item, of_item_ends = _of_items(numbers, ends, items, SESSIONS_OF_ITEM)
    return SessionIndex(numbers, ends, (last.max(initial=0) - last) / span, of_item, of_item_ends)


def session_weights(index: SessionIndex, recency: float) -> NDArray[np.float32]:
    """Weigh sessions: long ones and old ones less.

    Parameters
    ----------
    index
        The sessions.
    recency
        How many times e a session that is as old as the history weighs less than a new one.

    Returns
    -------
    f4[T]
    """
    lengths = np.diff(index.ends, prepend=0)
    weights: NDArray[np.float32] = (np.exp(-recency * index.age) / np.sqrt(lengths)).astype(np.float32)
    return weights


def _ranks(of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the groups in the order in which they first come."""
    _, first, inverse = np.unique(of, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


@numba.njit(cache=True)
def _of_items(numbers: Any, ends: Any, items: int, most: int) -> tuple[Any, Any]:
    """List the latest sessions of each item, each session once."""
    count = np.zeros(items, np.int64)
    newest = np.full(items, -1, np.int64)
    for backwards in range(len(ends)):
        session = len(ends) - 1 - backwards
        for i in range(ends[session - 1] if session > 0 else 0, ends[session]):
            x = numbers[i]
            if newest[x] != session and count[x] < most:
                count[x] += 1
            newest[x] = session
    of_item_ends = np.cumsum(count)
    of_item = np.empty(of_item_ends[-1] if items else 0, np.int32)
    at = of_item_ends - count
    newest[:] = -1
    for backwards in range(len(ends)):
        session = len(ends) - 1 - backwards
        for i in range(ends[session - 1] if session > 0 else 0, ends[session]):
            x = numbers[i]
            if newest[x] != session and at[x] < of_item_ends[x]:
                of_item[at[x]] = session
                at[x] += 1
            newest[x] = session
    return of_item, of_item_ends
