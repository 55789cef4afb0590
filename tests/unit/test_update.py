"""What single events do to a profile, worked by hand; and that batches cannot be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.kernel import fired
from tests.unit.trail import START, applied_to, event, events_of, profile_after
from training.history import read_history
from training.simulator import simulate
from udfs.events import KINDS
from udfs.profile import empty_profiles, pack_profiles, unpack_profiles
from udfs.segments import BEHAVIOUR, SegmentModel, no_segments, profile_vectors
from udfs.update import CART_DELAY_MS, CAUSES, COUNTERS, VISIT_GAP_MS, Updater
from udfs.windows import LONG_PANE_MS, SHORT_PANE_MS

MINUTE = 60_000
ONE_CATEGORY = SegmentModel(np.array([7], np.uint32), np.array([[0.0] * 4, [1.0, 0, 0, 0]]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.void]:
    """The events of a shop; some twice, some late."""
    folder = tmp_path_factory.mktemp("shop")
    simulate(folder, events=6_000, users=150, items=200, seed=3)
    events = read_history(folder).events
    random = np.random.default_rng(3)
    again = random.choice(len(events), 300, replace=False)
    place = np.arange(len(events), dtype=np.float64)
    place[random.choice(len(events), 300, replace=False)] += 200
    order = np.argsort(np.concatenate([place, again + 50.5]), kind="stable")
    log: NDArray[np.void] = np.concatenate([events, events[again]])[order]
    return log


def results(events: NDArray[np.void], bounds: list[int]) -> tuple[list[bytes], bytes, bytes, dict[str, int]]:
    """Profiles, changes, requests and counters of a log cut into batches, the profiles stored between them."""
    categories = np.unique(events["category"])[1:6]
    centroids = np.random.default_rng(1).dirichlet(np.ones(5 + BEHAVIOUR), 4)
    updater = Updater(SegmentModel(categories, centroids), "every_event", 8)
    stored = pack_profiles(empty_profiles(150))
    changes, requests, counters = b"", b"", dict.fromkeys(COUNTERS, 0)
    for start, end in zip([0, *bounds], [*bounds, len(events)], strict=True):
        batch = events[start:end].copy()
        users, batch["user"] = np.unique(batch["user"], return_inverse=True)
        profiles = unpack_profiles([stored[user] for user in users])
        applied = updater.apply(profiles, batch, latest_only=False)
        for user, packed in zip(users.tolist(), pack_profiles(profiles), strict=True):
            stored[user] = packed
        applied.changes["user"] = users[applied.changes["user"]]
        changes += applied.changes.tobytes()
        requests += b"".join(
            users[user].tobytes() + bytes([reason]) + profile.tobytes()
            for user, reason, profile in zip(applied.requests_user, applied.requests_reason, applied.requests_profile, strict=True)
        )
        for name, count in applied.counters.items():
            counters[name] += count
    return stored, changes, requests, counters


def test_batches_are_invisible(shop: NDArray[np.void]) -> None:
    whole = results(shop, [])
    assert whole[3]["duplicates"] == 300
    assert whole[3]["shifts"] > 20
    assert whole[3]["deadlines"] > 20
    random = np.random.default_rng(4)
    assert results(shop, list(range(1, len(shop)))) == whole, "batches of one"
    for size in (2, 17, 300):
        assert results(shop, sorted(random.integers(0, len(shop), len(shop) // size).tolist())) == whole


def test_every_event_is_counted_once(shop: NDArray[np.void]) -> None:
    late = shop[:10].copy()
    late["event_time"] -= 5 * LONG_PANE_MS
    late["event_id"] += np.uint64(1)
    counters = results(np.concatenate([shop, late]), [])[3]
    assert counters["applied"] + counters["duplicates"] + counters["too_late"] == len(shop) + 10
    assert counters["too_late"] == 10
    assert counters["requests"] == counters["applied"] + counters["deadlines"]


def test_no_events() -> None:
    profiles = empty_profiles(3)
    applied = applied_to(profiles)
    assert profiles.tobytes() == empty_profiles(3).tobytes()
    assert (len(applied.requests_user), len(applied.changes), set(applied.counters.values())) == (0, 0, {0})


def test_users_do_not_touch_each_other() -> None:
    profiles = empty_profiles(3)
    applied_to(profiles, event("add_to_cart", user=2, item=5, category=7), event(user=0, device=3))
    alone = empty_profiles(1)
    applied_to(alone, event("add_to_cart", item=5, category=7))
    assert profiles[2].tobytes() == alone[0].tobytes()
    assert profiles[1].tobytes() == empty_profiles(1)[0].tobytes()


@pytest.mark.parametrize(
    ("trail", "items", "minutes"),
    [
        ([("add_to_cart", 0, 2)], 2, 10),
        ([("add_to_cart", 0, 2), ("page_view", 3, 1)], 2, 13),
        ([("add_to_cart", 5, 2), ("page_view", 3, 1)], 2, 15),  # a late event does not pull it back
        ([("add_to_cart", 0, 2), ("remove_from_cart", 1, 1)], 1, 11),
        ([("add_to_cart", 0, 2), ("remove_from_cart", 1, 3)], 0, None),
        ([("add_to_cart", 0, 2), ("purchase", 1, 1)], 0, None),
        ([("remove_from_cart", 0, 1)], 0, None),
        ([("page_view", 0, 1)], 0, None),
        ([("add_to_cart", 0, 65_000), ("add_to_cart", 1, 65_000)], 65_535, 11),
        ([("add_to_cart", 0, 2**31 - 1)], 65_535, 10),
        ([("add_to_cart", 0, 1), ("page_view", 10, 1)], 1, 20),  # at the deadline it has not passed
    ],
)
def test_a_cart_and_its_deadline(trail: list[tuple[str, int, int]], items: int, minutes: int | None) -> None:
    profile = profile_after(*(event(kind, at * MINUTE, quantity=quantity) for kind, at, quantity in trail))
    assert profile["cart_items"] == items
    assert profile["cart_deadline"] == (0 if minutes is None else START + minutes * MINUTE)
    assert profile["abandoned"] == 0


def test_a_deadline_fires_before_the_event_that_passes_it() -> None:
    profiles = empty_profiles(1)
    applied = applied_to(profiles, event("add_to_cart"), event("page_view", CART_DELAY_MS + 1, device=2))
    assert applied.requests_reason.tolist() == [4, 32]
    before = applied.requests_profile[1]
    assert (before["abandoned"], before["clock"], before["last_time"], before["n_events"]) == (1, START + CART_DELAY_MS, START, 1)
    assert (before["cart_deadline"], before["cart_items"], before["device"]) == (0, 1, 0)
    assert applied.counters["deadlines"] == 1
    assert profiles["cart_deadline"][0] == 0


def test_deadlines_fire_up_to_a_time_each_with_its_own() -> None:
    profiles = empty_profiles(4)
    applied_to(profiles, *(event("add_to_cart", at, user=user) for user, at in enumerate((0, 1, 2))))
    waits = profiles[2:].tobytes()
    applied = fired(profiles, START + 1 + CART_DELAY_MS)
    assert applied.requests_user.tolist() == [0, 1]
    assert applied.requests_reason.tolist() == [32, 32]
    assert applied.requests_profile.tobytes() == profiles[:2].tobytes()
    assert profiles["clock"][:2].tolist() == [START + CART_DELAY_MS, START + 1 + CART_DELAY_MS]
    assert profiles["abandoned"].tolist() == [1, 1, 0, 0]
    assert profiles[2:].tobytes() == waits
    assert applied.counters == {**dict.fromkeys(COUNTERS, 0), "deadlines": 2, "requests": 2}
    assert fired(profiles, START + 1 + CART_DELAY_MS).counters["deadlines"] == 0, "only once"


def reasons(applied: Any) -> list[tuple[int, int]]:
    return list(zip(applied.requests_user.tolist(), applied.requests_reason.tolist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_which_kinds_ask_for_a_ranking(kind: str) -> None:
    asks = {"add_to_cart": [(0, 4)], "purchase": [(0, 8)]}.get(kind, [])
    assert reasons(applied_to(empty_profiles(1), event(kind))) == asks
    ((user, reason),) = reasons(applied_to(empty_profiles(1), event(kind), rank_on="every_event"))
    assert (user, reason) == (0, 1 | (asks[0][1] if asks else 0))


def test_every_nth_event_asks() -> None:
    applied = applied_to(empty_profiles(1), *(event("page_view", n) for n in range(7)), every=3)
    assert reasons(applied) == [(0, 16), (0, 16)]
    assert applied.requests_profile["n_events"].tolist() == [3, 6]


def test_only_the_last_request_of_a_user_is_kept_on_demand() -> None:
    trail = [event("add_to_cart", user=2), event("page_view", 1, user=0), event("purchase", 2, user=2), event("page_view", 3, user=2)]
    applied = applied_to(empty_profiles(3), *trail, latest_only=True)
    assert reasons(applied) == [(2, 8)]
    assert applied.requests_profile["n_events"].tolist() == [2], "as it was then"
    assert applied.counters["requests"] == 2


def test_money() -> None:
    buy = event("purchase", price=2.5, quantity=3, item=2**40)
    profile = profile_after(
        event(price=10.0), event(price=0.0), event("add_to_cart", price=99.0), buy, event("refund", 5, price=2.5, quantity=1)
    )
    assert (profile["price_sum"], profile["price_n"], profile["monetary"]) == (10.0, 1, 5.0)
    assert profile["last_purchase_time"] == START
    assert (profile["bought"][0], profile["bought_n"]) == (2**8, 1)


def test_counters_stop_at_their_limits() -> None:
    profiles = empty_profiles(1)
    applied_to(profiles, event(category=7))
    profiles["counts"][0, 2] = profiles["visit_events"] = 65_534
    profiles["engagement_ms"] = 2**32 - 2
    place = START // SHORT_PANE_MS % 6, START // LONG_PANE_MS % 4
    profiles["categories"]["short"][0, 0, place[0]], profiles["categories"]["long"][0, 0, place[1]] = 254, 65_534
    applied_to(profiles, *(event(category=7, event_id=100 + n, engagement_ms=1_000) for n in range(3)))
    profile = profiles[0]
    assert (profile["counts"][2], profile["visit_events"], profile["engagement_ms"]) == (65_535, 65_535, 2**32 - 1)
    assert profile["categories"]["short"][0].tolist() == [255 if at == place[0] else 0 for at in range(6)]
    assert profile["categories"]["long"][0].tolist() == [65_535 if at == place[1] else 0 for at in range(4)]


@pytest.mark.parametrize(("gap", "visits"), [(VISIT_GAP_MS, 1), (VISIT_GAP_MS + 1, 2)])
def test_a_gap_starts_a_visit(gap: int, visits: int) -> None:
    profile = profile_after(event(category=7), event("page_view", gap))
    assert (profile["visits"], profile["visit_events"]) == (visits, 3 - visits)
    assert profile["visit_start"] == START + (gap if visits == 2 else 0)
    assert profile["focus"] == (7 if visits == 1 else 0)


def test_a_late_event_counts_at_its_time_and_moves_nothing() -> None:
    late = event(at=-SHORT_PANE_MS, category=7, device=3, country=5)
    profile = profile_after(event("page_view", device=1, country=4), late)
    assert (profile["first_time"], profile["last_time"]) == (START - SHORT_PANE_MS, START)
    assert (profile["device"], profile["country"]) == (1, 4)
    assert profile["categories"]["short"][0, (START - SHORT_PANE_MS) // SHORT_PANE_MS % 6] == 1


@pytest.mark.parametrize(("panes", "left"), [(5, 1), (6, 0), (7, 0), (1_000, 0)])
def test_a_count_leaves_with_its_pane(panes: int, left: int) -> None:
    profile = profile_after(event(category=7), event("page_view", panes * SHORT_PANE_MS))
    assert profile["categories"]["short"].sum() == left
    assert profile["categories"]["long"].sum() == 1


@pytest.mark.parametrize(("panes", "left"), [(3, 1), (4, 0), (5, 0)])
def test_a_count_leaves_the_long_window_with_its_pane(panes: int, left: int) -> None:
    assert profile_after(event(category=7), event("page_view", panes * LONG_PANE_MS))["categories"]["long"].sum() == left


def test_the_item_ring() -> None:
    profile = profile_after(*(event(at=n, item=item) for n, item in enumerate((5, 6, 6, 0, 5))), event("add_to_cart", 9, item=5))
    assert profile["items"][:4].tolist() == [(5, 4, 1), (6, 4, 1), (5, 7, 1), (0, 0, 0)]
    assert profile["items_n"] == 3
    profile = profile_after(*(event(at=n, item=n + 1) for n in range(14)))
    assert profile["items"]["item"].tolist() == [13, 14, *range(3, 13)]


def test_a_new_category_takes_the_place_of_the_least() -> None:
    """Ten categories, 1 twice and 3 to 10 twice: 2 is the least, but for the focus, which is 1."""
    trail = [event(category=category) for category in [*range(1, 11), *range(3, 11)]]
    assert profile_after(*trail)["focus"] == 1
    assert profile_after(*trail, event(category=99))["categories"]["category"].tolist() == [1, 99, *range(3, 11)]
    assert profile_after(*trail, event(category=99), event(category=98))["categories"]["category"].tolist() == [1, 98, *range(3, 11)]


def changes(applied: Any) -> Iterator[tuple[int, int, int, str]]:
    for change in applied.changes:
        yield int(change["sequence"]), int(change["from_segment"]), int(change["to_segment"]), CAUSES[change["cause"]]


def test_segments_from_cold_to_warm() -> None:
    trail = [event(device=2), event(at=1, device=3), *(event(at=2 + n, category=7) for n in range(3)), event("page_view", 9)]
    applied = applied_to(empty_profiles(1), *trail, segments=ONE_CATEGORY)
    assert list(changes(applied)) == [(1, -1, 1002, "first"), (2, 1002, 1003, "context"), (5, 1003, 1, "warm")]
    assert applied.changes["event_time"].tolist() == [START, START + 1, START + 4]
    cold = applied_to(empty_profiles(1), *trail)
    assert list(changes(cold)) == [(1, -1, 1002, "first"), (2, 1002, 1003, "context")], "a bundle without segments"


def test_the_nearest_centroid_is_the_lowest_among_equals() -> None:
    twice = SegmentModel(ONE_CATEGORY.categories, np.array([[1.0, 0, 0, 0], [1.0, 0, 0, 0], [5.0, 0, 0, 0]]))
    profiles = empty_profiles(1)
    applied_to(profiles, *(event(at=n, category=7) for n in range(5)), segments=twice)
    assert profiles["segment"][0] == 0


def test_the_vector_of_a_profile() -> None:
    """By hand: 3 of 4 events of category 7, one cart to three views, mean price e - 1."""
    price = np.e - 1
    trail = [event(category=7, price=price), event(category=7, price=price), event(category=9), event("add_to_cart", category=7)]
    profiles = np.array([profile_after(*trail)])
    assert profile_vectors(profiles, np.array([5, 7], np.uint32))[0].tolist() == pytest.approx([0, 0.75, 0.1, 0.125, 0])
    assert profile_vectors(empty_profiles(1), np.array([5, 7], np.uint32))[0].tolist() == [0] * 5
    old = np.array([profile_after(*trail, event("page_view", 8 * SHORT_PANE_MS))])
    assert profile_vectors(old, np.array([7, 9], np.uint32))[0, :2].tolist() == [0.75, 0.25], "only the long window"


def test_the_events_are_not_changed() -> None:
    events = events_of(event(), event(at=1))
    before = events.tobytes()
    Updater(no_segments()).apply(empty_profiles(1), events, latest_only=True)
    assert events.tobytes() == before
