"""Events as training counts them: which item, how much it means, in which visit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from udfs.events import GOES_TO_RING, KIND, KINDS
from udfs.update import VISIT_GAP_MS

WEIGHTS = np.zeros(len(KINDS))
for _name, _weight in (("view_item", 1.0), ("select_item", 0.5), ("add_to_wishlist", 2.0), ("add_to_cart", 3.0), ("purchase", 4.0)):
    WEIGHTS[KIND[_name]] = _weight
AHEAD, BEHIND = 20, 60


class Visits(NamedTuple):
    """The events of a history, sorted by user, her log kept in order.

    Attributes
    ----------
    order : i8[n]
        Row of the history at each place.
    user, visit : i8[n]
        Of each place; visits are numbered over all users.
    """

    order: NDArray[np.int64]
    user: NDArray[np.int64]
    visit: NDArray[np.int64]


def find_visits(events: NDArray[np.void]) -> Visits:
    """Cut the events of each user into visits: a gap above 30 minutes starts one.

    Parameters
    ----------
    events : EVENT[n]
        In log order.
    """
    order = np.argsort(events["user"], kind="stable")
    user, times = events["user"][order].astype(np.int64), events["event_time"][order]
    starts = np.ones(len(order), np.bool_)
    starts[1:] = (user[1:] != user[:-1]) | (times[1:] > times[:-1] + VISIT_GAP_MS)
    return Visits(order, user, np.cumsum(starts) - 1)


def next_items(events: NDArray[np.void], visits: Visits) -> NDArray[np.uint64]:
    """Find what each user turns to next: the next item of the visit that she has not seen in it before.

    Returns
    -------
    u8[n]
        Item hash for each row of the history, 0 where the visit has no such item.
    """
    found = np.zeros(len(events), np.uint64)
    item = np.where(GOES_TO_RING[events["kind"]], events["item"], 0)[visits.order]
    _next_items(item, visits.visit, visits.order, found)
    return found


@numba.njit(cache=True)
def _next_items(item: Any, visit: Any, order: Any, found: Any) -> None:
    n = len(item)
    for i in range(n):
        for j in range(i + 1, min(n, i + 1 + AHEAD)):
            if visit[j] != visit[i]:
                break
            if item[j] == 0:
                continue
            seen = False
            for k in range(i, max(-1, i - BEHIND), -1):
                if visit[k] != visit[i]:
                    break
                if item[k] == item[j]:
                    seen = True
                    break
            if not seen:
                found[order[i]] = item[j]
                break
