"""What followed each event of a history."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.interactions import find_visits
from training.sessions import clicks
from udfs.events import KIND
from udfs.update import VISIT_GAP_MS

NEVER = np.int64(2**62)


class Outcomes(NamedTuple):
    """Of each event, in the order of the history.

    Attributes
    ----------
    buys : bool[n]
        Whether a purchase follows in the same visit.
    next_click : i8[n]
        Row of the next click in the same visit, -1: none.
    over : i8[n]
        When the visit is known to be over: 30 minutes after its last event, in ms.
    returns : i8[n]
        When the user's next visit begins, in ms; `NEVER` if the history has none.
    """

    buys: NDArray[np.bool_]
    next_click: NDArray[np.int64]
    over: NDArray[np.int64]
    returns: NDArray[np.int64]


class VisitTimes(NamedTuple):
    """When visits begin and end, one row a visit, those of a user behind each other; in ms.

    Attributes
    ----------
    user, first, last : i8[V]
        Whose it is; the times of its first event and of its latest.
    """

    user: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @property
    def follows(self) -> NDArray[np.bool_]:
        """Whether the next row is of the same user: bool[V]."""
        return np.append(self.user[1:] == self.user[:-1], False) if len(self.user) else np.zeros(0, np.bool_)


def visit_times(events: NDArray[np.void]) -> VisitTimes:
    """Find when visits begin and end.

    Parameters
    ----------
    events : EVENT[n]
        In log order.
    """
    order, user, visit = find_visits(events)
    starts = np.flatnonzero(np.diff(visit, prepend=-1))
    times = events["event_time"][order]
    return VisitTimes(user[starts], times[starts], np.maximum.reduceat(times, starts) if len(starts) else times)


def outcomes(events: NDArray[np.void]) -> Outcomes:
    """Find what followed each event.

    Parameters
    ----------
    events : EVENT[n]
        In log order.
    """
    order, _, visit = find_visits(events)
    of = visit_times(events)
    at, back = np.arange(len(order)), np.empty(len(order), np.int64)
    back[order] = at
    bought = np.full(len(of.user), -1, np.int64)
    places = np.flatnonzero(events["kind"][order] == KIND["purchase"])
    np.maximum.at(bought, visit[places], places)
    clicked = np.append(np.flatnonzero(clicks(events)[order]), -1)
    following = clicked[np.searchsorted(clicked[:-1], at, "right")]
    same = (following >= 0) & (visit[following] == visit) if len(order) else np.zeros(0, np.bool_)
    next_click = np.where(same, order[following] if len(order) else following, -1)
    returns = np.where(of.follows, np.append(of.first[1:], NEVER)[: len(of.first)], NEVER)
    return Outcomes((at < bought[visit])[back], next_click[back], of.last[visit][back] + VISIT_GAP_MS, returns[visit][back])
