"""Swerves as the whole kernel sees them: in visits made by hand, and over a small shop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.shifts import job_alarms, score, shop
from tests.unit.trail import START, applied_to, event, profile_after
from udfs.profile import empty_profiles
from udfs.update import CAUSES, VISIT_GAP_MS
from udfs.windows import LONG_PANE_MS, SHORT_PANE_MS

A, B = 7, 8
SECOND = 1_000


def views(category: int, n: int, start: int) -> list[dict[str, Any]]:
    return [event(at=(start + i) * SECOND, category=category) for i in range(n)]


def test_a_shift_is_a_request_and_a_change() -> None:
    profiles = empty_profiles(1)
    applied = applied_to(profiles, *views(A, 5, 0), *views(B, 4, 5))
    assert applied.counters["shifts"] == 1
    assert applied.requests_reason.tolist() == [2]
    assert applied.requests_profile.tobytes() == profiles.tobytes()
    change = applied.changes[-1]
    assert (CAUSES[change["cause"]], change["sequence"], change["event_time"]) == ("shift", 9, START + 8 * SECOND)
    assert (change["focus_before"], change["focus_after"]) == (A, B)
    assert (change["from_segment"], change["to_segment"]) == (1000, 1000), "told even where the segment stays"


def test_after_a_shift_only_the_new_interest_is_in_the_short_window() -> None:
    profile = profile_after(*views(A, 5, 0), *views(B, 4, 5))
    assert profile["categories"]["short"].sum(axis=1)[:2].tolist() == [0, 4]
    assert profile["categories"]["long"].sum(axis=1)[:2].tolist() == [5, 4]


def test_the_way_back_needs_more() -> None:
    """What she was after before the shift is now a taste of hers."""
    there = [*views(A, 5, 0), *views(B, 4, 5)]
    assert [profile_after(*there, *views(A, n, 9))["shifts"] for n in (4, 7, 8, 9)] == [1, 1, 2, 2]


def test_what_she_often_comes_for_needs_more() -> None:
    history = [event(at=-LONG_PANE_MS, category=B, event_id=100 + n) for n in range(40)]
    visit = [*views(A, 5, 0), *views(B, 5, 5)]
    assert profile_after(*visit)["shifts"] == 1
    assert profile_after(*history, *visit)["shifts"] == 0


@pytest.mark.parametrize(("gap", "shifts"), [(VISIT_GAP_MS, 1), (VISIT_GAP_MS + 1, 0)])
def test_another_visit_is_no_swerve(gap: int, shifts: int) -> None:
    later = [event(at=4 * SECOND + gap + n * SECOND, category=B) for n in range(9)]
    assert profile_after(*views(A, 5, 0), *later)["shifts"] == shifts


@pytest.mark.parametrize(("panes", "shifts"), [(5, 1), (6, 0)])
def test_an_event_before_the_short_window_says_nothing(panes: int, shifts: int) -> None:
    late = [event(at=-panes * SHORT_PANE_MS, category=B) for _ in range(9)]
    profile = profile_after(*views(A, 5, 0), *late)
    assert (profile["shifts"], profile["focus"]) == (shifts, B if shifts else A)
    assert profile["categories"]["long"][1].sum() == 9, "and yet it is a taste"


def test_swerves_of_a_shop_are_found() -> None:
    """A shop that neither tuning nor the benchmark uses; its figures are far above these."""
    logs = shop(77, 40_000, 1_000, "power")
    found = score(logs, job_alarms(logs)).as_json()
    assert (found["recall"] or 0) >= 0.93
    assert (found["median_events"] or 99) <= 5
    assert (found["false_alarms_per_100_user_hours"] or 0) <= 2


def test_of_a_simulated_shop_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    logs = shop(5, 1_000, 50, "even")
    assert len(logs.starts) == len(np.unique(logs.events["user"])) + 1
    assert list(tmp_path.iterdir()) == []
