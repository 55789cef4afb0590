"""Rules "after this item, that one": learnt by `AR` and `SR`, applied to the newest click."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from training.baselines.base import Lists, Prefixes, Progress, rank_parts
from training.sessions import Sessions


class Occurrences(NamedTuple):
    """Where each item was clicked.

    Attributes
    ----------
    at : i8[m]
        Places in `Sessions.items`, by item, ascending.
    ends : i8[count]
        Where those of each item end in `at`.
    session : i8[m]
        Session of each click.
    """

    at: NDArray[np.int64]
    ends: NDArray[np.int64]
    session: NDArray[np.int64]


class Rules(NamedTuple):
    """The best rules of each item.

    Attributes
    ----------
    items : i4[count, n]
        What follows, best first; -1 where there are no more.
    weights : f8[count, n]
    """

    items: NDArray[np.int32]
    weights: NDArray[np.float64]

    def recommend(self, prefixes: Prefixes, top: int, progress: Progress | None) -> Lists:
        """List what follows the newest click."""

        def rank(part: Prefixes, items: NDArray[np.int32], scores: NDArray[np.float64]) -> None:
            width = min(top, self.items.shape[1])
            rows = np.flatnonzero(part.ends > part.starts)
            newest = part.items[part.ends[rows] - 1]
            items[rows, :width], scores[rows, :width] = self.items[newest, :width], self.weights[newest, :width]

        return rank_parts(rank, prefixes, len(self.items), top, progress)


def find_occurrences(sessions: Sessions, count: int) -> Occurrences:
    """Find where each of `count` items was clicked."""
    at = np.argsort(sessions.items, kind="stable")
    ends = np.cumsum(np.bincount(sessions.items, minlength=count)).astype(np.int64)
    return Occurrences(at, ends, np.repeat(np.arange(len(sessions.ends)), sessions.lengths))


@numba.njit(cache=True, nogil=True)
def room(count: Any, most: Any) -> Any:
    """Make empty rules, and what a kernel needs to sum them up: a sum for each item, and a list of those that have one."""
    return np.full((count, most), -1, np.int32), np.zeros((count, most)), np.zeros(count), np.empty(count, np.int32)
