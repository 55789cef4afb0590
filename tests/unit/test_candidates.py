from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.bundles import category_hash, make_profiles, make_tables, set_category
from udfs.candidates import INTEREST, NEW, POPULAR, REASONS, SEGMENT, TRENDING, USUAL_QUOTAS, Candidates, Quotas, find_candidates
from udfs.events import KIND
from udfs.hashing import hash64
from udfs.profile import empty_profiles
from udfs.similar import AGAIN, ASSOCIATION, ASSOCIATION_LAST, SESSION, SESSION_COUNT, SESSION_NEXT, SIMILAR
from udfs.tables import find_category, find_item, item_slots

VIEW, CART = KIND["view_item"], KIND["add_to_cart"]


def candidates_of(tables: Any, profiles: NDArray[np.void], total: int = 100) -> Candidates:
    return find_candidates(tables, item_slots(tables.item_hash), profiles, Quotas.of(total))


def looked_at(*entries: tuple[str, int, int], visits: int = 1) -> NDArray[np.void]:
    """A profile whose ring holds (item, kind, visit), oldest first."""
    profile = empty_profiles(1)
    for i, (item, kind, visit) in enumerate(entries):
        profile["items"][0, i % 12] = (hash64(item), kind, visit)
    profile["items_n"], profile["visits"], profile["segment"] = len(entries), visits, 1000
    return profile


def lists(**changes: Any) -> Any:
    """Ten items in two categories (i0, i2, … and i1, i3, …), all lists empty but those given."""
    empty = np.full((10, 3), -1, np.int32)
    quiet: dict[str, Any] = {
        "in_stock": np.ones(10, np.uint8),
        "neighbours": empty.copy(),
        "similarity": np.zeros((10, 3, 3), np.float32),
        "blend": np.array([1.0, 1.0, 0.0, 0.0]),
        "category_items": np.full((2, 3), -1, np.int32),
        "segment_items": np.full((6, 3), -1, np.int32),
        "trending": np.full(3, -1, np.int32),
        "new": np.full(3, -1, np.int32),
        "popular": np.full(3, -1, np.int32),
    }
    return make_tables(items=10, categories=2, segments=1, sessions=0)._replace(**{**quiet, **changes})


def near(*pairs: tuple[int, int, float]) -> dict[str, NDArray[Any]]:
    neighbours, similarity = np.full((10, 3), -1, np.int32), np.zeros((10, 3, 3), np.float32)
    for x, y, value in pairs:
        at = int((neighbours[x] >= 0).sum())
        neighbours[x, at], similarity[x, at, 0] = y, value
    return {"neighbours": neighbours, "similarity": similarity}


def test_similar_items_add_up_over_the_ring() -> None:
    tables = lists(**near((0, 5, 0.5), (0, 6, 0.25), (1, 5, 0.5), (1, 7, 0.75)))
    found = candidates_of(tables, looked_at(("i0", VIEW, 1), ("i1", CART, 1)))
    # i1 is newest and in the cart: weight 2; i0 comes second: weight 1/2.
    assert found.item[0, :3].tolist() == [7, 5, 6]
    assert found.signals[0, :3, ASSOCIATION].tolist() == [1.5, 1.25, 0.125]
    assert found.signals[0, :3, ASSOCIATION_LAST].tolist() == [0.75, 0.5, 0.0]
    assert found.score[0, :3].tolist() == [1.0, 1.25 / 1.5, 0.125 / 1.5], "shares of the greatest"
    assert found.anchor[0, :3].tolist() == [1, 1, 0]
    assert found.rank[0, :3].tolist() == [0, 1, 2]
    assert found.filled[0] == 3


def test_other_visits_and_other_intents_weigh_less() -> None:
    tables = lists(**near((0, 5, 1.0), (1, 6, 1.0)))
    profile = looked_at(("i0", VIEW, 1), ("i1", VIEW, 2), visits=2)
    assert candidates_of(tables, profile).signals[0, :2, ASSOCIATION].tolist() == [1.0, 0.25]
    profile["focus"] = category_hash("c0")  # that of i0
    found = candidates_of(tables, profile)
    assert dict(zip(found.item[0, :2].tolist(), found.signals[0, :2, ASSOCIATION].tolist(), strict=True)) == {5: 0.25, 6: 0.25}
    assert found.item[0, :2].tolist() == [5, 6], "equal scores: the lower number first"


