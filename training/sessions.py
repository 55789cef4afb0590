"""Sessions: what a shopper did in one go, as a sequence of items."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.interactions import find_visits
from udfs.events import GOES_TO_RING, KIND


class Sessions(NamedTuple):
    """S sessions with m clicks in all: those of session s are `ends[s - 1]` (0 for the first) to `ends[s]`, in log order.

    What a click is, `clicks` says.

    Attributes
    ----------
    items : i4[m]
        Number of the item of each click, -1 for one that is not among the numbered ones.
    rows : i8[m]
        Row of each click in the history.
    ends : i8[S]
        Where each session ends.
    first_time, last_time : i8[S]
        Least and greatest event time of its clicks, in ms.
    """

    items: NDArray[np.int32]
    rows: NDArray[np.int64]
    ends: NDArray[np.int64]
    first_time: NDArray[np.int64]
    last_time: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each session begins: i8[S]."""
        return self.ends - self.lengths

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Clicks of each session: i8[S]."""
        return np.diff(self.ends, prepend=0)


def number_sessions(events: NDArray[np.void], ids: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Tell which events belong together: those of one user and session id; where there is no id, those of one visit of hers.

    Parameters
    ----------
    events : EVENT[n]
        In log order.
    ids : u8[n]
        Hash of the session id of each, 0 for none.

    Returns
    -------
    i8[n]
        Number of the session of each event, in the order of their first events.
    """
    visits = find_visits(events)
    part = ids.copy()
    without = ids[visits.order] == 0
    part[visits.order[without]] = visits.visit[without]
    order = np.lexsort((part, ids == 0, events["user"]))
    starts = np.ones(len(order), np.bool_)
    if len(order):
        starts[1:] = np.any([np.diff(key[order]) != 0 for key in (part, (ids == 0).astype(np.int8), events["user"])], 0)
    # The sort is stable: the row at which a group starts is its first.
    number = np.empty(int(starts.sum()), np.int64)
    number[np.argsort(order[starts])] = np.arange(len(number))
    session = np.empty(len(order), np.int64)
    session[order] = number[np.cumsum(starts) - 1]
    return session


def clicks(events: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which events are clicks: views of an item; in a log without views, whatever goes to a profile's item ring.

    What else is done to an item (it was selected in a list, put into the cart, bought) mostly repeats the view before it, and would be
    counted as a second click on the same item.

    Parameters
    ----------
    events : EVENT[n]

    Returns
    -------
    bool[n]
    """
    views: NDArray[np.bool_] = (events["kind"] == KIND["view_item"]) & (events["item"] != 0)
    anything: NDArray[np.bool_] = GOES_TO_RING[events["kind"]] & (events["item"] != 0)
    return views if views.any() else anything


def item_sessions(events: NDArray[np.void], session: NDArray[np.int64], items: NDArray[np.uint64], least: int = 1) -> Sessions:
    """Give sessions as item sequences.

    Parameters
    ----------
    events : EVENT[n]
        In log order.
    session : i8[n]
        Number of the session of each; they come out in the order of these numbers.
    items : u8[I]
        Hash of each numbered item.
    least
        Clicks that a session must have.
    """
    rows = np.flatnonzero(clicks(events))
    rows = rows[np.argsort(session[rows], kind="stable")]
    _, of, lengths = np.unique(session[rows], return_inverse=True, return_counts=True)
    rows, lengths = rows[lengths[of] >= least], lengths[lengths >= least]
    ends = np.cumsum(lengths)
    times = events["event_time"][rows]
    first, last = (ufunc.reduceat(times, ends - lengths) if len(ends) else times for ufunc in (np.minimum, np.maximum))
    return Sessions(item_numbers(events["item"][rows], items), rows, ends, first, last)


def item_numbers(wanted: NDArray[np.uint64], items: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Find items by hash.

    Parameters
    ----------
    wanted : u8[n]
        Hashes.
    items : u8[I]
        Hash of each numbered item.

    Returns
    -------
    i4[n]
        Numbers; -1 for one that has none.
    """
    if not len(items):
        return np.full(len(wanted), -1, np.int32)
    order = np.argsort(items)
    at = order[np.minimum(np.searchsorted(items, wanted, sorter=order), len(items) - 1)]
    return np.where(items[at] == wanted, at, -1).astype(np.int32)


class NextClicks(NamedTuple):
    """Clicks that another one follows in their session.

    Attributes
    ----------
    row : i8[n]
        Row of the click in the history.
    item : u8[n]
        Hash of the next click's item.
    begun : i8[n]
        Least event time of the session, in ms.
    """

    row: NDArray[np.int64]
    item: NDArray[np.uint64]
    begun: NDArray[np.int64]


def next_clicks(events: NDArray[np.void], sessions: Sessions) -> NextClicks:
    """Find what each click is followed by.

    Parameters
    ----------
    events : EVENT[n]
        The history.
    sessions
        Its sessions.
    """
    followed = np.ones(len(sessions.rows), np.bool_)
    followed[sessions.ends - 1] = False
    at = np.flatnonzero(followed)
    begun = np.repeat(sessions.first_time, sessions.lengths)
    return NextClicks(sessions.rows[at], events["item"][sessions.rows[at + 1]], begun[at])
