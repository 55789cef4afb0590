"""Which sessions rankers learn from and are compared on: later than those that their tables come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.history import History
from training.items import Items
from training.profiles import follow
from training.propensity.learning import Shoppers, fill_in_steps
from training.propensity.samples import Parts
from training.sessions import Sessions, item_sessions, next_clicks
from training.tables import build_tables
from udfs.segments import SegmentModel
from udfs.tables import RankTables

FIT_UNTIL, LEARN_FROM, CHECK_FROM = 0.6, 0.8, 0.93
EXAMPLES, CASES = 20_000, 6_000

Progress = Callable[[int, int], None]


class Cuts(NamedTuple):
    """Times in ms: models of shoppers are fitted before `fit` and calibrated until `learn`; the choice's tables come from before `learn`,
    rankers learn until `check` and are compared until `end`."""

    fit: int
    learn: int
    check: int
    end: int


class Asked(NamedTuple):
    """What is asked of a ranker.

    Attributes
    ----------
    profiles : PROFILE[n]
        Users as they were, with estimates of models that know nothing from `Cuts.learn` on.
    following : u8[n]
        Hash of the item that each turned to next.
    """

    profiles: NDArray[np.void]
    following: NDArray[np.uint64]


class Split(NamedTuple):
    """A history, cut.

    Attributes
    ----------
    sessions
        All of its sessions.
    segment : i4[n]
        The user's segment after each event.
    learn, check
        What rankers learn from; what they are compared on, which is later.
    check_row : i8[n]
        The clicks of `check`, as rows of the history.
    shoppers
        Models of shoppers.
    """

    sessions: Sessions
    segment: NDArray[np.int32]
    learn: Asked
    check: Asked
    check_row: NDArray[np.int64]
    shoppers: Shoppers


def cut(times: NDArray[np.int64]) -> Cuts:
    """Cut by events rather than by hours: nights and slow weeks teach nothing.

    Parameters
    ----------
    times : i8[n]
        Of the events, in ms.
    """
    ordered = np.sort(times)
    last = len(ordered) - 1
    return Cuts(*(int(ordered[int(last * share)]) for share in (FIT_UNTIL, LEARN_FROM, CHECK_FROM, 1.0)))


def split(
    history: History,
    items: Items,
    segments: SegmentModel,
    cuts: Cuts,
    random: np.random.Generator,
    seed: int,
    progress: Progress | None = None,
) -> Split:
    """Take clicks of the last sessions, and the profiles that they were made with.

    Parameters
    ----------
    history
        Events.
    items
        What a click has to be on.
    segments
        What profiles get their segment from.
    cuts
        Where the parts begin and end; a session counts whose first click is after the first cut.
    random
        Which clicks, where there are more than are needed.
    seed
        Of the models of shoppers.
    progress
        Called with the work done and to do.
    """
    times = history.events["event_time"]
    sessions = item_sessions(history.events, history.session, items.hash)
    cases = next_clicks(history.events, sessions)
    late = cases.begun >= cuts.learn
    learn = _sample(random, late, times[cases.row], cuts.learn, cuts.check, EXAMPLES)
    check = _sample(random, late, times[cases.row], cuts.check, cuts.end + 1, CASES)
    judged = len(check), int(np.sum(late & (times[cases.row] >= cuts.check)))
    shoppers = Shoppers(history, sessions, Parts(cuts.fit, cuts.learn, cuts.end), cuts.check, judged, seed)
    wanted = np.zeros(len(times), np.bool_)
    wanted[cases.row[learn]] = wanted[cases.row[check]] = wanted[shoppers.rows] = True
    profiles, segment = follow(history.events, history.users, segments, wanted, progress)
    place = np.cumsum(wanted) - 1

    def tables_until(end: int) -> RankTables:
        built = build_tables(items, history.events, sessions, segment, len(segments.centroids), end, seed, embed=False)
        return built.tables

    fill_in_steps(profiles, shoppers.learn(profiles[place[shoppers.rows]], tables_until))
    first, later = (Asked(profiles[place[cases.row[part]]], cases.item[part]) for part in (learn, check))
    return Split(sessions, segment, first, later, cases.row[check], shoppers)


def _sample(
    random: np.random.Generator, allowed: NDArray[np.bool_], times: NDArray[np.int64], begin: int, end: int, most: int
) -> NDArray[np.int64]:
    of = np.flatnonzero(allowed & (times >= begin) & (times < end))
    return np.sort(random.choice(of, most, replace=False)) if len(of) > most else of
