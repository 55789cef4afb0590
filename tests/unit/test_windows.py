"""Windows are rings of panes that hold what a list of all counts would."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.profile import LONG_PANES, SHORT_PANES, empty_profiles
from udfs.windows import LONG_PANE_MS, SHORT_PANE_MS, advance, in_window, long_count, short_count

START = 2834 * LONG_PANE_MS
WINDOWS = [("short", SHORT_PANE_MS, SHORT_PANES), ("long", LONG_PANE_MS, LONG_PANES)]
STEPS = st.one_of(
    st.integers(0, 2 * SHORT_PANE_MS),
    st.builds(
        lambda pane, panes, d: max(0, pane * panes + d),
        st.sampled_from([SHORT_PANE_MS, LONG_PANE_MS]), st.integers(0, 8), st.integers(-1, 1),
    ),
)  # fmt: skip


def full(last_time: int) -> np.void:
    """A profile whose panes are all in use: that with place j in its ring holds j + 1."""
    profile: np.void = empty_profiles(1)[0]
    profile["last_time"] = last_time
    profile["categories"]["short"] = np.arange(1, SHORT_PANES + 1)
    profile["categories"]["long"] = np.arange(1, LONG_PANES + 1)
    return profile


@pytest.mark.parametrize(("_", "pane", "panes"), WINDOWS)
@pytest.mark.parametrize("within", [0, 1, -1])
def test_a_window_holds_its_panes_up_to_the_newest(_: str, pane: int, panes: int, within: int) -> None:
    last = START + within % pane
    newest = START + pane - 1
    oldest = START - (panes - 1) * pane
    assert [in_window(t, last, pane, panes) for t in (oldest - 1, oldest, START - 1, START, newest, newest + 1)] == [
        False, True, True, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "pane", "panes"), WINDOWS)
@pytest.mark.parametrize("passed", [0, 1, 2, 3, 4, 5, 6, 7, 1000])
def test_as_many_panes_begin_anew_as_have_passed(name: str, pane: int, panes: int, passed: int) -> None:
    profile = full(START + 5)
    advance(profile, START + 5 + passed * pane)
    now = START // pane + passed
    kept = {p % panes for p in range(now - panes + 1, START // pane + 1)}
    for entry in profile["categories"][name].tolist():
        assert entry == [place + 1 if place in kept else 0 for place in range(panes)]


@pytest.mark.parametrize(("name", "pane", "panes"), WINDOWS)
def test_a_pane_begins_at_its_first_millisecond(name: str, pane: int, panes: int) -> None:
    profile = full(START)
    advance(profile, START + pane - 1)
    assert profile["categories"][name][0].tolist() == list(range(1, panes + 1))
    advance(profile, START + pane)
    assert profile["categories"][name][0].tolist().count(0) == 1
    assert profile["categories"][name][0][(START // pane + 1) % panes] == 0


def test_time_moves_on_for_the_windows_only() -> None:
    profile = full(START)
    advance(profile, START + SHORT_PANE_MS)
    assert profile["last_time"] == START
    assert profile["categories"]["long"][0].tolist() == [1, 2, 3, 4]


def test_sums_are_wider_than_a_counter() -> None:
    profile = full(START)
    profile["categories"]["short"], profile["categories"]["long"] = 255, 65_535
    assert short_count(profile["categories"][3]) == 255 * SHORT_PANES
    assert long_count(profile["categories"][3]) == 65_535 * LONG_PANES
    assert short_count(profile["categories"][3]) - long_count(profile["categories"][3]) < 0


@given(st.lists(st.tuples(STEPS, st.integers(0, 2 * LONG_PANE_MS)), max_size=60))
def test_rings_hold_what_a_list_of_times_says(steps: list[tuple[int, int]]) -> None:
    """Time moves on by steps; at each, something of then or of some time before is counted, if its pane still stands."""
    profile = empty_profiles(1)[0]
    profile["last_time"] = now = START
    entry = profile["categories"][4]
    times: Counter[int] = Counter()
    for step, late in steps:
        if step:
            advance(profile, now + step)
        profile["last_time"] = now = now + step
        for t in (now, now - late):
            times[t] += 1
            for name, pane, panes in WINDOWS:
                if in_window(t, now, pane, panes):
                    entry[name][t // pane % panes] += 1
        for (_, pane, panes), total in zip(WINDOWS, (short_count(entry), long_count(entry)), strict=True):
            assert total == sum(n for t, n in times.items() if t // pane > now // pane - panes)
