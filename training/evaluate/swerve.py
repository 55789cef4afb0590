"""The bundle's lists: the job's own kernel follows the test log, the job's own ranker ranks the profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from training.evaluate.cases import Cases, Known
from training.evaluate.measures import TOP
from training.history import History
from training.profiles import follow
from training.sessions import item_numbers
from udfs.rank import USERS_A_CALL, Ranker
from udfs.update import fire

#: Profiles held at a time.
CASES_AT_ONCE = 20_000

Done = Callable[[int], None]


def bundle_lists(
    bundle: Bundle, history: History, cases: Cases, candidates: int, ends_at: int | None = None, done: Done | None = None
) -> NDArray[np.int32]:
    """Rank for every case.

    Parameters
    ----------
    bundle
        The bundle.
    history
        The test log; profiles begin empty.
    cases
        Its cases; a profile is ranked as it is after the newest click that a case has seen.
    candidates
        Items scored for a user.
    ends_at
        Fire the deadlines before this time first, in ms, as a replay does that ends there; default: none.
    done
        Called with the cases done since the last call.

    Returns
    -------
    i4[C, TOP]
        Numbers of the bundle's items, best first; -1 where a list is shorter.
    """
    ranker = Ranker(bundle, candidates, TOP)
    lists = np.full((len(cases.row), TOP), -1, np.int32)
    for rows, wanted, of in _groups(history, cases.row):
        events = history.events[rows].copy()
        users, events["user"] = np.unique(events["user"], return_inverse=True)
        profiles, _ = follow(events, len(users), bundle.segments, wanted)
        if ends_at is not None:
            fire(profiles, (profiles["cart_deadline"] > 0) & (profiles["cart_deadline"] < ends_at))
        for start in range(0, len(profiles), USERS_A_CALL):
            found, _, _, chosen = ranker.stages(profiles[start : start + USERS_A_CALL])
            shown = np.take_along_axis(found.item, np.maximum(chosen.position, 0), 1)
            lists[of[start : start + USERS_A_CALL]] = np.where(chosen.position >= 0, shown, -1)
            if done:
                done(len(shown))
    return lists


def numbered(lists: NDArray[np.int32], bundle: Bundle, known: Known) -> NDArray[np.int32]:
    """Give a bundle's lists the numbers of training; an item that training does not know gets one behind them, for it takes a place."""
    numbers = item_numbers(bundle.tables.item_hash, known.hashes)
    numbers = np.where(numbers < 0, len(known.hashes), numbers).astype(np.int32)
    return np.where(lists >= 0, np.append(numbers, np.int32(-1))[lists], np.int32(-1))


def _groups(history: History, row: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]]:
    """Cut the work by users: rows of the history, which of them end a case, and the cases in that order."""
    user = history.events["user"]
    cases_of = np.bincount(user[row], minlength=history.users)
    group = (np.cumsum(cases_of) - cases_of) // CASES_AT_ONCE
    by_row = np.argsort(row)
    for number in np.unique(group[user[row]]).tolist():
        mine = (group[user] == number) & (cases_of[user] > 0)
        rows = np.flatnonzero(mine)
        of = by_row[mine[row[by_row]]]
        yield rows, np.isin(rows, row[of]), of
