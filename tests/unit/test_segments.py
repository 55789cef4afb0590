"""Which segment a shopper is in, by hand: docs/semantics.md, section "Segment"."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.bundles import make_profiles, make_segments
from udfs.profile import CATEGORIES, empty_profiles
from udfs.segments import BEHAVIOUR, COLD_START, SegmentModel, choose, mark_of, nearest, no_segments, profile_vectors, vector

TENTS, PRAMS, LAMPS, UNKNOWN = 10, 20, 2**32 - 1, 15
KNOWN = np.array([TENTS, PRAMS, LAMPS], np.uint32)
NUMBERS = st.floats(-2, 2, width=32)


def shopper(*entries: tuple[int, int, int], **fields: float) -> NDArray[np.void]:
    """A profile with entries of (category, short, long), spread over the panes."""
    profiles = empty_profiles(1)
    for k, (category, short, long) in enumerate(entries):
        entry = profiles["categories"][0, k]
        entry["category"] = category
        entry["short"][[1, 4]] = short // 2, short - short // 2
        entry["long"][[0, 3]] = long // 2, long - long // 2
    for name, value in fields.items():
        profiles[name] = value
    return profiles


def vector_of(profiles: NDArray[np.void], categories: NDArray[np.uint32] = KNOWN) -> list[float]:
    found: list[float] = profile_vectors(profiles, categories)[0].tolist()
    return found


def counted(views: int = 0, carts: int = 0, purchases: int = 0) -> NDArray[np.void]:
    profiles = shopper()
    profiles["counts"][0, [2, 5, 8]] = views, carts, purchases
    return profiles


def test_who_has_nothing_has_a_vector_of_zeros() -> None:
    assert vector_of(shopper()) == [0.0] * 6


def test_the_short_window_tells_more_than_the_long_one() -> None:
    found = vector_of(shopper((PRAMS, 3, 5), (UNKNOWN, 1, 10), (LAMPS, 0, 5)))
    assert found == [0.0, 0.7 * (3 / 4) + 0.3 * (5 / 20), 0.7 * (0 / 4) + 0.3 * (5 / 20), 0.0, 0.0, 0.0]


def test_without_a_short_window_the_long_one_tells_all() -> None:
    assert vector_of(shopper((LAMPS, 0, 5), (UNKNOWN, 0, 10), (TENTS, 0, 5)))[:3] == [0.25, 0.0, 0.25]


def test_categories_of_no_bundle_tell_nothing() -> None:
    assert vector_of(shopper((UNKNOWN, 3, 5), (TENTS - 1, 1, 1))) == [0.0] * 6
    assert vector_of(shopper((TENTS, 3, 5)), np.zeros(0, np.uint32)) == [0.0] * 3


def test_prices() -> None:
    assert vector_of(shopper(price_sum=30.0, price_n=4))[3] == 0.1 * math.log(1 + 7.5)
    assert vector_of(shopper(price_sum=30.0))[3] == 0.0


@pytest.mark.parametrize(
    ("profile", "cart_rate", "purchase_rate"),
    [
        (counted(), 0.0, 0.0),
        (counted(views=3), 0.0, 0.0),
        (counted(views=3, carts=1), 0.5 * (1 / 4), 0.0),
        (counted(purchases=2), 0.0, 0.5),
        (counted(65_535, 65_535, 65_535), 0.5 * (1 / 2), 0.5 * (65_535 / 196_605)),
    ],
)
def test_rates(profile: NDArray[np.void], cart_rate: float, purchase_rate: float) -> None:
    assert vector_of(profile)[4:] == [cart_rate, purchase_rate]


@given(st.integers(0, 10**6))
def test_all_at_once_is_one_by_one(seed: int) -> None:
    profiles, model = make_profiles(5, seed=seed, events=8), make_segments(categories=3)
    one = np.full(len(model.categories) + BEHAVIOUR, 9.0)
    for profile, found in zip(profiles, profile_vectors(profiles, model.categories), strict=True):
        vector(profile, model.categories, one)
        assert one.tolist() == found.tolist()


@given(st.data(), st.integers(1, 6), st.integers(3, 8))
def test_the_nearest_is_the_nearest(data: st.DataObject, segments: int, width: int) -> None:
    numbers = st.lists(NUMBERS, min_size=width, max_size=width)
    v, centroids = data.draw(numbers), data.draw(st.lists(numbers, min_size=segments, max_size=segments))

    def distance(centroid: Sequence[float]) -> float:
        total = 0.0
        for a, b in zip(v, centroid, strict=True):
            total += (a - b) * (a - b)
        return total

    distances = [distance(centroid) for centroid in centroids]
    assert nearest(np.array(v), np.array(centroids)) == distances.index(min(distances))


def test_of_equals_the_first_is_nearest() -> None:
    assert nearest(np.array([0.5, 0.5]), np.array([[9.0, 9.0], [1.0, 0.5], [0.5, 1.0], [0.0, 0.5]])) == 1


def chosen(profiles: NDArray[np.void], model: SegmentModel, *, moved: bool) -> int:
    """The segment after an event, and that it is not written yet."""
    before = profiles.tobytes()
    mark = np.uint32(mark_of(model))
    found: int = choose(profiles[0], model.categories, model.centroids, mark, np.zeros(model.centroids.shape[1]), moved)
    assert profiles.tobytes() == before
    return found


MODEL = SegmentModel(KNOWN, np.eye(6)[:3])
LOVES_PRAMS = (PRAMS, 4, 9)


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("device", range(5))
def test_cold_start(device: int, *, moved: bool) -> None:
    cold = shopper(LOVES_PRAMS, n_events=4, device=device)
    assert chosen(cold, MODEL, moved=moved) == COLD_START + device
    many = shopper(LOVES_PRAMS, n_events=400, segment=2, device=device)
    assert chosen(many, no_segments(), moved=moved) == COLD_START + device


@pytest.mark.parametrize(
    ("before", "moved", "after"),
    [(-1, False, 1), (1000, False, 1), (1004, True, 1), (2, False, 2), (2, True, 1), (0, False, 0), (999, False, 999), (1, True, 1)],
)
def test_the_segment_changes_when_she_gets_warm_or_her_intent_moves(before: int, moved: bool, after: int) -> None:
    assert chosen(shopper(LOVES_PRAMS, n_events=5, segment=before, segments_of=mark_of(MODEL)), MODEL, moved=moved) == after


@pytest.mark.parametrize(("before", "after"), [(-1, 1), (1000, 1), (2, 1), (0, 1), (999, 1), (1, 1)])
@pytest.mark.parametrize("mark", [0, 1, mark_of(MODEL) ^ 1])
def test_a_segment_of_another_model_is_none_of_this(before: int, after: int, mark: int) -> None:
    assert chosen(shopper(LOVES_PRAMS, n_events=5, segment=before, segments_of=mark), MODEL, moved=False) == after


def test_a_category_that_is_known_only_by_the_bundle_is_zero() -> None:
    assert vector_of(shopper((LAMPS, 1, 1)))[:2] == [0.0, 0.0]
    assert vector_of(shopper(*[(100 + k, 1, 1) for k in range(CATEGORIES - 1)], (LAMPS, 1, 1)))[2] == pytest.approx(0.1)
