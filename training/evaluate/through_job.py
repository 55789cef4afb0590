"""The same cases for the job, and whether it shows the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.evaluate.evaluate import Evaluation
from training.evaluate.swerve import bundle_lists
from udfs.errors import SwerveError


class Logs(NamedTuple):
    """What the user of each case did up to then: `jobs.evaluation.Beginnings`."""

    events: NDArray[np.uint64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    users: list[str]


def beginnings(found: Evaluation) -> Logs:
    """Give the log of each case: all events of its user in the test log up to the newest click, her earlier sessions included.

    Parameters
    ----------
    found
        The evaluation.
    """
    events, cases = found.history.events, found.cases
    order = np.argsort(events["user"], kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    starts = np.searchsorted(events["user"][order], events["user"][cases.row])
    users = [f"s{session}-{position}" for session, position in zip(cases.session.tolist(), cases.position.tolist(), strict=True)]
    return Logs(events["event_id"][order], starts, place[cases.row] + 1, users)


def refuse_differences(found: Evaluation, lists: list[list[str]], ends_at: int, candidates: int) -> float:
    """Compare the job's lists with those of the evaluation.

    Parameters
    ----------
    found
        The evaluation.
    lists
        Item ids by case, as Redis held them.
    ends_at
        Greatest time of the replayed log, in ms: deadlines before it have fired.
    candidates
        Items that the bundle scores for a user.

    Returns
    -------
    float
        Share of equal lists: 1.

    Raises
    ------
    SwerveError
        If one is another; it names the first.
    """
    tables = found.bundle.tables
    direct = [
        [tables.item_id(item) for item in row if item >= 0]
        for row in bundle_lists(found.bundle, found.history, found.cases, candidates, ends_at).tolist()
    ]
    different = [case for case, (one, other) in enumerate(zip(direct, lists, strict=True)) if one != other]
    if different:
        first, cases = different[0], found.cases
        time = found.history.events["event_time"][cases.row[first]]
        raise SwerveError(
            f"the job shows another list in {len(different):,} of {len(direct):,} cases; the first: session {cases.session[first]} after "
            f"click {cases.position[first]}, at {time} ms: the job {', '.join(lists[first]) or 'nothing'}, "
            f"the evaluation {', '.join(direct[first]) or 'nothing'}",
            "does the job serve this bundle, with the same rank.candidates?",
        )
    return 1.0
