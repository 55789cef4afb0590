"""The part of a history that was held out, and two bundles on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.bundle import Bundle
from training.evaluate.cases import Cases, Known, cases_of, choose, known_items
from training.evaluate.measures import MEASURES, measure
from training.evaluate.swerve import bundle_lists, numbered
from training.history import History
from training.sessions import item_sessions

NEW, CURRENT = "new", "current"
SESSIONS = 3_000


def held_out(history: History, cut: int, seed: int) -> tuple[Cases, Known]:
    """Find what is asked: the next item, in sessions that begin after a time.

    Parameters
    ----------
    history
        All of it: profiles begin where it does.
    cut
        Event time in ms.
    seed
        Of the sample, where there are many sessions.

    Returns
    -------
    Cases, Known
        The cases, and the items of before the cut; what comes new after it counts against both.
    """
    events = history.events
    known = known_items(events[events["event_time"] < cut])
    sessions = item_sessions(events, history.session, known.hashes, 2)
    late = np.flatnonzero(sessions.first_time >= cut)
    return cases_of(events, sessions, late[choose(len(late), SESSIONS, seed)]), known


def contest(
    new: Bundle, current: Bundle | None, history: History, cases: Cases, known: Known, *, candidates: int = 100, seed: int = 0
) -> dict[str, Any]:
    """Measure bundles on the same cases.

    Parameters
    ----------
    new, current
        The bundles; without a current one there is nothing to compare.
    history, cases, known
        As for `held_out`.
    candidates
        Items that a bundle scores for a shopper.
    seed
        Of the bootstrap, which draws sessions.

    Returns
    -------
    dict
        Numbers of `cases` and `sessions`, and by measure (`training.evaluate.measures.MEASURES`) `new`, and, with a current bundle,
        `current` and the `difference`, each with `value`, `low` and `high` of its 95 % interval.
    """
    bundles = {NEW: new} if current is None else {NEW: new, CURRENT: current}
    lists = {side: numbered(bundle_lists(bundle, history, cases, candidates), bundle, known) for side, bundle in bundles.items()}
    found = measure(lists, cases, known, seed)
    measures = {}
    for name in MEASURES:
        values = {side: _with(found.methods[side][name], found.methods[side]["intervals"][name]) for side in lists}
        if name in found.against:
            values["difference"] = _with(found.against[name]["difference"], found.against[name]["interval"])
        measures[name] = values
    return {"cases": len(cases.right), "sessions": cases.sessions, "measures": measures}


def _with(value: float, interval: list[float]) -> dict[str, float]:
    return {"value": value, "low": interval[0], "high": interval[1]}
