"""Lists whose showing the shop has logged, and whether something on them was clicked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.history import History
from training.propensity.outcomes import Outcomes
from udfs.events import KIND

#: With fewer there is nothing to learn from them.
LEAST = 500
_SHOWN = KIND["view_item_list"]
_CLICKS = (KIND["select_item"], KIND["view_item"])


class Shown(NamedTuple):
    """Recommendations that came into view.

    Attributes
    ----------
    row : i8[n]
        The first event of each that says so.
    clicked : bool[n]
        Whether she clicked on one of its items before her visit was over.
    """

    row: NDArray[np.int64]
    clicked: NDArray[np.bool_]


def shown_lists(history: History, after: Outcomes) -> Shown:
    """Find the lists that were seen: `view_item_list` with a `recommendation_id`; a click on one is an event on an item that names it.

    Parameters
    ----------
    history
        The history.
    after
        What followed each of its events.
    """
    if not len(history.recommendation):
        return Shown(np.empty(0, np.int64), np.empty(0, np.bool_))
    kind, of, times = history.events["kind"], history.recommendation, history.events["event_time"]
    seen = np.flatnonzero((kind == _SHOWN) & (of != 0))
    ids, first = np.unique(of[seen], return_index=True)
    row = seen[first]
    on_item = np.flatnonzero(np.isin(kind, _CLICKS) & (of != 0))
    at = np.minimum(np.searchsorted(ids, of[on_item]), max(0, len(ids) - 1))
    if len(ids):
        mine = (ids[at] == of[on_item]) & (history.events["user"][row[at]] == history.events["user"][on_item])
        on_item, at = on_item[mine], at[mine]
    clicked = np.zeros(len(ids), np.bool_)
    in_time = times[on_item] <= after.over[row[at]] if len(ids) else np.zeros(0, np.bool_)
    clicked[at[in_time] if len(ids) else []] = True
    order = np.argsort(row)
    return Shown(row[order], clicked[order])
