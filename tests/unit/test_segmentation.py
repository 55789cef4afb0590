"""Segments found in profiles: what is chosen, what it is called, and what stays from one bundle to the next."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.bundles import category_hash, make_profiles, make_segments
from training.segmentation import Previous, Segmentation, most_seen, segment
from training.segmentation.assessing import Candidate, assess
from training.segmentation.choosing import choose, explain
from training.segmentation.levels import intent_level, intents, lift, price_bounds, price_level, prices, propensity
from training.segmentation.mapping import draw_map
from training.segmentation.matching import FAR, keep_rows, match
from training.segmentation.methods import DBSCAN_, HDBSCAN_, KMEANS, Way, cluster, ways
from training.segmentation.naming import Marks, name_segments
from training.segmentation.serving import LARGEST, SMALLEST, assign, without_small
from udfs.profile import PROFILE, empty_profiles
from udfs.segments import BEHAVIOUR, SegmentModel, nearest, no_segments, profile_vectors

PRAMS, TOYS, SHOES, TENTS = (category_hash(name) for name in ("Prams", "Toys", "Shoes", "Tents"))
NAMES = {PRAMS: "Prams", TOYS: "Toys", SHOES: "Shoes", TENTS: "Tents"}
KNOWN = np.sort(np.array(list(NAMES), np.uint32))


def shoppers(
    count: int, likes: dict[int, int], *, price: float = 0.0, carts: int = 0, purchases: int = 0, seed: int = 0
) -> NDArray[np.void]:
    """Profiles that look at some categories so often, give or take one in ten."""
    random = np.random.default_rng(seed)
    profiles = empty_profiles(count)
    for k, (category, looks) in enumerate(likes.items()):
        profiles["categories"]["category"][:, k] = category
        profiles["categories"]["long"][:, k, 0] = random.integers(9 * looks, 11 * looks + 1, count)
    views = profiles["categories"]["long"].sum((1, 2))
    profiles["counts"][:, 2], profiles["counts"][:, 5], profiles["counts"][:, 8] = views, carts, purchases
    profiles["n_events"] = views + carts + purchases
    if price:
        profiles["price_n"], profiles["price_sum"] = 10, 10 * price * random.uniform(0.9, 1.1, count)
    return profiles


def a_shop() -> NDArray[np.void]:
    return np.concatenate(
        [
            shoppers(300, {PRAMS: 18, TENTS: 1, TOYS: 1}, price=400.0, seed=1),
            shoppers(200, {TOYS: 16, PRAMS: 2}, price=20.0, carts=40, purchases=20, seed=2),
            shoppers(100, {SHOES: 10, TENTS: 8}, price=90.0, seed=3),
        ]
    )


@pytest.fixture(scope="module")
def found() -> Segmentation:
    return segment(a_shop(), KNOWN, NAMES, 7)


def test_the_tastes_are_found_and_told(found: Segmentation) -> None:
    assert found.names == ("Prams · premium · comparing", "Toys · budget · about to buy", "Shoes & Tents · browsing")
    told = found.report["segments"]
    assert [(one["id"], one["name"], one["size"], one["share"]) for one in told] == [
        (0, found.names[0], 300, 0.5), (1, found.names[1], 200, 0.3333), (2, found.names[2], 100, 0.1667)
    ]  # fmt: skip
    assert told[1]["propensity"]["level"] == "high"
    assert told[1]["propensity"]["buyers"] == 1.0
    assert told[1]["intent"]["about_to_buy"] == 1.0
    assert told[0]["categories"][0]["name"] == "Prams"
    assert told[0]["categories"][0]["lift"] == pytest.approx(told[0]["categories"][0]["share"] / told[0]["categories"][0]["shop"], abs=0.01)
    assert told[2]["example"]["categories"].keys() == {"Shoes", "Tents"}
    assert sum(one["size"] for one in told) == found.report["profiles"] == 600
    assert len(found.report["map"]["points"]) == 600
    assert json.loads(json.dumps(found.report)) == found.report


def test_the_report_says_what_was_tried(found: Segmentation) -> None:
    candidates = found.report["candidates"]
    assert {one["method"] for one in candidates} == {"k-means", "agglomerative (Ward)", "HDBSCAN", "DBSCAN"}
    chosen = candidates[found.report["chosen"]]
    assert chosen["segments"] == 3
    assert sum(chosen["sizes"]) == 600
    assert min(chosen["silhouette"], chosen["stability"], chosen["agreement"]) > 0.8
    assert all(one["score"] is None or one["score"] <= chosen["score"] + 0.01 for one in candidates)
    assert f"Of {len(candidates)} ways" in found.report["why"]


def test_the_same_seed_gives_the_same_segments(found: Segmentation) -> None:
    again = segment(a_shop(), KNOWN, NAMES, 7)
    assert again.model.centroids.tobytes() == found.model.centroids.tobytes()
    assert again.report == found.report


def test_too_few_or_all_alike() -> None:
    for profiles in (empty_profiles(0), a_shop()[:5], np.repeat(a_shop()[:1], 500), make_profiles(30)):
        none = segment(profiles, KNOWN, NAMES, 0)
        assert none.names == ()
        assert none.model.centroids.shape == (0, BEHAVIOUR)
        assert none.report["map"] is None
        assert none.report["segments"] == []
        json.dumps(none.report)


def test_without_categories_segments_are_called_after_intent_and_price() -> None:
    views = shoppers(200, {PRAMS: 10}, seed=4)
    buys = shoppers(100, {PRAMS: 10}, seed=5, carts=120, purchases=40)
    without = segment(np.concatenate([views, buys]), np.zeros(0, np.uint32), {}, 0)
    assert without.model.centroids.shape[1] == BEHAVIOUR
    assert all(name.startswith(("Browsing", "Comparing", "About to buy")) for name in without.names)
    assert len(set(without.names)) == len(without.names) >= 2
    assert all(one["price"]["level"] is None for one in without.report["segments"])


def test_random_profiles() -> None:
    profiles = make_profiles(400, events=30)
    model = make_segments()
    some = segment(profiles, model.categories, {}, 0)
    assert 1 < len(some.names) == len(some.model.centroids)
    sizes = [one["size"] for one in some.report["segments"]]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) >= SMALLEST * 400


def test_most_seen() -> None:
    seen = np.repeat(np.arange(100, dtype=np.uint32), np.arange(100))
    assert most_seen(seen).tolist() == list(range(36, 100))
    assert most_seen(np.zeros(5, np.uint32)).tolist() == []


# Methods and what is served of them


def blobs(*sizes: int, width: int = 4, spread: float = 0.02, seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    middles = np.eye(width)[: len(sizes)]
    return np.concatenate([middle + random.normal(0, spread, (size, width)) for middle, size in zip(middles, sizes, strict=True)])


@pytest.mark.parametrize("way", [way for way in ways(3) if way.parameters.get("clusters", 3) == 3], ids=str)
def test_every_method_finds_what_is_plain(way: Way) -> None:
    labels = cluster(way, blobs(100, 80, 60), 0)
    kept = labels >= 0
    of = np.repeat([0, 1, 2], [100, 80, 60])
    assert kept.mean() > 0.2 if way.method == DBSCAN_ else kept.all()
    assert len(set(zip(labels[kept].tolist(), of[kept].tolist()))) == len(set(labels[kept].tolist())) == 3


def test_how_many_clusters_are_asked_for_depends_on_the_rows() -> None:
    assert [way.parameters["clusters"] for way in ways(7) if way.method == KMEANS] == [3, 4, 6]
    assert [way.parameters["clusters"] for way in ways(2) if way.method == KMEANS] == [2]
    assert any(way.method == HDBSCAN_ for way in ways(2))


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_shoppers_are_assigned_as_the_job_does(seed: int, segments: int) -> None:
    profiles, model = make_profiles(12, seed=seed % 50, events=8), make_segments(segments=segments, seed=seed)
    vectors = profile_vectors(profiles, model.categories)
    assert assign(vectors, model.centroids).tolist() == [nearest(vector, model.centroids) for vector in vectors]


def test_small_segments_are_left_out() -> None:
    rows = blobs(500, 300, 4)
    kept = without_small(rows, np.eye(4)[:3])
    assert kept.tolist() == np.eye(4)[:2].tolist()
    assert without_small(rows, np.eye(4)[:2]).tolist() == kept.tolist()


def test_one_large_segment_is_refused_where_there_is_another_way() -> None:
    rows = blobs(900, 50, 50)
    candidates = assess(rows, rows, [Way(KMEANS, {"clusters": 3})], 0)
    assert candidates[0].refused == "one segment would hold 90% of the shoppers"
    assert LARGEST < 0.9
    only = choose(candidates)
    assert only is candidates[0]
    assert "No way kept to the limits" in explain(only, candidates)
    more = [Way(KMEANS, {"clusters": 3}), Way(KMEANS, {"clusters": 6})]
    candidates = assess(rows, rows, more, 0)
    assert choose(candidates) is candidates[1]
    assert candidates[0].stability is None


def test_a_method_whose_clusters_the_centroids_do_not_keep_counts_less() -> None:
    """Two rings around one middle: the density finds them, the nearest centroid cannot tell them apart."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    rows = np.concatenate([ring, 4 * ring])
    by_density, by_mean = assess(rows, rows, [Way(HDBSCAN_, {"least_share": 0.05}), Way(KMEANS, {"clusters": 4})], 0)
    assert by_density.refused is not None or (by_density.agreement or 0) < 0.5
    assert by_mean.agreement == 1.0