@pytest.mark.parametrize("reason", ["bought", "seen", "out of stock"])
def test_what_must_not_be_shown_is_no_candidate(reason: str) -> None:
    tables = lists(**near((0, 5, 1.0)), popular=np.array([5, 6, -1], np.int32))
    profile = looked_at(("i0", VIEW, 1))
    assert candidates_of(tables, profile).item[0, :2].tolist() == [5, 6]
    if reason == "bought":
        profile["bought"][0, 0], profile["bought_n"] = hash64("i5") >> 32, 1
    elif reason == "seen":
        profile = looked_at(("i5", VIEW, 1), ("i0", VIEW, 1))
    else:
        tables.in_stock[5] = 0
    assert candidates_of(tables, profile).item[0, :2].tolist() == [6, -1]


def test_what_was_seen_in_another_visit_may_come_back() -> None:
    tables = lists(**near((0, 5, 1.0)))
    assert candidates_of(tables, looked_at(("i5", VIEW, 1), ("i0", VIEW, 2), visits=2)).item[0, 0] == 5


def past(*sessions: tuple[list[int], float]) -> dict[str, NDArray[Any]]:
    """Past sessions, oldest first: their items and weights."""
    of = [[t for t in range(len(sessions) - 1, -1, -1) if x in sessions[t][0]] for x in range(10)]
    return {
        "session_items": np.array([x for items, _ in sessions for x in items], np.int32),
        "session_ends": np.cumsum([len(items) for items, _ in sessions]),
        "session_weight": np.array([weight for _, weight in sessions], np.float32),
        "item_sessions": np.array([t for sessions_of in of for t in sessions_of], np.int32),
        "item_session_ends": np.cumsum([len(sessions_of) for sessions_of in of]),
    }


def test_past_sessions_speak_for_their_items() -> None:
    # i2 and, before it, i1 were looked at; distances 0, 1, 2 weigh 1, 1/2, 1/4.
    tables = lists(**past(([1, 2, 5, 6], 0.5), ([7, 1], 1.0), ([8, 9], 1.0)))
    found = candidates_of(tables, looked_at(("i1", VIEW, 1), ("i2", VIEW, 1)))
    # The first session has both (1 + 1/2, times its weight), and i2 is where it meets hers; the second has i1 only.
    assert dict(zip(found.item[0, :3].tolist(), found.signals[0, :3, SESSION].tolist(), strict=True)) == {5: 0.375, 7: 0.25, 6: 0.1875}
    assert found.item[0, :4].tolist() == [5, 7, 6, -1]
    assert found.signals[0, :3, SESSION_NEXT].tolist() == [0.75, 0.0, 0.0]
    assert found.signals[0, :3, SESSION_COUNT].tolist() == [1.0, 1.0, 1.0]
    assert found.anchor[0, :3].tolist() == [2, 1, 2]


def test_where_items_come_again_what_was_seen_is_a_candidate() -> None:
    tables = lists(**past(([1, 1, 5], 1.0)), quotas=np.array([1, *USUAL_QUOTAS], np.int32))
    profile = looked_at(("i3", VIEW, 1), ("i1", VIEW, 1))
    found = candidates_of(tables, profile)
    assert found.item[0, :4].tolist() == [1, 5, 3, -1]
    assert [REASONS[source] for source in found.source[0, :3]] == ["seen", "similar", "seen"]
    assert found.rank[0, :3].tolist() == [0, 1, -1]
    profile["bought"][0, 0], profile["bought_n"] = hash64("i5") >> 32, 1
    assert 5 in candidates_of(tables, profile).item[0]


def test_sources_come_in_order_and_an_item_keeps_its_first() -> None:
    tables = lists(
        **near((0, 5, 1.0)),
        category_items=np.array([[5, 7, -1], [5, 7, -1]], np.int32),
        segment_items=np.array([[7, 1, -1]] * 6, np.int32),
        trending=np.array([1, 2, -1], np.int32),
        new=np.array([2, 3, -1], np.int32),
        popular=np.array([3, 4, -1], np.int32),
    )
    profile = looked_at(("i0", VIEW, 1))
    set_category(profile, 0, "c0", [1, 0, 0, 0, 0, 0], [1, 0, 0, 0])
    found = candidates_of(tables, profile)
    assert found.item[0, :6].tolist() == [5, 7, 1, 2, 3, 4]
    assert found.source[0, :6].tolist() == [SIMILAR, INTEREST, SEGMENT, TRENDING, NEW, POPULAR]
    assert [REASONS[source] for source in found.source[0, :6]] == ["similar", "interest", "segment", "trending", "new", "popular"]


