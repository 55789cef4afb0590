"""What is asked: after every beginning of every test session, which item comes next?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.baselines import Prefixes, Training
from training.history import History
from training.sessions import Sessions, item_sessions
from udfs.events import GOES_TO_RING

LEAST_CLICKS = 2


class Known(NamedTuple):
    """The items of the training log, the most clicked first; their places are their numbers.

    Attributes
    ----------
    hashes : u8[I]
    clicks : i8[I]
    """

    hashes: NDArray[np.uint64]
    clicks: NDArray[np.int64]


class Cases(NamedTuple):
    """C cases, session by session.

    Attributes
    ----------
    session : i8[C]
        The session, from 0.
    position : i8[C]
        Clicks that have been seen, from 1.
    row : i8[C]
        Row of the newest of them in the test history.
    right : i4[C]
        Number of the item that comes next; -1 for one that training does not know.
    seen : bool[C]
        Whether it has been clicked in the session before.
    prefixes
        The clicks seen, for the baselines.
    """

    session: NDArray[np.int64]
    position: NDArray[np.int64]
    row: NDArray[np.int64]
    right: NDArray[np.int32]
    seen: NDArray[np.bool_]
    prefixes: Prefixes

    @property
    def sessions(self) -> int:
        """Sessions with a case."""
        return int(self.session[-1]) + 1 if len(self.session) else 0


def known_items(events: NDArray[np.void]) -> Known:
    """Number the items that were clicked in some events."""
    clicked = events["item"][GOES_TO_RING[events["kind"]] & (events["item"] != 0)]
    hashes, clicks = np.unique(clicked, return_counts=True)
    order = np.lexsort((hashes, -clicks))
    return Known(hashes[order], clicks[order].astype(np.int64))


def training_of(events: NDArray[np.void], session: NDArray[np.int64], known: Known) -> Training:
    """Make of a history what the baselines learn from.

    Parameters
    ----------
    events : EVENT[n]
        In log order.
    session : i8[n]
        Number of the session of each.
    known
        Their items.
    """
    return Training(item_sessions(events, session, known.hashes, LEAST_CLICKS), known.clicks)


def find_cases(history: History, known: Known, sample: int | None = None, seed: int = 0) -> Cases:
    """Find the cases of a test history.

    Parameters
    ----------
    history
        The test log.
    known
        Items of the training log.
    sample
        Take as many of the sessions, at random; default: all.
    seed
        Of that.
    """
    sessions = item_sessions(history.events, history.session, known.hashes, LEAST_CLICKS)
    return cases_of(history.events, sessions, choose(len(sessions.ends), sample, seed))


def choose(count: int, sample: int | None, seed: int) -> NDArray[np.int64]:
    """Choose `sample` of `count` things at random, in order; all where there are not more."""
    if sample is None or sample >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, sample, replace=False))


def cases_of(events: NDArray[np.void], sessions: Sessions, chosen: NDArray[np.int64]) -> Cases:
    """Give the cases of some sessions: one for each click but the first.

    Parameters
    ----------
    events : EVENT[n]
        The history that the sessions are of.
    sessions
        Of at least two clicks.
    chosen : i8[S]
        Which of them.
    """
    many = sessions.lengths[chosen] - 1
    session = np.repeat(np.arange(len(chosen)), many)
    starts = np.repeat(sessions.starts[chosen], many)
    position = np.arange(len(session)) - np.repeat(np.cumsum(many) - many, many) + 1
    newest = starts + position - 1
    hashes = events["item"][sessions.rows]
    seen = np.array(
        [hashes[at + 1] in hashes[start : at + 1] for start, at in zip(starts.tolist(), newest.tolist(), strict=True)], np.bool_
    )
    # What training does not know is passed over, as the data sets of the literature are prepared.
    is_known = sessions.items >= 0
    before = np.concatenate([[0], np.cumsum(is_known)])
    prefixes = Prefixes(sessions.items[is_known], before[starts], before[newest + 1], events["event_time"][sessions.rows[newest]])
    return Cases(session, position, sessions.rows[newest], sessions.items[newest + 1], seen, prefixes)