def candidate(score: float | None, segments: int, method: str = "k-means") -> Candidate:
    return Candidate(method, {}, np.zeros((segments, 2)), [10] * segments, silhouette=score, agreement=1.0, stability=1.0, score=score)


def test_the_best_is_chosen_and_of_those_alike_the_simplest() -> None:
    first, second, third = candidate(0.5, 8), candidate(0.505, 4), candidate(0.505, 4, "HDBSCAN")
    assert choose([candidate(0.4, 3), first, second, third, candidate(None, 9)]) is second
    assert choose([candidate(0.4, 3), candidate(0.6, 12)]).method == "k-means"  # type: ignore[union-attr]
    assert choose([candidate(None, 1)]) is None
    assert "too few" in explain(None, [])


# Numbers and names that stay


def model_of(rows: NDArray[np.float64], categories: NDArray[np.uint32] | None = None) -> SegmentModel:
    width = rows.shape[1] - BEHAVIOUR
    return SegmentModel(np.arange(1, width + 1, dtype=np.uint32) if categories is None else categories, rows)


@st.composite
def far_apart(draw: st.DrawFn) -> NDArray[np.float64]:
    """Centroids each of which has a category of its own, so that they are far apart."""
    count = draw(st.integers(1, 9))
    rows = np.zeros((count, count + BEHAVIOUR))
    rows[np.arange(count), np.arange(count)] = draw(st.lists(st.floats(0.6, 1.0), min_size=count, max_size=count))
    rows[:, count:] = np.array(draw(st.lists(st.floats(0.0, 0.1), min_size=3 * count, max_size=3 * count))).reshape(count, 3)
    return rows