def test_the_focus_is_the_first_of_her_categories() -> None:
    tables = lists(category_items=np.full((2, 3), -1, np.int32))
    rows = {int(category): row for row, category in enumerate(tables.categories)}
    tables.category_items[rows[category_hash("c0")], 0], tables.category_items[rows[category_hash("c1")], 0] = 2, 3
    profile = looked_at()
    set_category(profile, 0, "c0", [9, 0, 0, 0, 0, 0], [9, 0, 0, 0])
    set_category(profile, 1, "c1", [1, 0, 0, 0, 0, 0], [1, 0, 0, 0])
    assert candidates_of(tables, profile).item[0, :2].tolist() == [2, 3]
    profile["focus"] = category_hash("c1")
    assert candidates_of(tables, profile).item[0, :2].tolist() == [3, 2]


def test_nobody_known_gets_the_cold_start_list() -> None:
    tables = lists(segment_items=np.arange(18, dtype=np.int32).reshape(6, 3) % 10)
    profile = empty_profiles(1)
    for segment, row in ((1002, 3), (0, 0), (-1, 1), (17, 1)):
        profile["segment"] = segment
        assert candidates_of(tables, profile).item[0, 0] == tables.segment_items[row, 0]


def test_quotas_leave_room_for_every_source() -> None:
    for total in range(1, 300):
        quotas = Quotas.of(total)
        assert quotas.similar + sum(quotas.interests) + quotas.segment + quotas.trending + quotas.new <= total


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**16), st.integers(1, 80), st.integers(0, 40), st.booleans())
def test_laws(seed: int, total: int, events: int, repeats: bool) -> None:
    tables = make_tables(items=50, seed=seed, repeats=repeats)
    profiles = make_profiles(6, seed, max(1, events), items=50)
    found = candidates_of(tables, profiles, total)
    for r, profile in enumerate(profiles):
        items = found.item[r, : found.filled[r]].tolist()
        seen = {x for j, x in enumerate(found.ring[r].tolist()) if x >= 0 and _visit(profile, j) == profile["visits"] % 256}
        bought = set(profile["bought"][: profile["bought_n"]].tolist())
        kept = [i for i in range(50) if repeats or (int(tables.item_hash[i]) >> 32 not in bought and i not in seen)]
        shown = [i for i in kept if tables.in_stock[i]]
        assert len(set(items)) == len(items) == min(total, len(shown)), "the list of popular items holds the whole catalogue"
        assert set(items) <= set(shown)
        sources = found.source[r, : found.filled[r]].astype(int)
        assert np.all(np.diff(np.where(sources == AGAIN, SIMILAR, sources)) >= 0)
        assert {i for i, source in zip(items, sources.tolist(), strict=True) if source == AGAIN} == (
            seen & set(items) if repeats else set()
        )
        assert np.all(found.item[r, found.filled[r] :] == -1)
        alone = candidates_of(tables, profiles[r : r + 1], total)
        assert all(np.array_equal(getattr(alone, name)[0], getattr(found, name)[r]) for name in Candidates._fields), (
            "no user depends on her neighbours"
        )


def _visit(profile: Any, j: int) -> int:
    return int(profile["items"][(int(profile["items_n"]) - 1 - j) % 12]["visit"])


@given(st.sets(st.integers(1, 2**64 - 1), max_size=40), st.integers(1, 2**64 - 1))
def test_items_are_found_by_hash(hashes: set[int], other: int) -> None:
    table = np.array(sorted(hashes), np.uint64)
    slots = item_slots(table)
    assert [find_item(slots, table, value) for value in table] == list(range(len(table)))
    assert (find_item(slots, table, np.uint64(other)) >= 0) == (other in hashes)


@given(st.sets(st.integers(1, 2**32 - 1), max_size=20), st.integers(1, 2**32 - 1))
def test_categories_are_found(categories: set[int], other: int) -> None:
    table = np.array(sorted(categories), np.uint32)
    assert [find_category(table, value) for value in table] == list(range(len(table)))
    assert (find_category(table, np.uint32(other)) >= 0) == (other in categories)
