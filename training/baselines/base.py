"""What every baseline is made from and gives: training sessions, beginnings of sessions, lists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from training.sessions import Sessions

#: Cases that a thread ranks before it says so.
CASES_A_PART = 200

Progress = Callable[[int], None]


class Training(NamedTuple):
    """What a baseline learns from.

    Attributes
    ----------
    sessions
        At least two clicks each; all items are numbered, the most popular first.
    clicks : i8[I]
        Clicks of each item, those of sessions with one click as well.
    """

    sessions: Sessions
    clicks: NDArray[np.int64]

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.clicks)


class Prefixes(NamedTuple):
    """Beginnings of sessions: that of case c is `items[starts[c]:ends[c]]`, the newest click last.

    Attributes
    ----------
    items : i4[n]
        Numbers; clicks on items that training does not know are left out.
    starts, ends : i8[C]
    times : i8[C]
        Event time of the newest click, in ms.
    """

    items: NDArray[np.int32]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    times: NDArray[np.int64]

    def part(self, of: slice) -> Prefixes:
        """Give some of the cases."""
        return Prefixes(self.items, self.starts[of], self.ends[of], self.times[of])


class Lists(NamedTuple):
    """Ranked items of C cases.

    Attributes
    ----------
    items : i4[C, top]
        Best first; of equal scores the more popular item is first. -1 where there are no more items.
    scores : f8[C, top]
        0 for what was filled up with popular items.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float64]


class Baseline(Protocol):
    """A method.

    Attributes
    ----------
    PUBLISHED
        Settings that its authors or its reference implementation recommend, by the data set they were found on.
    settings
        Those it has.
    """

    PUBLISHED: ClassVar[tuple[dict[str, Any], ...]]
    settings: dict[str, Any]

    def fit(self, training: Training) -> None:
        """Learn from sessions."""

    def recommend(self, prefixes: Prefixes, top: int = 20, progress: Progress | None = None) -> Lists:
        """Rank all items after each beginning.

        Parameters
        ----------
        prefixes
            C cases.
        top
            Items wanted for each.
        progress
            Called with the cases done since the last call.
        """


def rank_parts(
    rank: Callable[[Prefixes, NDArray[np.int32], NDArray[np.float64]], None],
    prefixes: Prefixes,
    count: int,
    top: int,
    progress: Progress | None,
) -> Lists:
    """Rank in several threads and fill the lists up.

    Parameters
    ----------
    rank
        Fills the lists of some cases: items i4[c, top], where -1 stands, and scores f8[c, top]. Compiled, without the interpreter's lock.
    prefixes
        All cases.
    count
        Number of items.
    top, progress
        As for `Baseline.recommend`.
    """
    cases = len(prefixes.starts)
    lists = Lists(np.full((cases, top), -1, np.int32), np.zeros((cases, top)))

    def run(part: slice) -> int:
        some = prefixes.part(part)
        rank(some, lists.items[part], lists.scores[part])
        fill_up(lists.items[part], count)
        return len(some.starts)

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
        for done in threads.map(run, _parts(cases)):
            if progress:
                progress(done)
    return lists


def fill_up(items: NDArray[np.int32], count: int) -> None:
    """Fill lists up with the most popular items that they do not hold.

    Parameters
    ----------
    items : i4[C, top]
        Filled from the left, then -1; changed in place.
    count
        Number of items; they are numbered by popularity.
    """
    top = items.shape[1]
    popular = np.arange(min(count, 2 * top), dtype=np.int32)
    for row in np.flatnonzero(items[:, -1] < 0):
        listed = items[row][items[row] >= 0]
        more = popular[~np.isin(popular, listed)][: top - len(listed)]
        items[row, len(listed) : len(listed) + len(more)] = more


def _parts(cases: int) -> Iterator[slice]:
    for start in range(0, cases, CASES_A_PART):
        yield slice(start, min(start + CASES_A_PART, cases))