@given(far_apart(), st.data())
def test_segments_that_stay_keep_their_numbers(rows: NDArray[np.float64], data: st.DataObject) -> None:
    count = len(rows)
    order = np.array(data.draw(st.permutations(range(count))))
    moved = np.array(data.draw(st.lists(st.floats(-0.03, 0.03), min_size=rows.size, max_size=rows.size))).reshape(rows.shape)
    new, old = model_of(rows[order] + moved), model_of(rows)
    matched = match(new, old)
    assert matched == dict(enumerate(order.tolist()))
    places, kept = keep_rows(new, matched)
    assert order[places].tolist() == list(range(count))
    assert kept == {number: number for number in range(count)}


@given(far_apart(), st.data())
def test_what_goes_leaves_its_number_and_what_comes_takes_a_free_one(rows: NDArray[np.float64], data: st.DataObject) -> None:
    count = len(rows)
    gone = data.draw(st.integers(0, count - 1))
    order = np.array(data.draw(st.permutations(range(count))))
    changed = rows[order].copy()
    changed[order == gone] = 9.0
    new = model_of(changed)
    places, kept = keep_rows(new, match(new, model_of(rows)))
    assert sorted(places.tolist()) == list(range(count))
    assert kept == {number: number for number in range(count) if number != gone}
    assert changed[places][gone].tolist() == [9.0] * rows.shape[1]


