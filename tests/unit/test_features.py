from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.bundles import category_hash, make_profiles, make_tables, set_category
from udfs.candidates import Quotas, find_candidates
from udfs.features import FEATURES, columns, compute_features
from udfs.hashing import hash64
from udfs.profile import empty_profiles
from udfs.similar import ASSOCIATION, CONTENT, SEQUENTIAL_LAST, SESSION_COUNT
from udfs.tables import RankTables, item_slots


def features_of(tables: RankTables, profiles: Any, names: Any = FEATURES, total: int = 20, rows: int = 20) -> Any:
    found = find_candidates(tables, item_slots(tables.item_hash), profiles, Quotas.of(total))
    table = compute_features(tables, profiles, found, columns(names), rows)
    return found, table.reshape(len(profiles), rows, len(names))


def one_item(item: int, **changes: Any) -> tuple[RankTables, Any]:
    """Tables whose only candidate is one item, and a profile that looked at i0 and, before it, i3."""
    empty = np.full((1, 1), -1, np.int32)
    changes = {
        "in_stock": (np.arange(8) == item).astype(np.uint8),
        "popular": np.array([item], np.int32),
        "category_items": np.repeat(empty, 2, 0),
        "segment_items": np.repeat(empty, 6, 0),
        "trending": empty[0],
        "new": empty[0],
        "item_brand": np.array([1, 1, 2, 2, 3, 3, -1, -1], np.int32),
        "item_subcategory": np.array([5, 6, 5, 6, 5, 6, -1, -1], np.int32),
        "log_price": np.full(8, 3.0, np.float32),
        **changes,
    }
    profile = empty_profiles(1)
    profile["items"][0, 0], profile["items"][0, 1] = (hash64("i3"), 4, 1), (hash64("i0"), 4, 2)
    profile["items_n"], profile["visits"], profile["segment"] = 2, 2, 1000
    return make_tables(items=8, categories=2, segments=1, sessions=0)._replace(**changes), profile


def named(tables: RankTables, profile: Any) -> dict[str, float]:
    found, table = features_of(tables, profile)
    assert found.filled[0] == 1
    return dict(zip(FEATURES, table[0, 0].tolist(), strict=True))


def test_item_and_user() -> None:
    tables, profile = one_item(2)
    profile["focus"], profile["device"], profile["shifts"], profile["shift_time"] = category_hash("c0"), 2, 1, 50
    profile["n_events"], profile["visit_events"], profile["price_sum"], profile["price_n"] = 9, 3, 58.0, 2
    profile["counts"][0, [2, 5, 8]] = (6, 2, 1)
    set_category(profile, 0, "c0", [1, 2, 0, 0, 0, 0], [4, 0, 0, 0])
    set_category(profile, 1, "c1", [0, 0, 1, 0, 0, 0], [0, 0, 0, 12])
    profile["click_propensity"], profile["purchase_propensity"], profile["churn_risk"] = 0.25, 0.125, 0.75
    profile["categories"]["affinity"][0, :2] = 51, 204
    values = named(tables, profile)
    expected = {
        "category_short": 0.75,
        "category_long": 0.25,
        "is_focus": 1.0,
        "price_gap": 3.0 - math.log(30.0),
        # i0, the newest, weighs 1; i3 a quarter (older, and of another visit), and a quarter of that (of another category than the focus).
        "brand_match": 0.0625 / 1.0625,
        "subcategory_match": 1.0 / 1.0625,
        "seen_place": 0.0,
        "popularity": tables.popularity[2],
        "category_popularity": tables.category_popularity[2],
        "trend": tables.trend[2],
        "conversion": tables.conversion[2],
        "log_price": 3.0,
        "is_new": tables.is_new[2],
        "log_events": math.log(10),
        "log_visit_events": math.log(4),
        "cart_rate": 0.25,
        "purchase_rate": 1 / 9,
        "focus_known": 1.0,
        "shifted": 1.0,
        "mobile": 1.0,
        "ring_size": 2 / 12,
        "last_popularity": tables.popularity[0],
        "click_propensity": 0.25,
        "purchase_propensity": 0.125,
        "churn_risk": 0.75,
        "category_affinity": 51 / 255,
    }
    assert {name: values[name] for name in expected} == {name: float(np.float32(value)) for name, value in expected.items()}


def test_where_nothing_is_known_it_is_nought() -> None:
    tables, profile = one_item(6, log_price=np.zeros(8, np.float32), item_category=np.zeros(8, np.uint32))
    profile["items_n"] = 0
    set_category(profile, 0, "c0", [1] * 6, [1] * 4)
    values = named(tables, profile)
    item = {"popularity", "category_popularity", "trend", "conversion", "is_new"}
    assert {name for name, value in values.items() if value} <= item


def test_a_shift_counts_in_its_visit_only() -> None:
    tables, profile = one_item(2)
    profile["shifts"], profile["shift_time"], profile["visit_start"] = 1, 50, 51
    assert named(tables, profile)["shifted"] == 0.0
    profile["visit_start"] = 50
    assert named(tables, profile)["shifted"] == 1.0


def test_seen_in_an_earlier_visit() -> None:
    tables, profile = one_item(3)
    values = named(tables, profile)
    assert (values["seen_place"], values["seen_count"], values["is_last"]) == (0.5, 1.0, 0.0)


def test_similarity_features_are_the_candidates() -> None:
    tables, profiles = make_tables(seed=3), make_profiles(10, 3)
    found, table = features_of(tables, profiles, ("similar_rank", "association", "sequential_last", "session_count", "content"))
    assert found.rank.max() > 0
    signals = found.signals[:, :, [ASSOCIATION, SEQUENTIAL_LAST, SESSION_COUNT, CONTENT]]
    assert np.all(signals.max((0, 1)) > 0)
    assert np.array_equal(table[..., 1:], signals.astype(np.float32))
    assert np.array_equal(table[..., 0], np.where(found.rank >= 0, 1 / (1.0 + np.maximum(found.rank, 0)), 0).astype(np.float32))


def test_vectors_are_compared_with_the_ring() -> None:
    vectors = np.zeros((8, 2), np.int8)
    vectors[0], vectors[3], vectors[2] = (127, 0), (0, 127), (0, 127)  # i0 is newest, i3 comes before it
    tables, profile = one_item(2, item_vectors=vectors, place_weights=1.0 / (1.0 + np.arange(12)))
    values = named(tables, profile)
    assert values["embedding_last"] == 0.0
    # i3 was looked at in another visit: half of a half against 1.
    assert values["embedding_mean"] == pytest.approx(0.25 / 1.25)
    assert values["embedding_best"] == 1.0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**16), st.permutations(FEATURES), st.integers(1, len(FEATURES)))
def test_columns_come_as_asked(seed: int, names: list[str], count: int) -> None:
    tables, profiles = make_tables(seed=seed), make_profiles(5, seed)
    _, everything = features_of(tables, profiles)
    _, some = features_of(tables, profiles, names[:count])
    assert np.array_equal(some, everything[..., columns(names[:count])])
    assert np.all(np.isfinite(everything))


def test_rows_after_the_last_candidate_are_nought() -> None:
    found, table = features_of(make_tables(items=9), make_profiles(4, items=9), total=20, rows=24)
    assert found.filled.max() < 20
    for r in range(4):
        assert np.all(table[r, : found.filled[r], FEATURES.index("log_events")] > 0)
        assert not table[r, found.filled[r] :].any()


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="tuple"):
        columns(["session_score", "nonsense"])
