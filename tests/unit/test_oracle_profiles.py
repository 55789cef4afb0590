"""The compiled kernel and the oracle agree, field by field, however a log is cut into batches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import logs
from tests.oracle.archive import Log
from tests.oracle.compare import assert_profiles_equal, profile_differences
from tests.oracle.constants import CART_DELAY, LONG_PANE, LONG_PANES, SEEN, VISIT_GAP
from tests.oracle.events import Event
from tests.oracle.hashes import event_id_hash
from tests.oracle.run import OracleResult, run_log
from tests.oracle.segments import Segments
from tests.unit.kernel import KernelRun

T = TypeVar("T")
RANK_ON = st.sampled_from(["every_event", "triggers"])
BUNDLE = Segments(
    categories=tuple(sorted(logs.CATEGORIES[:5])),
    centroids=tuple(tuple(1.0 if i == k else 0.0 for i in range(8)) for k in range(5)),
)


def end_of(log: Iterable[Event]) -> int:
    return max((event.time for event in log), default=0)


def oracle_of(log: list[Event], segments: Segments = BUNDLE, rank_on: str = "every_event", every: int = 8) -> OracleResult:
    return run_log(Log(partitions={0: log}, end=end_of(log)), segments, rank_on, every)


def kernel_of(
    log: list[Event], cut: Iterable[int] = (), segments: Segments = BUNDLE, rank_on: str = "every_event", every: int = 8
) -> KernelRun:
    kernel, at = KernelRun(segments, rank_on, every), 0
    for end in [*cut, len(log)]:
        kernel.apply(log[at:end])
        at = end
    kernel.end(end_of(log))
    return kernel


def by_user(things: Iterable[T], user_of: Callable[[T], str]) -> dict[str, list[T]]:
    users: dict[str, list[T]] = {}
    for thing in things:
        users.setdefault(user_of(thing), []).append(thing)
    return users


def assert_same(oracle: OracleResult, kernel: KernelRun) -> None:
    assert kernel.users == set(oracle.profiles)
    for user_id, profile in oracle.profiles.items():
        assert_profiles_equal(profile, kernel.profile(user_id), user_id)
    assert by_user(kernel.changes, lambda c: c.user_id) == by_user(oracle.changes, lambda c: c.user_id)
    wanted, got = by_user(oracle.requests, lambda r: r.user_id), by_user(kernel.requests, lambda r: r[0])
    for user_id in wanted | got:
        assert [reasons for _, reasons, _ in got.get(user_id, [])] == [request.reasons for request in wanted.get(user_id, [])]
        for request, (_, _, record) in zip(wanted[user_id], got[user_id], strict=True):
            assert_profiles_equal(request.profile, record, user_id)
    for name in ("duplicates", "too_late"):
        assert kernel.counters[name] == oracle.counts[name]


@given(logs.logs(), logs.segments(), RANK_ON, st.integers(1, 9), st.data())
@settings(max_examples=300)
def test_kernel_equals_oracle_for_every_cut(log: list[Event], segments: Segments, rank_on: str, every: int, data: st.DataObject) -> None:
    cut = data.draw(logs.cuts(len(log)))
    assert_same(oracle_of(log, segments, rank_on, every), kernel_of(log, cut, segments, rank_on, every))


@given(logs.logs(), RANK_ON, st.data())
def test_timers_between_batches_change_nothing(log: list[Event], rank_on: str, data: st.DataObject) -> None:
    """A timer may fire as soon as no event as old as the deadline can follow, or any time later."""
    kernel, at = KernelRun(BUNDLE, rank_on), 0
    for end in [*data.draw(logs.cuts(len(log))), len(log)]:
        kernel.apply(log[at:end])
        at = end
        if data.draw(st.booleans()) and log[at:]:
            kernel.fire(min(event.time for event in log[at:]) - 1)
    kernel.end(end_of(log))
    assert_same(oracle_of(log, rank_on=rank_on), kernel)


@given(logs.logs(), st.data())
def test_of_the_requests_of_a_batch_the_last_of_each_user_is_kept(log: list[Event], data: st.DataObject) -> None:
    kernel, at = KernelRun(BUNDLE, latest_only=True), 0
    everything = by_user(kernel_of(log).requests, lambda r: r[0])
    for end in [*data.draw(logs.cuts(len(log))), len(log)]:
        before = len(kernel.requests)
        kernel.apply(log[at:end])
        users = [user_id for user_id, _, _ in kernel.requests[before:]]
        assert len(users) == len(set(users))
        at = end
    kernel.end(end_of(log))
    for user_id, requests in by_user(kernel.requests, lambda r: r[0]).items():
        assert [reasons for _, reasons, _ in requests][-1:] == [reasons for _, reasons, _ in everything[user_id]][-1:]
        assert requests[-1][2].tobytes() == everything[user_id][-1][2].tobytes()


# The checks of every core function: empty state, one event, a duplicate, a late event, a batch cut in two.

VIEW = Event("u", "view_item", logs.START, event_id_hash("a"), logs.ITEMS[0], logs.CATEGORIES[0], 2, price=9.5, engagement_ms=10)
TRAIL = [
    replace(
        VIEW,
        event_name=("view_item", "search", "add_to_cart", "page_view", "purchase")[n % 5],
        time=logs.START + 40_000 * n,
        event_id=n + 1,
        item=logs.ITEMS[n % 7],
        category=logs.CATEGORIES[n // 9 % 3],
    )
    for n in range(40)
]


def test_no_events_at_all() -> None:
    kernel = kernel_of([])
    assert (kernel.users, kernel.changes, kernel.requests) == (set(), [], [])


def test_one_event_of_a_new_user() -> None:
    kernel = kernel_of([VIEW])
    assert_same(oracle_of([VIEW]), kernel)
    assert kernel.profile("u")["n_events"] == 1
    assert [(c.segment_from, c.segment_to, c.cause) for c in kernel.changes] == [(-1, 1002, "first")]


@pytest.mark.parametrize("n", range(0, 40, 3))
def test_a_duplicate_changes_nothing(n: int) -> None:
    kernel = kernel_of(TRAIL)
    before, requests = kernel.stored(), len(kernel.requests)
    kernel.apply([TRAIL[n]])
    assert kernel.stored() == before
    assert len(kernel.requests) == requests


def test_the_last_64_events_are_remembered_and_no_more() -> None:
    trail = [replace(VIEW, event_id=n + 1, time=logs.START + n) for n in range(SEEN + 1)]
    again = replace(trail[0], time=logs.START + SEEN)
    assert kernel_of([*trail, trail[1]]).counters["duplicates"] == 1
    assert kernel_of([*trail, again]).counters["duplicates"] == 0
    assert_same(oracle_of([*trail, trail[1], again]), kernel_of([*trail, trail[1], again]))


@pytest.mark.parametrize("panes", range(-LONG_PANES - 1, 0))
@pytest.mark.parametrize("edge", [-1, 0, 1])
def test_a_late_event_goes_to_the_pane_of_its_time(panes: int, edge: int) -> None:
    late = replace(VIEW, event_id=99, time=(TRAIL[-1].time // LONG_PANE + panes + 1) * LONG_PANE + edge)
    kernel = kernel_of([*TRAIL, late])
    assert_same(oracle_of([*TRAIL, late]), kernel)
    n_events = kernel.profile("u")["n_events"]
    assert n_events == (40 if late.time // LONG_PANE <= TRAIL[-1].time // LONG_PANE - LONG_PANES else 41)
    assert kernel.profile("u")["last_time"] == max(TRAIL[-1].time, late.time)


@pytest.mark.parametrize("at", range(41))
def test_a_batch_cut_in_two(at: int) -> None:
    whole, cut = kernel_of(TRAIL), kernel_of(TRAIL, [at])
    assert whole.stored() == cut.stored()
    assert whole.changes == cut.changes
    assert [(u, r, p.tobytes()) for u, r, p in whole.requests] == [(u, r, p.tobytes()) for u, r, p in cut.requests]


@pytest.mark.parametrize(("wait", "fires"), [(-1, 0), (0, 0), (1, 1)])
def test_a_deadline_fires_when_time_has_passed_it_and_not_at_it(wait: int, fires: int) -> None:
    cart = replace(VIEW, event_name="add_to_cart")
    other = replace(VIEW, user_id="v", event_id=2, time=cart.time + CART_DELAY + wait)
    for log in ([cart, other], [cart, replace(other, user_id="u")]):
        kernel = kernel_of(log, rank_on="triggers")
        assert_same(oracle_of(log, rank_on="triggers"), kernel)
        assert kernel.profile("u")["abandoned"] == fires
        assert [reasons for _, reasons, _ in kernel.requests] == [4, 32][: 1 + fires]


@pytest.mark.parametrize("seed", range(8))
def test_more_categories_than_entries(seed: int) -> None:
    """Entries are taken from categories that are least visited, but never from the focus."""
    choice, now, trail = random.Random(seed), logs.START, []
    for n in range(500):
        now += choice.choice([5_000, 60_000, 60_000, 500_000, VISIT_GAP + 1, LONG_PANE // 3])
        category = logs.CATEGORIES[min(int(choice.expovariate(0.2)), 13)]
        trail.append(replace(VIEW, event_name=choice.choice(["view_item", "search"]), time=now, event_id=n + 1, category=category))
    kernel = kernel_of(trail)
    assert_same(oracle_of(trail), kernel)
    assert (kernel.profile("u")["categories"]["category"] != 0).all()


@pytest.mark.parametrize("n", [255, 256, 65_536])
def test_counters_stop_at_their_greatest_value(n: int) -> None:
    trail = [replace(VIEW, event_id=k + 1, time=VIEW.time + k // 300, event_name="search") for k in range(n)]
    kernel = kernel_of(trail, rank_on="triggers", every=10**6)
    assert_same(oracle_of(trail, rank_on="triggers", every=10**6), kernel)
    assert kernel.profile("u")["categories"]["short"].max() == 255
    assert kernel.profile("u")["categories"]["long"].max() == kernel.profile("u")["counts"].max() == min(n, 65_535)


def test_without_consent_there_is_no_profile() -> None:
    log = [replace(VIEW, granted=False)]
    assert oracle_of(log).profiles == {}
    assert oracle_of(log).counts["denied"] == 1


def test_a_swerve_is_told_as_a_shift() -> None:
    """Worked through by hand: two categories for one visit, the second long enough."""
    trail = [replace(VIEW, event_id=n + 1, time=logs.START + 1000 * n, category=logs.CATEGORIES[n // 10]) for n in range(20)]
    kernel = kernel_of(trail)
    assert_same(oracle_of(trail), kernel)
    assert kernel.profile("u")["shifts"] == 1
    assert kernel.profile("u")["focus"] == logs.CATEGORIES[1]
    assert [c.cause for c in kernel.changes if c.cause == "shift"] == ["shift"]


@pytest.mark.parametrize(
    ("field", "value"), [("n_events", 7), ("monetary", 1e-9), ("seen_n", 3), ("segment", 2), ("focus", 1), ("items_n", 2), ("visits", 9)]
)
def test_the_comparison_sees_a_difference(field: str, value: Any) -> None:
    record = kernel_of([VIEW]).profile("u").copy()
    record[field] = value
    (difference,) = profile_differences(oracle_of([VIEW]).profiles["u"], record)
    assert difference.startswith(f"{field}: oracle ")


def test_the_comparison_sees_a_difference_inside_a_ring() -> None:
    record = kernel_of([VIEW]).profile("u").copy()
    record["categories"]["short"][0, 1] += 1
    record["seen"][5] = 1
    assert len(profile_differences(oracle_of([VIEW]).profiles["u"], record)) == 2