def test_a_number_beyond_the_new_ones_cannot_stay() -> None:
    old = np.eye(4, 4 + BEHAVIOUR)
    new = model_of(old[[3, 1]])
    places, kept = keep_rows(new, match(new, model_of(old)))
    assert (places.tolist(), kept) == ([0, 1], {0: 3, 1: 1})


def test_only_the_categories_that_both_know_are_compared() -> None:
    old = SegmentModel(np.array([1, 2, 3], np.uint32), np.array([[0.9, 0, 0, 0, 0, 0], [0, 0, 0.9, 0, 0, 0]]))
    new = SegmentModel(np.array([2, 3, 4], np.uint32), np.array([[0, 0, 0.9, 0, 0, 0], [0, 0.8, 0.1, 0, 0, 0]]))
    assert match(new, old) == {0: 0, 1: 1}
    assert match(SegmentModel(np.array([9], np.uint32), np.zeros((1, 4))), old) == {}
    assert match(no_segments(), old) == match(old, no_segments()) == {}


def test_what_is_too_far_is_another_segment() -> None:
    row = np.zeros((1, 1 + BEHAVIOUR))
    assert match(model_of(row + np.array([FAR * 0.99, 0, 0, 0])), model_of(row)) == {0: 0}
    assert match(model_of(row + np.array([FAR * 1.01, 0, 0, 0])), model_of(row)) == {}


def test_the_next_bundle_keeps_numbers_and_names(found: Segmentation) -> None:
    order = np.array([2, 0, 1])
    before = Previous(SegmentModel(found.model.categories, found.model.centroids[order]), ("old shoes", "old prams", "old toys"))
    again = segment(a_shop(), KNOWN, NAMES, 8, before)
    assert again.names == before.names
    assert np.allclose(again.model.centroids, before.model.centroids, atol=0.05)
    assert [one["before"] for one in again.report["segments"]] == [0, 1, 2]
    grown = segment(np.concatenate([a_shop(), shoppers(150, {TENTS: 20}, seed=9)]), KNOWN, NAMES, 8, before)
    assert grown.names[:3] == before.names
    assert grown.names[3].startswith("Tents")
    assert grown.report["segments"][3]["before"] is None


# Names and levels


def marks(*categories: tuple[str, float, float], price: str | None = None, intent: str = "browsing", buys: str | None = None) -> Marks:
    return Marks(categories, price, intent, buys)


def test_names_tell_what_marks_a_segment() -> None:
    named = name_segments(
        [
            marks(("Headphones", 0.5, 0.1), ("Speakers", 0.4, 0.1), price="premium", intent="comparing"),
            marks(("Prams", 0.9, 0.1), ("Toys", 0.1, 0.1), price="mid-range"),
            marks(("Gifts", 0.5, 0.6), ("Lamps", 0.2, 0.05)),
            marks(("Gifts", 0.1, 0.05), ("Lamps", 0.1, 0.05), intent="about to buy"),
            marks(price="budget", intent="comparing"),
            marks(("Prams", 0.0, 0.1)),
        ]
    )  # fmt: skip
    assert named == (
        "Headphones & Speakers · premium · comparing", "Prams · browsing", "Lamps · browsing", "Many categories · about to buy",
        "Budget · comparing", "Everything · browsing",
    )  # fmt: skip


