"""What counts as seeing a swerve, on logs made by hand: `v` begins a visit, `s` is a swerve's first event, `!` marks an alarm."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.shift_methods import VISIT_GAP_MS
from bench.shifts import HOUR_MS, Logs, Score, alarms_of, job_alarms, score
from udfs.events import EVENT, KIND
from udfs.hashing import hash64

STEP = 60_000


def logs_of(text: str) -> tuple[Logs, NDArray[np.bool_]]:
    """Logs of users that are parted by ``|``, an event a word, and where the alarms are."""
    words = [(user, word) for user, part in enumerate(text.split("|")) for word in part.split()]
    events = np.zeros(len(words), EVENT)
    events["user"] = [user for user, _ in words]
    gaps = [VISIT_GAP_MS + 1 if "v" in word else STEP for _, word in words]
    events["event_time"] = 1_700_000_000_000 + np.cumsum(gaps)
    starts = np.searchsorted(events["user"], np.arange(text.count("|") + 2))
    return Logs(events, starts, np.array(["s" in word for _, word in words])), np.array(["!" in word for _, word in words])


@pytest.mark.parametrize(
    ("text", "swerves", "shifts", "delays"),
    [
        ("v . . s . . ! .", 1, 1, (4,)),
        ("v . s! .", 1, 1, (1,)),
        ("v . . s . .", 1, 0, ()),
        # Before the swerve, in the next visit, and in another user's visit: false alarms.
        ("v . ! s . .", 1, 1, ()),
        ("v . s . v ! .", 1, 1, ()),
        ("v . s . v! .", 1, 1, ()),
        ("v . s . | ! .", 1, 1, ()),
        # The first of two counts.
        ("v s . ! . ! .", 1, 2, (3,)),
        ("v . ! .", 0, 1, ()),
        # Each swerve has its own stretch, which the next one ends.
        ("v s . . s ! .", 2, 1, (2,)),
        ("v s ! . s . ! | v s . v s !", 4, 3, (2, 3, 2)),
        ("v! vs! v.", 1, 2, (1,)),
    ],
)
def test_what_counts(text: str, swerves: int, shifts: int, delays: tuple[int, ...]) -> None:
    found = score(*logs_of(text))
    assert (found.swerves, found.shifts, found.delays) == (swerves, shifts, delays)


def test_user_hours_are_the_durations_of_the_visits() -> None:
    assert score(*logs_of("v . . v v . | . . .")).hours == pytest.approx((2 + 0 + 1 + 2) * STEP / HOUR_MS)


def test_a_gap_of_just_half_an_hour_is_no_new_visit() -> None:
    logs, alarms = logs_of("v s v !")
    logs.events["event_time"][2:] -= 1
    assert score(logs, alarms).delays == (3,)


def test_the_figures() -> None:
    found = Score(swerves=4, shifts=5, delays=(2, 9, 3), hours=50.0).as_json()
    assert found == {"recall": 0.75, "precision": 0.6, "median_events": 3, "false_alarms_per_100_user_hours": 4.0}


def test_a_swerve_that_was_not_found_counts_for_the_median() -> None:
    assert Score(swerves=5, shifts=2, delays=(1, 2), hours=1.0).as_json()["median_events"] is None
    assert Score(swerves=5, shifts=3, delays=(1, 2, 7), hours=1.0).as_json()["median_events"] == 7


def test_without_alarms_there_is_no_precision() -> None:
    assert Score(swerves=2, shifts=0, delays=(), hours=1.0).as_json()["precision"] is None


def test_scores_add_up() -> None:
    assert Score(1, 2, (3,), 4.0) + Score(5, 6, (7, 8), 9.0) == Score(6, 8, (3, 7, 8), 13.0)


def swerving() -> Logs:
    """Two users: the second swerves at her eleventh event, the first never."""
    logs, _ = logs_of("v" + " ." * 9 + " | v" + " ." * 9 + " s" + " ." * 9)
    logs.events["kind"] = KIND["view_item"]
    logs.events["event_id"] = np.arange(1, 31)
    logs.events["category"] = hash64("Tents") >> 32
    logs.events["category"][20:] = hash64("Prams") >> 32
    return logs


def test_the_job_marks_the_event_of_the_shift() -> None:
    logs = swerving()
    alarms = job_alarms(logs)
    assert np.flatnonzero(alarms).tolist() == [23]
    assert score(logs, alarms).as_json() == {"recall": 1.0, "precision": 1.0, "median_events": 4, "false_alarms_per_100_user_hours": 0.0}


def test_a_method_sees_one_user_at_a_time_and_only_what_tells_of_interest() -> None:
    logs = swerving()
    logs.events["kind"][[3, 25]] = KIND["page_view"]
    seen = []

    def method(category: Any, time: Any, deliberate: Any, m: int, least: float, raised: Any) -> None:
        seen.append((len(time), m, least))
        raised[-1] = True

    alarms = alarms_of(method, (0.5,), logs)
    assert seen == [(9, 2, 0.5), (19, 2, 0.5)]
    assert np.flatnonzero(alarms).tolist() == [9, 29]
