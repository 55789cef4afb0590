"""The order in which the events arrive: late ones, repeated ones, poison between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LATE = 0.1
"""Share of the events that are delayed, where any are."""
SOONEST_REPEAT_MS, LATEST_REPEAT_MS = 200, 20_000


class Log(NamedTuple):
    """Rows of the log, in its order.

    Attributes
    ----------
    rows
        The event.
    poison
        Whether the row is a spoilt copy of the event instead of the event.
    duplicates
        How many events come twice.
    """

    rows: NDArray[np.int64]
    poison: NDArray[np.bool_]
    duplicates: int


def arrange(times: NDArray[np.int64], late_seconds: float, duplicates: float, poison: float, seed: int) -> Log:
    """Put events in the order of a log.

    Parameters
    ----------
    times
        When they happened, in ms.
    late_seconds
        A tenth of the events arrives up to that much later.
    duplicates, poison
        Shares of the events that come twice, and that come once more as poison.
    """
    random = np.random.default_rng([seed, 4])
    count = len(times)
    arrival = times.copy()
    if late_seconds > 0:
        late = random.random(count) < LATE
        arrival[late] += (random.random(int(late.sum())) * late_seconds * 1000).astype(np.int64)
    again = random.choice(count, round(duplicates * count), replace=False)
    repeat = random.integers(SOONEST_REPEAT_MS, LATEST_REPEAT_MS, len(again))
    spoilt = random.choice(count, round(poison * count), replace=poison > 1)
    rows = np.concatenate([np.arange(count), again, spoilt])
    order = np.argsort(np.concatenate([arrival, arrival[again] + repeat, arrival[spoilt]]), kind="stable")
    return Log(rows[order], order >= count + len(again), len(again))