def test_no_two_names_are_alike() -> None:
    prams = marks(("Prams", 0.8, 0.1), ("Toys", 0.1, 0.1), price="mid-range", buys="high")
    assert name_segments([prams] * 6) == (
        "Prams · browsing", "Prams · mid-range · browsing", "Prams · mid-range · browsing · buys often", "Prams with Toys · browsing",
        "Prams with Toys · browsing 2", "Prams with Toys · browsing 3",
    )  # fmt: skip
    assert name_segments([prams, "Prams · browsing"]) == ("Prams · mid-range · browsing", "Prams · browsing")
    assert name_segments([marks(), marks(), marks()]) == ("Browsing", "Browsing 2", "Browsing 3")


@given(st.lists(st.builds(marks, st.tuples(st.sampled_from("ab"), st.just(0.5), st.just(0.1)), price=st.sampled_from([None, "budget"]))))
def test_names_are_always_distinct(many: list[Any]) -> None:
    assert len(set(name_segments(many))) == len(many)


def test_intent_is_relative_to_the_shop() -> None:
    profiles = np.concatenate([shoppers(60, {PRAMS: 5, TOYS: 5}), shoppers(20, {PRAMS: 10}), shoppers(20, {PRAMS: 5, TOYS: 5}, carts=9)])
    assert intents(profiles).tolist() == [0] * 60 + [1] * 20 + [2] * 20 or set(intents(profiles)[80:].tolist()) == {2}
    assert set(intents(profiles)[60:80].tolist()) == {1}
    assert not intents(np.repeat(profiles[-1:], 50)).any(), "where all are alike, nobody stands out"
    assert intents(np.zeros(0, PROFILE)).tolist() == []


def test_coming_back_to_items_is_comparing() -> None:
    profiles = empty_profiles(3)
    profiles["items_n"] = 4, 4, 30
    profiles["items"]["item"][:, :4] = [[1, 2, 3, 4], [1, 2, 1, 2], [1, 2, 3, 4]]
    profiles["items"]["item"][2, 4:] = range(5, 13)
    assert intents(profiles).tolist() == [0, 1, 0]


def test_levels_of_a_segment() -> None:
    shop = (0.5, 0.3, 0.2)
    assert intent_level([500, 300, 200], shop) == "browsing"
    assert intent_level([400, 300, 300], shop) == "about to buy"
    assert intent_level([400, 400, 200], shop) == "comparing"
    assert intent_level([2, 1, 1], shop) == "browsing", "four shoppers prove nothing"
    assert intent_level([10, 0, 0], (1.0, 0.0, 0.0)) == "browsing"
    assert lift(30, 100, 0.3) == 1.0
    assert propensity(50, 100, 0.2)[0] == "high"
    assert propensity(20, 100, 0.2) == ("average", 1.0)
    assert propensity(5, 100, 0.2)[0] == "low"
    assert propensity(0, 100, 0.0) == (None, None)


def test_price_levels() -> None:
    profiles = empty_profiles(4)
    profiles["price_n"], profiles["price_sum"] = [2, 1, 1, 0], [20.0, 30.0, 90.0, 0.0]
    of_shop = prices(profiles)
    assert of_shop[:3].tolist() == [10.0, 30.0, 90.0]
    assert np.isnan(of_shop[3])
    bounds = price_bounds(of_shop)
    assert [price_level(of_shop[[k]], bounds) for k in range(4)] == ["budget", "mid-range", "premium", None]
    assert price_bounds(of_shop[3:]) is None
    assert price_bounds(np.full(9, 5.0)) is None


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_the_map_does_not_depend_on_the_sign_of_the_axes(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(40, 5)) * [5, 2, 1, 1, 1]
    labels = np.zeros(40, np.int64)
    drawn = draw_map(rows, labels, rows[:1], 0)
    xs = [x for x, _, _ in drawn["points"]]
    assert abs(np.corrcoef(xs, rows[:, 0])[0, 1]) > 0.9
    assert drawn["centroids"][0] == drawn["points"][0][:2]
    assert 0 < drawn["explained"] <= 1
