"""Events as training counts them: which item, how much it means, in which visit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from udfs.events import KIND, KINDS
from udfs.update import VISIT_GAP_MS

WEIGHTS = np.zeros(len(KINDS))
for _name, _weight in (("view_item", 1.0), ("select_item", 0.5), ("add_to_wishlist", 2.0), ("add_to_cart", 3.0), ("purchase", 4.0)):
    WEIGHTS[KIND[_name]] = _weight


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
